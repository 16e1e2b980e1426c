"""The front's sockets: thin asyncio shells around parsing."""

import asyncio
import contextlib
import errno
import itertools
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol

from callscribe.domain.errors import MalformedMessage, PortUnavailable, SettingsError
from telephony.front.exchange import Tally
from telephony.front.hops import Hop, Transport
from telephony.sip.framing import Oversized, Ping, StreamFramer, parse_datagram
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
MAX_WAITING = 16
"""Messages that wait for one connection to open."""
_RECEIVE_BUFFER = 4 * 1024 * 1024
_LARGEST_DATAGRAM = 65507


_Target = tuple[Transport, str, int]


class Receiver(Protocol):
    """Takes what the sockets bring. Implemented by the front."""

    tally: Tally

    def allows(self, host: str) -> bool:
        """True where a trunk allows this address."""

    def receive(self, message: Message, source: Hop) -> None: ...

    def refuse_oversized(self, message: Message, source: Hop) -> None: ...

    def undeliverable(self, message: Message) -> None: ...


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
        except MalformedMessage:
            self._receiver.tally.trouble("messages_unreadable")
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self._peer = (str(peer[0]), int(peer[1]))
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
        source = Hop(self.kind, *self._peer, self.number)
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
        except MalformedMessage:
            receiver.tally.trouble("messages_unreadable")
            self.close()
            return
        if self._framer.buffered and self._limit is None:
            self._limit = loop.call_later(MESSAGE_LIMIT_S, self._too_slow)
        if self._streams.unfinished() > MAX_UNFINISHED:
            receiver.tally.trouble("connections_refused")
            self.close()

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

    async def listen(self, kind: Transport, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Listen, and return the port. Raises PortUnavailable."""
        bound = _bind(host, port, socket.SOCK_STREAM)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._factory(kind),
            sock=bound,
            backlog=256,
            ssl=context,
            ssl_handshake_timeout=CONNECT_LIMIT_S if context else None,
        )
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

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._connections.values()):
            connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *(server.wait_closed() for server in self._servers), return_exceptions=True)

    def _factory(self, kind: Transport) -> Callable[[], Connection]:
        return lambda: Connection(next(self._numbers), kind, self)

    async def _connect(self, hop: Hop) -> None:
        key = (hop.transport, hop.host, hop.port)
        connection = Connection(next(self._numbers), hop.transport, self)
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    hop.host,
                    hop.port,
                    ssl=_client_context() if hop.transport is Transport.TLS else None,
                )
        except (OSError, TimeoutError, ValueError):
            self._undeliverable(tuple(self._opening.pop(key)))
            return
        if connection.number in self._connections:
            self._opened[key] = connection.number
        for data in self._opening.pop(key):
            connection.send(data)

    def _undeliverable(self, waiting: tuple[bytes, ...]) -> None:
        for data in waiting:
            self.receiver.undeliverable(parse(data))

    def _strangers(self) -> int:
        return sum(connection.stranger for connection in self._connections.values())

    def _make_room(self) -> bool:
        """Close the connection that was silent longest, if it was silent for a while."""
        idle = min(self._connections.values(), key=lambda connection: connection.used_at, default=None)
        if idle is None or asyncio.get_running_loop().time() - idle.used_at < 60.0:
            return False
        self._connections.pop(idle.number)
        idle.close()
        return True


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS for the public port. Raises SettingsError naming the setting where a PEM file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"sip.tls_certificate and sip.tls_key must be a PEM pair: {error}") from error
    return context


def _client_context() -> ssl.SSLContext:
    """TLS towards a caller whose connection is gone. It is known by an IP address, which certificates seldom name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


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
