"""The HTTP port of the ingests: audio that comes by UDP is announced here, and here is a page with a microphone.

POST /whip      an SDP offer; the answer is 201 with an SDP answer (WHIP, RFC 9725)
POST /rtp       what RTP is to come; the answer is 201 with the address that it is to be sent to
DELETE          what the answer's Location names: the call ends
GET /           the page
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import h11
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from callscribe.config.ingest import IngestSettings
from callscribe.domain.call import Channel, Dialect, Role
from callscribe.domain.errors import PortUnavailable
from callscribe.live.ingest import external_media
from callscribe.live.ingest.access import Access, Request
from callscribe.live.ingest.desk import IngestDesk, Origin
from callscribe.live.ingest.external_media import RtpPlan, open_port
from callscribe.live.ingest.host import IngestHost
from callscribe.live.ingest.listening import count_trouble, server_context
from callscribe.live.ingest.parties import json_object, told_parties, word
from callscribe.live.ingest.steps import Begin
from callscribe.live.ingest.streamed import Source, carry
from telephony.front.admission import RateLimit
from telephony.settings import TrunkSettings

if TYPE_CHECKING:
    from callscribe.live.ingest.webrtc import WebrtcSession

log = structlog.get_logger()

_PAGE = Path(__file__).parent / "page"
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'"
_MOST_BYTES = 1 << 16
"""Of a request."""
_NO_CALL_S = 60.0
"""How long audio that was announced is waited for."""
_STOP_S = 2
_REQUEST_S = 10.0
"""How long a request is waited for, to its last byte."""
_PAGES = 32
"""Connections beside those of two for each call."""


class _Server(uvicorn.Server):
    """One that leaves signals to the process it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connection(H11Protocol):
    """One that is closed where there are too many, of all or of its address, and where no request comes: uvicorn knows
    a limit for neither."""

    counts: Counter[str]
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        most = self.limit_concurrency or 0
        beside = [each.client for each in self.connections if isinstance(each, _Connection)]
        alike = [client for client in beside if client and self.client and client[0] == self.client[0]]
        if len(beside) > most or len(alike) > most // 4:
            self._close("ingest_connections_refused")
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._await_nothing()
        elif self._waiting is None:
            self._await_request()

    def _await_request(self) -> None:
        self._waiting = self.loop.call_later(_REQUEST_S, self._close, "ingest_connections_without_call")

    def _await_nothing(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._waiting = None

    def _close(self, why: str) -> None:
        count_trouble(self.counts, why)
        self.transport.abort()


def _counting(counted: Counter[str]) -> type[_Connection]:
    """What uvicorn makes for each connection."""

    class Connection(_Connection):
        counts = counted

    return Connection


class IngestHttp:
    """The port. Start it once."""

    def __init__(self, settings: IngestSettings, trunks: tuple[TrunkSettings, ...], host: IngestHost) -> None:
        self._settings = settings
        self._access = Access(settings, trunks, time.time)
        self._counts: Counter[str] = Counter()
        self._desk = IngestDesk(host, settings.media_timeout_s, self._counts)
        self._rate = RateLimit(settings.connections_per_second, time.monotonic)
        self._carried: dict[str, asyncio.Task[None]] = {}
        self._webrtc: type[WebrtcSession] | None = None
        self._listener: socket.socket | None = None
        self._server: _Server | None = None
        self._running: list[asyncio.Task[None]] = []
        self._draining = False

    @property
    def port(self) -> int:
        """The bound port; 0 before `start`, or where the settings want none."""
        return int(self._listener.getsockname()[1]) if self._listener else 0

    async def start(self) -> None:
        """Listen, if the settings name a port. Raises PortUnavailable and SettingsError."""
        if self._settings.http_port:
            await self.listen(self._settings.host, self._settings.http_port)

    async def listen(self, host: str, port: int) -> None:
        """Listen there; port 0 takes a free one. Raises PortUnavailable and SettingsError."""
        settings = self._settings
        tls = server_context("ingest", settings.tls_certificate, settings.tls_key)
        self._webrtc = _webrtc()
        try:
            self._listener = socket.create_server((host, port), family=_family(host), backlog=64)
        except OSError as error:
            raise PortUnavailable(
                f"ingest.http_port {port} on {host} cannot be bound: {error.strerror};"
                " stop what uses it or set ingest.http_port"
            ) from error
        config = uvicorn.Config(
            self._app(),
            http=_counting(self._counts),
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            limit_concurrency=2 * settings.max_connections + _PAGES,
            timeout_graceful_shutdown=_STOP_S,
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
        )
        self._server = _Server(config)
        serving = self._server.serve(sockets=[self._listener])
        self._running = [asyncio.create_task(serving), asyncio.create_task(self._desk.watch())]
        log.info("ingest_http_ready", host=host, port=self.port, webrtc=self._webrtc is not None)

    def take(self, trunks: tuple[TrunkSettings, ...]) -> None:
        """Calls that begin from now on are these trunks'."""
        self._access.take(trunks)

    async def drain(self, limit_s: float) -> None:
        """Begin no more calls, and let running ones end for up to `limit_s` seconds. May be canceled."""
        self._draining = True
        await self._desk.drain(limit_s)

    async def stop(self, drain_s: float = 0.0) -> None:
        """As drain; then end the rest."""
        if self._server is None:
            return
        await self.drain(drain_s)
        self._desk.dismiss_all()
        for carried in self._carried.values():
            carried.cancel()
        await asyncio.gather(*self._carried.values(), return_exceptions=True)
        self._server.should_exit = True
        serving, watch = self._running
        await serving
        watch.cancel()

    def counters(self) -> Mapping[str, int]:
        """What was counted since start, and what there is now."""
        if self._server is None:
            return {}
        now = {"ingest_connections": len(self._carried), "ingest_calls_active": self._desk.active}
        return {name.replace("ingest_", "ingest_http_"): count for name, count in {**self._counts, **now}.items()}

    def _app(self) -> Starlette:
        paths = [
            Route("/", self._page),
            Route("/microphone.{kind}", _file),
            Route("/whip", self._whip, methods=["POST"]),
            Route("/whip/{token}", self._whip, methods=["POST"]),
            Route("/rtp", self._rtp, methods=["POST"]),
            Route("/rtp/{token}", self._rtp, methods=["POST"]),
            Route("/{way}/{rest:path}", self._end, methods=["DELETE"]),
        ]
        # No cookie is ever looked at: who may do what is decided by `Access`, which knows pages of other hosts.
        open_to_pages = Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["POST", "DELETE"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["location"],
        )
        return Starlette(routes=paths, middleware=[open_to_pages])

    async def _page(self, _: HttpRequest) -> Response:
        text = (_PAGE / "microphone.html").read_text()
        page = text.replace("WEBSOCKET_PORT", str(self._settings.port))
        return HTMLResponse(page, headers={"content-security-policy": _POLICY})

    async def _whip(self, http: HttpRequest) -> Response:
        origin = self._admit(http)
        if self._webrtc is None:
            missing = "WebRTC needs the extra webrtc; install it with pip install 'callscribe[webrtc]'"
            raise HTTPException(HTTPStatus.NOT_IMPLEMENTED, missing)
        if http.headers.get("content-type", "").partition(";")[0].strip() != "application/sdp":
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an offer is application/sdp")
        offer = await _body(http)
        try:
            session = await self._webrtc.answering(offer, self._settings.advertised_address, self._counts)
        except ValueError as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        location = self._carry(http, session, _microphone(http.query_params), origin)
        return Response(session.answer, HTTPStatus.CREATED, {"location": location}, "application/sdp")

    async def _rtp(self, http: HttpRequest) -> Response:
        origin = self._admit(http)
        try:
            plan = RtpPlan.of(json_object(await _body(http) or "{}"), origin.address)
        except ValueError as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        try:
            port = await open_port(plan, self._settings, self._counts)
        except PortUnavailable as error:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        location = self._carry(http, port, plan.begin, origin)
        host = self._settings.advertised_address or str((http.scope["server"] or ("",))[0])
        told = external_media.told(port, host, plan)
        return JSONResponse(told, HTTPStatus.CREATED, {"location": location})

    async def _end(self, http: HttpRequest) -> Response:
        if self._access.trunk(_request(http)) is None:
            raise HTTPException(HTTPStatus.FORBIDDEN)
        carried = self._carried.get(http.url.path.rpartition("/")[2])
        if carried is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        carried.cancel()
        await asyncio.wait([carried])
        return Response()

    def _admit(self, http: HttpRequest) -> Origin:
        """Where the peer comes from. Raises HTTPException for one that may not come, or has no place."""
        request = _request(http)
        trunk = self._access.trunk(request)
        if trunk is None:
            count_trouble(self._counts, "ingest_connections_forbidden")
            raise HTTPException(HTTPStatus.FORBIDDEN, "neither a secret nor the address allows this")
        full = len(self._carried) >= self._settings.max_connections
        if self._draining or full or not self._desk.takes(trunk) or not self._rate.take():
            count_trouble(self._counts, "ingest_connections_refused")
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "no place is free")
        return Origin(request.address, trunk, uuid4())

    def _carry(self, http: HttpRequest, source: Source, begin: Begin, origin: Origin) -> str:
        """Have a call made of what comes; where the peer ends it."""
        name = uuid4().hex
        carried = asyncio.create_task(self._attend(source, begin, origin))
        self._carried[name] = carried
        carried.add_done_callback(lambda _: self._carried.pop(name))
        return f"{http.url.path}/{name}{'?' if http.url.query else ''}{http.url.query}"

    async def _attend(self, source: Source, begin: Begin, origin: Origin) -> None:
        try:
            await source.begun(_NO_CALL_S)
            await carry(self._desk, origin, begin, source.sounds())
        except TimeoutError:
            count_trouble(self._counts, "ingest_connections_without_call")
        except ValueError as error:
            count_trouble(self._counts, "ingest_messages_invalid")
            log.info("ingest_http_rejected", reason=str(error))
        finally:
            await source.close()


def _microphone(told: Mapping[str, str]) -> Begin:
    """The call that the address of an offer tells of: its id and its parties."""
    caller, callee = told_parties(told)
    name = word(told, "id")
    channels = (Channel(0, "", Role.UNKNOWN, caller, "opus"),)
    return Begin(Dialect.BROWSER, name, (("browser-id", name),), channels, caller, callee, 16_000)


async def _file(http: HttpRequest) -> Response:
    kind = http.path_params["kind"]
    if kind not in ("js", "css"):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return FileResponse(_PAGE / f"microphone.{kind}")


async def _body(http: HttpRequest) -> str:
    """The request's text. Raises HTTPException for one that is too long or no text."""
    body = b""
    try:
        async for piece in http.stream():
            body += piece
            if len(body) > _MOST_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request has at most 64 KiB")
    except ClientDisconnect as gone:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the request broke off") from gone
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "a request is UTF-8") from error


def _request(http: HttpRequest) -> Request:
    target = http.scope["path"] + ("?" + http.url.query if http.url.query else "")
    return Request(target, dict(http.headers), http.client.host if http.client else "", http.url.scheme == "https")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _webrtc() -> "type[WebrtcSession] | None":
    """What WebRTC needs, loaded now: it takes half a second, in which no call is served. None where it is missing."""
    try:
        from callscribe.live.ingest.webrtc import WebrtcSession
    except ImportError:
        return None
    return WebrtcSession
