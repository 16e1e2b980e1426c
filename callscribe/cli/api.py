"""The HTTP API of a running Callscribe, as the commands use it."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

from callscribe.config.settings import WebSettings
from callscribe.domain.errors import CallscribeError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def base_url(web: WebSettings) -> str:
    """Where people reach the pages and API."""
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host
    host = f"[{host}]" if ":" in host else host
    return (web.public_url or f"http://{host}:{web.port}").rstrip("/")


def fetch(base: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
    """GET a path of the API. Raises CallscribeError, where the API answered a sentence with that one."""
    url = f"{base}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    try:
        with _opener(base).open(url, timeout=30) as response:
            body: bytes = response.read()
            return body
    except urllib.error.HTTPError as error:
        with error:
            raise CallscribeError(
                _problem(error.read()) or f"what answers at {base} is no Callscribe; set web.port"
            ) from error
    except OSError as error:
        raise CallscribeError(
            f"no Callscribe answers at {base}; start it with `callscribe serve` or set web.port"
        ) from error
    except http.client.HTTPException as error:
        raise CallscribeError(_stranger(base)) from error


def _opener(base: str) -> urllib.request.OpenerDirector:
    """A proxy that the environment names leads away from this machine, so not to a service on it."""
    local = urllib.parse.urlsplit(base).hostname in LOOPBACK_NAMES
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))


def _stranger(base: str) -> str:
    return f"what answers at {base} is no Callscribe; set web.port"


def _problem(body: bytes) -> str:
    """The detail of an RFC 9457 problem document, or ""."""
    try:
        problem = json.loads(body)
    except ValueError:
        return ""
    return str(problem.get("detail", "")) if isinstance(problem, dict) else ""
