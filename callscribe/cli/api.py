"""The HTTP API of a running Callscribe, as the commands use it."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

from callscribe.config.settings import WebSettings
from callscribe.domain.errors import CallscribeError


class ServiceUnavailable(CallscribeError):
    """No Callscribe answers."""


def base_url(web: WebSettings) -> str:
    """Where people reach the pages and API."""
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host
    return (web.public_url or f"http://{host}:{web.port}").rstrip("/")


def fetch(base: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
    """GET a path of the API. Raises ServiceUnavailable, or CallscribeError with the sentence the API answered."""
    url = f"{base}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            body: bytes = response.read()
            return body
    except urllib.error.HTTPError as error:
        with error:
            raise CallscribeError(_problem(error.read()) or f"{url} answered {error.code}") from error
    except OSError as error:
        raise ServiceUnavailable(
            f"no Callscribe answers at {base}; start it with `callscribe serve` or set web.port"
        ) from error


def _problem(body: bytes) -> str:
    """The detail of an RFC 9457 problem document, or ""."""
    try:
        problem = json.loads(body)
    except ValueError:
        return ""
    return str(problem.get("detail", "")) if isinstance(problem, dict) else ""
