"""One supervisor's WebSocket at the recogniser: what it may send, and what waits to be sent to it."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from asr.engine import Capabilities
from asr.scheduler import cost
from asr.wire.messages import (
    ClientMessage,
    Close,
    Closed,
    Failure,
    Open,
    PartialReport,
    Ready,
    ServerMessage,
    encode_server,
    parse_client,
)
from callscribe.domain.errors import WireViolation
from callscribe.domain.tasks import ended

log = structlog.get_logger()

_MOST_UNHEARD = 4 * 1024 * 1024
"""Bytes of a client's messages that may wait; beyond, it is not read until they are heard."""
_MOST_CHANNELS = 512
"""Channels of one connection, more than a core can hear."""
_REFUSALS_KNOWN = 1000
"""Channels refused lately on one connection, whose messages may still be on their way."""
_CROWDED = 256
"""Messages that wait for a client which reads slowly, from which partials are left out."""
_CLOGGED = 20_000
"""Messages that wait for a client which does not read, from which it is given up."""
_LAST_WORDS_S = 2.0
_VIOLATIONS = (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG)
"""RFC 6455 section 7.4.1: with these the WebSocket layer itself ends a connection."""


class Connection:
    """Reads, checks and passes on what a supervisor sends; sends what it is owed, in order."""

    def __init__(
        self,
        socket: ServerConnection,
        submit: Callable[[ClientMessage], None],
        able: Capabilities,
        counts: Counter[str],
    ) -> None:
        self._open: set[int] = set()
        self._closing: set[int] = set()
        self._socket = socket
        self._submit = submit
        self._able = able
        self._counts = counts
        self._refused: dict[int, None] = {}
        self._outbox: deque[ServerMessage] = deque()
        self._filled = asyncio.Event()
        self._unheard = 0
        self._drained = asyncio.Event()

    @property
    def channels(self) -> int:
        """Channels that are open, or closing."""
        return len(self._open) + len(self._closing)

    async def run(self, engine: str, kind: str) -> None:
        """Serve the supervisor until it goes, or breaks the protocol."""
        self.post(Ready(engine, self._able, kind))
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        except WireViolation as violation:
            self._counts["connections_refused"] += 1
            log.warning("wire_violation", reason=str(violation))
            await self._part(Failure("bad-message", str(violation)))
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code in _VIOLATIONS:
                self._counts["connections_refused"] += 1
                log.warning("wire_violation", reason=closed.sent.reason)
            else:
                log.info("supervisor_lost")
        finally:
            with suppress(ConnectionClosed):
                await ended(writer)

    def post(self, message: ServerMessage) -> None:
        """Send when it is its turn. To a client that reads slowly partials are not sent; one that does not is left."""
        if isinstance(message, Closed):
            self._closing.discard(message.number)
        if len(self._outbox) >= _CROWDED and isinstance(message, PartialReport):
            self._counts["partials_dropped"] += 1
            return
        if len(self._outbox) >= _CLOGGED:
            self._counts["connections_clogged"] += 1
            self._outbox.clear()
            self._socket.transport.abort()
            return
        self._outbox.append(message)
        self._filled.set()

    def heard(self, size: int) -> None:
        """So many bytes of what was submitted wait no longer."""
        self._unheard -= size
        if self._unheard <= _MOST_UNHEARD:
            self._drained.set()

    async def _read(self) -> None:
        async for raw in self._socket:
            message = parse_client(raw)
            if not self._admitted(message):
                continue
            self._unheard += cost(message)
            self._submit(message)
            if self._unheard > _MOST_UNHEARD:
                self._drained.clear()
                await self._drained.wait()

    def _admitted(self, message: ClientMessage) -> bool:
        """True when the message is to be passed on; a refused channel's are dropped. Raises WireViolation."""
        number = message.number
        if isinstance(message, Open):
            return self._opened(message)
        if number in self._open:
            if isinstance(message, Close):
                self._open.discard(number)
                self._closing.add(number)
            return True
        if number in self._refused:
            self._counts["messages_dropped"] += 1
            return False
        raise WireViolation("there is no open channel of that number")

    def _opened(self, message: Open) -> bool:
        number = message.number
        if number in self._open or number in self._closing:
            raise WireViolation("a channel of that number is open")
        if not self._able.knows(message.options.language):
            return self._refuse(Failure("unsupported-language", "the engine does not know the language", number))
        if self.channels >= _MOST_CHANNELS:
            return self._refuse(Failure("too-many-channels", f"at most {_MOST_CHANNELS} channels", number))
        self._refused.pop(number, None)
        self._open.add(number)
        return True

    def _refuse(self, failure: Failure) -> bool:
        self._counts["channels_refused"] += 1
        log.warning("channel_refused", code=failure.code)
        if failure.number is not None:
            self._refused[failure.number] = None
        if len(self._refused) > _REFUSALS_KNOWN:
            del self._refused[next(iter(self._refused))]
        self.post(failure)
        return False

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            while self._outbox:
                await self._socket.send(encode_server(self._outbox.popleft()))
            self._filled.clear()

    async def _part(self, failure: Failure) -> None:
        """Say why, and close; a client that does not take it in time is left."""
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._socket.send(encode_server(failure))
                await self._socket.close(CloseCode.POLICY_VIOLATION, failure.code)
