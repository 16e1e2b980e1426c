"""The WebSocket port of all ingests: a path for each protocol."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from uuid import uuid4

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response
from websockets.typing import Subprotocol

from callscribe.config.ingest import IngestSettings
from callscribe.domain.errors import PortUnavailable
from callscribe.live.ingest.access import Access, Request
from callscribe.live.ingest.attendant import Attendant
from callscribe.live.ingest.desk import IngestDesk, Origin
from callscribe.live.ingest.host import IngestHost
from callscribe.live.ingest.listening import count_trouble, keep_alive, server_context
from callscribe.live.ingest.steps import Message, Translator
from telephony.front.admission import RateLimit
from telephony.settings import TrunkSettings

log = structlog.get_logger()

_MAX_MESSAGE_BYTES = 1 << 18
_UNREAD_FRAMES = 16
"""Frames that one peer may have sent and this process not yet read; then its sending is held up."""
_FAREWELL_S = 2.0
_SUBPROTOCOL = "media"
"""What Asterisk offers."""
_WELL_CLOSED = (CloseCode.NORMAL_CLOSURE, CloseCode.NO_STATUS_RCVD)
Protocols = Mapping[str, Callable[[Request], Translator]]
"""By the first part of the path."""


class IngestServer:
    """Takes peers in while there is room. Start it once."""

    def __init__(
        self, settings: IngestSettings, trunks: tuple[TrunkSettings, ...], host: IngestHost, protocols: Protocols
    ) -> None:
        self._settings = settings
        self._protocols = protocols
        self._access = Access(settings, trunks, time.time)
        self._counts: Counter[str] = Counter()
        self._desk = IngestDesk(host, settings.media_timeout_s, self._counts)
        self._rate = RateLimit(settings.connections_per_second, time.monotonic)
        self._connections: set[ServerConnection] = set()
        self._server: Server | None = None
        self._watch: asyncio.Task[None] | None = None
        self._draining = False

    @property
    def port(self) -> int:
        """The bound port; 0 before `start`, or where the settings want none."""
        return int(next(iter(self._server.sockets)).getsockname()[1]) if self._server else 0

    async def start(self) -> None:
        """Listen, if the settings name a port. Raises PortUnavailable and SettingsError."""
        if self._settings.port:
            await self.listen(self._settings.host, self._settings.port)

    async def listen(self, host: str, port: int) -> None:
        """Listen there; port 0 takes a free one. Raises PortUnavailable and SettingsError."""
        settings = self._settings
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                ssl=server_context("ingest", settings.tls_certificate, settings.tls_key),
                process_request=self._admit,
                select_subprotocol=_subprotocol,
                compression=None,
                max_size=_MAX_MESSAGE_BYTES,
                max_queue=_UNREAD_FRAMES,
                ping_interval=None,
                close_timeout=2,
                server_header=None,
            )
        except OSError as error:
            raise PortUnavailable(
                f"ingest.port {port} on {host} cannot be bound: {error.strerror}; stop what uses it or set ingest.port"
            ) from error
        self._watch = asyncio.create_task(self._desk.watch())
        log.info("ingest_ready", host=host, port=self.port, tls=bool(settings.tls_certificate))

    def take(self, trunks: tuple[TrunkSettings, ...]) -> None:
        """Calls that begin from now on are these trunks'."""
        self._access.take(trunks)

    async def drain(self, limit_s: float) -> None:
        """Begin no more calls, and let running ones end for up to `limit_s` seconds. May be canceled."""
        self._draining = True
        await self._desk.drain(limit_s)

    async def stop(self, drain_s: float = 0.0) -> None:
        """As drain; then end the rest and hang up."""
        if self._server is None or self._watch is None:
            return
        await self.drain(drain_s)
        self._desk.dismiss_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                while self._connections:
                    await asyncio.sleep(0.05)
        self._server.close()
        await self._server.wait_closed()
        self._watch.cancel()

    def counters(self) -> Mapping[str, int]:
        """What was counted since start, and what there is now."""
        if self._server is None:
            return {}
        now = {"ingest_connections": len(self._connections), "ingest_calls_active": self._desk.active}
        return {**self._counts, **now}

    async def _admit(self, client: ServerConnection, handshake: Handshake) -> Response | None:
        """Refuse a peer that may not come, or has no place, while it still speaks HTTP."""
        request = _request(client, handshake, tls=bool(self._settings.tls_certificate))
        trunk = self._access.trunk(request)
        if trunk is None:
            count_trouble(self._counts, "ingest_connections_forbidden")
            return client.respond(HTTPStatus.FORBIDDEN, "neither a secret nor the address allows this\n")
        if not request.parts or request.parts[0] not in self._protocols:
            count_trouble(self._counts, "ingest_connections_astray")
            return client.respond(HTTPStatus.NOT_FOUND, f"paths are {', '.join(map('/{}'.format, self._protocols))}\n")
        full = len(self._connections) >= self._settings.max_connections
        if self._draining or full or not self._desk.takes(trunk) or not self._rate.take():
            count_trouble(self._counts, "ingest_connections_refused")
            return client.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no place is free\n")
        return None

    async def _serve(self, client: ServerConnection) -> None:
        assert client.request is not None
        request = _request(client, client.request, tls=bool(self._settings.tls_certificate))
        trunk = self._access.trunk(request)
        if trunk is None:
            return
        keep_alive(client.transport)
        self._connections.add(client)
        origin = Origin(request.address, trunk, uuid4())
        log.info("ingest_connected", protocol=request.parts[0], connection=str(origin.connection))

        async def send(message: Message) -> None:
            await client.send(message)

        translator = self._protocols[request.parts[0]](request)
        attendant = Attendant(self._desk, origin, translator, send, self._counts)
        try:
            await self._attend(client, attendant)
        finally:
            self._connections.discard(client)

    async def _attend(self, client: ServerConnection, attendant: Attendant) -> None:
        """Read until the peer goes, or either side has said all."""
        try:
            await attendant.attend(_read(client, attendant))
            await client.close()
        except ConnectionClosed as closed:
            attendant.gone(clean=closed.rcvd is not None and closed.rcvd.code in _WELL_CLOSED)
        except TimeoutError:
            count_trouble(self._counts, "ingest_connections_without_call")
            await client.close(CloseCode.POLICY_VIOLATION)
        except ValueError as error:
            log.info("ingest_message_invalid", reason=str(error))
            await attendant.part("rejected")
            await client.close(CloseCode.INVALID_DATA, str(error)[:120])
        finally:
            attendant.gone(clean=False)


async def _read(client: ServerConnection, attendant: Attendant) -> None:
    while True:
        async with asyncio.timeout_at(attendant.begin_by):
            message = await client.recv()
        if not await attendant.take(message):
            return
        # A peer that has sent much at once does not hold up the others.
        await asyncio.sleep(0)


def _request(client: ServerConnection, handshake: Handshake, *, tls: bool) -> Request:
    headers = {name.lower(): value for name, value in handshake.headers.raw_items()}
    address = str(client.remote_address[0]) if client.remote_address else ""
    return Request(handshake.path, headers, address, tls)


def _subprotocol(client: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((each for each in offered if each == _SUBPROTOCOL), None)
