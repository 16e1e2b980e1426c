"""The port that FunASR's clients connect to."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from callscribe.config.settings import FunasrServerSettings
from callscribe.domain.errors import PortUnavailable
from callscribe.live.funasr.connection import FunasrConnection
from callscribe.live.funasr.protocol import MAX_MESSAGE_BYTES, SUBPROTOCOL, Mode
from callscribe.live.ingest.host import CallHost
from callscribe.live.ingest.listening import count_trouble, keep_alive, server_context
from telephony.settings import TrunkSettings
from telephony.trunks import Trunks

log = structlog.get_logger()

_UNREAD_FRAMES = 4
"""Frames that one client may have sent and this process not yet read; then its sending is held up."""
_IDLE_S = 60.0
"""A client that was silent for so long has to make room for another where all places are taken."""
_HANG_UP_S = 5.0
"""Time clients get to take their last messages and to close."""


class FunasrServer:
    """Takes clients in while there is room, each by a FunasrConnection. Start it once."""

    def __init__(self, settings: FunasrServerSettings, trunk: TrunkSettings, host: CallHost) -> None:
        """Every client's calls are calls of `trunk` on the node `host`."""
        self._settings = settings
        self._trunk = trunk
        self._host = host
        self._allowed = Trunks((replace(trunk, allow=settings.allow),))
        self._server: Server | None = None
        self._draining = False
        self._connections: set[FunasrConnection] = set()
        self._counts: Counter[str] = Counter()

    @property
    def port(self) -> int:
        """The bound port; 0 before `start`, or where the settings want none."""
        return int(next(iter(self._server.sockets)).getsockname()[1]) if self._server else 0

    async def start(self) -> None:
        """Listen, if the settings name a port. Raises PortUnavailable and SettingsError."""
        settings = self._settings
        if settings.port:
            await self.listen(settings.host, settings.port)

    async def listen(self, host: str, port: int) -> None:
        """Listen there; port 0 takes a free one. Raises PortUnavailable and SettingsError."""
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                ssl=server_context("funasr_server", self._settings.tls_certificate, self._settings.tls_key),
                process_request=self._admit,
                select_subprotocol=_subprotocol,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=_UNREAD_FRAMES,
                ping_interval=None,
                close_timeout=2,
                server_header=None,
            )
        except OSError as error:
            raise PortUnavailable(
                f"funasr_server.port {port} on {host} cannot be bound: {error.strerror};"
                " stop what uses it or set funasr_server.port"
            ) from error
        log.info("funasr_server_ready", host=host, port=self.port, tls=bool(self._settings.tls_certificate))

    def take(self, trunk: TrunkSettings) -> None:
        """Clients that connect from now on are of this trunk."""
        self._trunk = trunk

    async def drain(self, limit_s: float) -> None:
        """Begin no more calls, and let running ones end for up to `limit_s` seconds. May be canceled."""
        self._draining = True
        for connection in self._connections:
            connection.drain()
        loop = asyncio.get_running_loop()
        limit = loop.time() + limit_s
        while loop.time() < limit and any(connection.busy for connection in self._connections):
            await asyncio.sleep(0.05)

    async def stop(self, drain_s: float = 0.0) -> None:
        """As drain; then end the rest and hang up."""
        if self._server is None:
            return
        await self.drain(drain_s)
        partings = [asyncio.create_task(connection.part()) for connection in self._connections]
        if partings:
            await asyncio.wait(partings, timeout=_HANG_UP_S)
        self._server.close()
        await self._server.wait_closed()

    def counters(self) -> Mapping[str, int]:
        """What was counted since start, and how many clients there are now."""
        if self._server is None:
            return {}
        busy = sum(connection.busy for connection in self._connections)
        return {**self._counts, "funasr_connections": len(self._connections), "funasr_calls_active": busy}

    async def _serve(self, socket_: ServerConnection) -> None:
        keep_alive(socket_.transport)
        mode = Mode(self._settings.default_mode)
        connection = FunasrConnection(socket_, self._host, self._trunk, mode, self._counts)
        self._connections.add(connection)
        log.info("funasr_client_connected", connection=str(connection.id))
        try:
            await connection.run(self._settings.media_timeout_s)
        finally:
            self._connections.discard(connection)

    async def _admit(self, client: ServerConnection, request: Request) -> Response | None:
        """Refuse a client that may not come, or has no place, while it still speaks HTTP."""
        if self._allowed.find(_address(client)) is None:
            count_trouble(self._counts, "funasr_connections_forbidden", "funasr")
            return client.respond(HTTPStatus.FORBIDDEN, "funasr_server.allow does not name this address\n")
        if self._draining or not self._host.admits(self._trunk) or not await self._room():
            count_trouble(self._counts, "funasr_connections_refused", "funasr")
            return client.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no place is free\n")
        return None

    async def _room(self) -> bool:
        """Whether a client can be taken in; where all places are taken, one that was silent for long loses its own."""
        if len(self._connections) < self._settings.max_connections:
            return True
        silent_since = asyncio.get_running_loop().time() - _IDLE_S
        idle = [each for each in self._connections if not each.busy and each.used_at < silent_since]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.used_at)
        self._connections.discard(longest)
        await longest.part()
        return True


def _subprotocol(client: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((each for each in offered if each == SUBPROTOCOL), None)


def _address(client: ServerConnection) -> str:
    """The client's IP address; "" where it is gone already."""
    return str(client.remote_address[0]) if client.remote_address else ""
