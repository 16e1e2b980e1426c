"""What every answer tells the browser to refuse, and which requests of other sites are refused here.

A page of another site can make a browser send requests to this server, also to one that listens on loopback only: by
a form or script (its Origin header tells), by a WebSocket, which knows no same-origin rule, or by a host name of its
own that it lets resolve to this address (DNS rebinding; the Host header tells).
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from callscribe.config.web import WebSettings
from callscribe.console.problems import Problem, ProblemResponse

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})

NO_FRAME = "frame-ancestors 'none'"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        NO_FRAME,
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


FRAMED = frozenset({"/desk", "/login"})
"""Pages that those who are named in the settings may have in a frame: the desk, and the form that leads to it."""
FOR_ALL_SITES = "/static/callscribe-desk.js"
"""The one file that pages of other sites load: it holds nothing of anybody."""


class SecurityHeaders:
    """Adds the headers above to every answer; what is not a static file is kept by no cache.

    What failed may be read in a frame wherever the desk may stand: a frame that stays blank tells nobody what to do.
    """

    def __init__(self, app: ASGIApp, web: WebSettings) -> None:
        self._app = app
        policy = POLICY.replace(NO_FRAME, f"frame-ancestors {' '.join(web.embed_origins)}")
        # X-Frame-Options knows no list; where the policy has frame-ancestors, browsers pass it over (CSP 3, 6.4.2).
        framed = {name: value for name, value in HEADERS.items() if name != "x-frame-options"}
        self._framed = {**framed, "content-security-policy": policy} if web.embed_origins else HEADERS

    def _headers(self, path: str, status: int) -> Mapping[str, str]:
        if path == FOR_ALL_SITES:
            return {**HEADERS, "cross-origin-resource-policy": "cross-origin"}
        return self._framed if path in FRAMED or status >= HTTPStatus.BAD_REQUEST else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers(scope["path"], message["status"]).items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        await self._app(scope, receive, add if scope["type"] == "http" else send)


class OwnSite:
    """Refuses what another site made a browser send."""

    def __init__(self, app: ASGIApp, web: WebSettings) -> None:
        self._app = app
        self._public = urlsplit(web.public_url).netloc.lower()
        public_name = {urlsplit(web.public_url).hostname or ""} - {""}
        self._names = LOOPBACK_NAMES | public_name if web.host in LOOPBACK_NAMES else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        complaint = self._complaint(scope) if scope["type"] in ("http", "websocket") else None
        if complaint is None:
            await self._app(scope, receive, send)
            return
        answer = ProblemResponse(Problem.of(HTTPStatus.FORBIDDEN, complaint))
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(answer)
        else:
            await answer(scope, receive, send)

    def _complaint(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._names is not None and _name_of(f"//{host}") not in self._names:
            return "This server is for this machine only and knows no such host name; set web.public_url to allow it."
        origin = headers.get("origin")
        if origin is None or (scope["type"] == "http" and scope["method"] in HARMLESS):
            return None
        if origin.lower().partition("://")[2] in {host, self._public} - {""}:
            return None
        return "A page of another site may not do this; set web.public_url to the address that people use."


def _name_of(address: str) -> str | None:
    """The host name of an address, without its port; None where there is none."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
