"""The HTTP API of a running Callscribe, as the commands use it."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from callscribe.config.web import WebSettings
from callscribe.domain.errors import CallscribeError

TIMEOUT_S = 30
PART = 65_536
"""Bytes that are taken of a stream at once."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_token: ContextVar[str] = ContextVar("token", default="")


def send_token(token: str) -> None:
    """Ask with this API token from now on; "": with none."""
    _token.set(token)


def base_url(web: WebSettings) -> str:
    """Where people reach the pages and API."""
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host
    host = f"[{host}]" if ":" in host else host
    return (web.public_url or f"http://{host}:{web.port}").rstrip("/")


def fetch(base: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
    """GET a path of the API. Raises CallscribeError, where the API answered a sentence with that one."""
    return _answer(base, urllib.request.Request(_url(base, path, query)))


def stream(base: str, path: str, query: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """As `fetch`, part by part. Raises CallscribeError also where the answer breaks off."""
    request = urllib.request.Request(_url(base, path, query))
    with _reached(base), _opener(base).open(_signed(request), timeout=TIMEOUT_S) as response:
        try:
            while part := response.read(PART):
                yield part
        except http.client.IncompleteRead as error:
            raise CallscribeError("the answer broke off before its end; the service's log tells why") from error


def send(
    base: str,
    method: str,
    path: str,
    body: object = None,
    query: Mapping[str, str] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """The same with another method; `body` goes as JSON where it is not None."""
    sent = None if body is None else json.dumps(body).encode()
    headers = {} if sent is None else {"content-type": "application/json"}
    return _answer(base, urllib.request.Request(_url(base, path, query), sent, headers, method=method), timeout_s)


def _url(base: str, path: str, query: Mapping[str, str] | None) -> str:
    return f"{base}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")


def _answer(base: str, request: urllib.request.Request, timeout_s: float = TIMEOUT_S) -> bytes:
    with _reached(base), _opener(base).open(_signed(request), timeout=timeout_s) as response:
        body: bytes = response.read()
        return body


def _signed(request: urllib.request.Request) -> urllib.request.Request:
    """With the token, which no redirect takes to another server."""
    if token := _token.get():
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    return request


@contextmanager
def _reached(base: str) -> Iterator[None]:
    """Errors of a request as sentences."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise CallscribeError(_problem(error.read()) or _stranger(base)) from error
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
