"""The front's sockets: thin asyncio shells around parsing."""

import asyncio
import contextlib
import errno
import itertools
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from callscribe.domain.errors import MalformedMessage, PortUnavailable
from telephony.certificate import Certificate
from telephony.front.exchange import Tally
from telephony.front.hops import Hop, Transport
from telephony.front.tls import Reception, Security, TlsDoor, client_context, is_verified
from telephony.sip.framing import KEEP_ALIVE, Oversized, Ping, StreamFramer, parse_datagram
from telephony.sip.message import Message, parse

MAX_CONNECTIONS = 512
MAX_UNFINISHED = 16 * 1024 * 1024
"""Bytes of unfinished messages of all connections."""
MAX_UNSENT = 256 * 1024
"""Bytes that wait for a peer that does not read."""
MAX_STRANGERS = 16
"""Connections from addresses that no trunk allows; each lives for MESSAGE_LIMIT_S, enough to be told."""
MESSAGE_LIMIT_S = 10.0
"""Time from a message's first byte to its last."""
CONNECT_LIMIT_S = 5.0
UNACKNOWLEDGED_LIMIT_MS = 30_000
"""How long what was sent over a kept connection may go unacknowledged (RFC 5482)."""
MAX_WAITING = 16
"""Messages that wait for one connection to open."""
_RECEIVE_BUFFER = 4 * 1024 * 1024
_LARGEST_DATAGRAM = 65507


_Target = tuple[Transport, str, int]


class Receiver(Reception, Protocol):
    """Takes what the sockets bring. Implemented by the front."""

    tally: Tally

    def receive(self, message: Message, source: Hop) -> None: ...

    def belongs(self, message: Message, source: Hop) -> bool:
        """True where a message that was received is of a call that was let in."""

    def refuse_oversized(self, message: Message, source: Hop) -> None: ...

    def refuse_unreadable(self, data: bytes, reason: str, source: Hop) -> None: ...

    def undeliverable(self, message: Message) -> None: ...

    def disconnected(self, number: int) -> None:
        """A connection that was kept is gone."""


class DatagramPort(asyncio.DatagramProtocol):
    """A UDP socket, outside or inside."""

    def __init__(self, transport: Transport, receiver: Receiver) -> None:
        self._kind = transport
        self._receiver = receiver
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> int:
        """Bind, and return the port. Raises PortUnavailable."""
        bound = _bind(host, port, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=bound)
        return int(bound.getsockname()[1])

    def send(self, host: str, port: int, data: bytes) -> None:
        if self._transport and len(data) <= _LARGEST_DATAGRAM:
            try:
                self._transport.sendto(data, (host, port))
            except (OSError, ValueError):
                self._receiver.tally.trouble("datagrams_unsent")

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.strip(b"\r\n\0"):
            # A keep-alive (RFC 5626 section 3.5).
            return
        try:
            message = parse_datagram(data)
        except MalformedMessage as error:
            self._receiver.refuse_unreadable(data, str(error), Hop(self._kind, addr[0], addr[1]))
            return
        self._receiver.receive(message, Hop(self._kind, addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        self._receiver.tally.count("datagrams_unreached")


class Connection(asyncio.Protocol):
    """One TCP or TLS connection, accepted or opened."""

    def __init__(self, number: int, kind: Transport, streams: "StreamPorts") -> None:
        self.number = number
        self.kind = kind
        self._streams = streams
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._peer = ("", 0)
        self._limit: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self.used_at = 0.0
        self.stranger = False
        self._verified = False
        self.kept = False
        """Whether it may be idle."""

    @property
    def buffered(self) -> int:
        return self._framer.buffered

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._streams.receiver.tally.trouble("connections_stuck")
            self._transport.abort()

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def keep(self) -> None:
        """Let it be idle. A peer that is gone without a word is noticed after the next thing that is sent."""
        self.kept = True
        opened = self._transport.get_extra_info("socket") if self._transport else None
        if opened:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_LIMIT_MS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._peer = (str(peer[0]), int(peer[1]))
        self._verified = is_verified(transport)
        loop = asyncio.get_running_loop()
        self.used_at = loop.time()
        self.stranger = not self._streams.receiver.allows(self._peer[0])
        if self.stranger:
            self._farewell = loop.call_later(MESSAGE_LIMIT_S, self.close)
        self._streams.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_limit()
        if self._farewell:
            self._farewell.cancel()
        self._streams.closed(self)

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.used_at = loop.time()
        source = Hop(self.kind, *self._peer, self.number, self._verified)
        receiver = self._streams.receiver
        try:
            for taken in self._framer.feed(data):
                self._stop_limit()
                if isinstance(taken, Ping):
                    self.send(b"\r\n")
                elif isinstance(taken, Oversized):
                    receiver.refuse_oversized(taken.message, source)
                    self._leave()
                    return
                else:
                    receiver.receive(taken, source)
                    if self.stranger and receiver.belongs(taken, source):
                        self._stay()
        except MalformedMessage as error:
            receiver.refuse_unreadable(self._framer.unread, str(error), source)
            self._leave()
            return
        if self._framer.buffered and self._limit is None:
            self._limit = loop.call_later(MESSAGE_LIMIT_S, self._too_slow)
        if self._streams.unfinished() > MAX_UNFINISHED:
            receiver.tally.trouble("connections_refused")
            self.close()

    def _stay(self) -> None:
        """No trunk allows the address, but a call came or goes on from there."""
        self.stranger = False
        if self._farewell:
            self._farewell.cancel()

    def _too_slow(self) -> None:
        self._streams.receiver.tally.trouble("messages_unfinished")
        self.close()

    def _leave(self) -> None:
        """Close once what was written is sent."""
        if self._transport:
            self._transport.close()

    def _stop_limit(self) -> None:
        if self._limit:
            self._limit.cancel()
        self._limit = None


class StreamPorts:
    """The listening TCP and TLS sockets and all connections."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, Connection] = {}
        self._numbers = itertools.count(1)
        self._opening: dict[_Target, deque[bytes]] = {}
        self._opened: dict[_Target, int] = {}
        """Numbers of connections that were opened from here, by where they go."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._doors: list[TlsDoor] = []
        self._certificate: Certificate | None = None
        """Shown to TLS peers that connections are opened to, where they ask for one."""
        self._unnamed = Security(client_context())
        self._securities: dict[_Target, Security] = {}
        """Where TLS is verified, and how."""

    async def listen(self, host: str, port: int) -> int:
        """Listen for TCP, and return the port. Raises PortUnavailable."""
        return await self._listen(self._factory(Transport.TCP), host, port)

    async def listen_tls(self, host: str, port: int, certificate: Certificate) -> int:
        """Listen for TLS, and return the port. Raises PortUnavailable."""
        self._certificate = certificate
        self._doors.append(TlsDoor(certificate, self.receiver, self._factory(Transport.TLS)))
        return await self._listen(self._doors[-1], host, port)

    async def _listen(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> int:
        bound = _bind(host, port, socket.SOCK_STREAM)
        server = await asyncio.get_running_loop().create_server(factory, sock=bound, backlog=256)
        self._servers.append(server)
        return int(bound.getsockname()[1])

    def send(self, hop: Hop, data: bytes) -> None:
        """Send over the hop's connection, or a new one where that is gone."""
        key = (hop.transport, hop.host, hop.port)
        connection = self._connections.get(hop.connection) or self._connections.get(self._opened.get(key, 0))
        if connection:
            connection.send(data)
            return
        waiting = self._opening.get(key)
        if waiting is not None:
            if len(waiting) < MAX_WAITING:
                waiting.append(data)
            return
        if len(self._connections) + len(self._opening) >= MAX_CONNECTIONS and not self._make_room():
            # Later, because the sender is still busy sending.
            asyncio.get_running_loop().call_soon(self._undeliverable, (data,))
            return
        self._opening[key] = deque((data,))
        task = asyncio.create_task(self._connect(hop))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def unfinished(self) -> int:
        """Bytes of unfinished messages."""
        return sum(connection.buffered for connection in self._connections.values())

    def opened(self, connection: Connection) -> None:
        if (connection.stranger and self._strangers() >= MAX_STRANGERS) or (
            len(self._connections) >= MAX_CONNECTIONS and not self._make_room()
        ):
            self.receiver.tally.trouble("connections_refused")
            connection.close()
            return
        self._connections[connection.number] = connection

    def closed(self, connection: Connection) -> None:
        self._connections.pop(connection.number, None)
        self._opened = {key: number for key, number in self._opened.items() if number != connection.number}
        if connection.kept:
            self.receiver.disconnected(connection.number)

    async def keep(self, hop: Hop, security: Security | None) -> Hop:
        """The hop over a connection that may be idle: the one that was opened there before, or a new one.

        Raises OSError where none can be opened; where the peer's certificate is not trusted it is an
        ssl.SSLCertVerificationError.
        """
        key = (hop.transport, hop.host, hop.port)
        if security:
            self._securities[key] = security
        connection = self._connections.get(self._opened.get(key, 0)) or await self._open(hop)
        connection.keep()
        return replace(hop, connection=connection.number)

    def ping(self, number: int) -> None:
        """Send a keep-alive over a connection, if it is still there."""
        if connection := self._connections.get(number):
            connection.send(KEEP_ALIVE)

    def drop(self, number: int) -> None:
        """Close a connection, if it is still there."""
        if connection := self._connections.get(number):
            connection.close()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for door in self._doors:
            await door.close()
        for connection in list(self._connections.values()):
            connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *(server.wait_closed() for server in self._servers), return_exceptions=True)

    def _factory(self, kind: Transport) -> Callable[[], Connection]:
        return lambda: Connection(next(self._numbers), kind, self)

    async def _connect(self, hop: Hop) -> None:
        key = (hop.transport, hop.host, hop.port)
        try:
            connection = await self._open(hop)
        except (OSError, ValueError):
            self._undeliverable(tuple(self._opening.pop(key)))
            return
        for data in self._opening.pop(key):
            connection.send(data)

    async def _open(self, hop: Hop) -> Connection:
        """Raises OSError, and ValueError for a host that no name can be."""
        key = (hop.transport, hop.host, hop.port)
        connection = Connection(next(self._numbers), hop.transport, self)
        security = self._securities.get(key, self._unnamed)
        if self._certificate and hop.transport is Transport.TLS:
            self._certificate.show_in(security.context)
        async with asyncio.timeout(CONNECT_LIMIT_S):
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                hop.host,
                hop.port,
                ssl=security.context if hop.transport is Transport.TLS else None,
                server_hostname=security.name if hop.transport is Transport.TLS and security.name else None,
            )
        if connection.number not in self._connections:
            raise ConnectionRefusedError("too many connections")
        self._opened[key] = connection.number
        return connection

    def _undeliverable(self, waiting: tuple[bytes, ...]) -> None:
        for data in waiting:
            self.receiver.undeliverable(parse(data))

    def _strangers(self) -> int:
        return sum(connection.stranger for connection in self._connections.values())

    def _make_room(self) -> bool:
        """Close the connection that was silent longest, if it was silent for a while."""
        others = (connection for connection in self._connections.values() if not connection.kept)
        idle = min(others, key=lambda connection: connection.used_at, default=None)
        if idle is None or asyncio.get_running_loop().time() - idle.used_at < 60.0:
            return False
        self._connections.pop(idle.number)
        idle.close()
        return True


def _bind(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortUnavailable(_cure(error, host, port, "TCP" if kind == socket.SOCK_STREAM else "UDP")) from error
    bound.setblocking(False)
    return bound


def _cure(error: OSError, host: str, port: int, kind: str) -> str:
    where = f"SIP port {port}/{kind} on {host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another process: stop that one, or set sip.port (sip.tls_port) to a free port"
    if error.errno == errno.EACCES:
        return f"{where} may not be bound by this user: set sip.port (sip.tls_port) to 1024 or above"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where} cannot be bound, no interface has this address: set sip.host to one of this machine"
    return f"{where} cannot be bound: {error.strerror or error}; check sip.host and sip.port"
