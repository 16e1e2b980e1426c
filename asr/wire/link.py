"""The connection to one recogniser: made, watched, and made again with a growing delay when it is lost."""

import asyncio
import random
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Protocol

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from asr.engine import Capabilities
from asr.wire.channel import PoolChannel
from asr.wire.fields import MAX_MESSAGE_BYTES
from asr.wire.messages import (
    Acknowledged,
    Close,
    Closed,
    Failure,
    FinalReport,
    LanguageReport,
    Load,
    PartialReport,
    Ready,
    encode_client,
    parse_server,
)
from callscribe.domain.errors import WireViolation
from callscribe.domain.tasks import ended

log = structlog.get_logger()

_OVERLOADED = 0.95
"""Real-time factor."""

_REPORTS_S = 2.0
"""Within which its load comes: when it is late itself, so is what it would tell."""

ChannelReport = PartialReport | FinalReport | LanguageReport | Acknowledged | Closed | Failure


@dataclass(frozen=True, slots=True)
class Burden:
    """How a recogniser that answers keeps up."""

    engine: str
    """As settings name it."""
    needed: float
    """Share of its time that hearing and finals take."""
    late_s: float
    """For how long the audio that waits longest has waited, here or there."""


@dataclass(frozen=True, slots=True)
class PoolTimings:
    """How long a pool waits for what, in seconds."""

    connect_s: float = 5.0
    ready_s: float = 60.0
    """For the first message: a recogniser that has just begun loads its model."""
    stall_s: float = 10.0
    """Without any message: the recogniser hangs, as its load comes each second."""
    blocked_s: float = 30.0
    """That one message cannot be sent: a recogniser that is behind reads slowly, but it reads."""
    first_retry_s: float = 0.2
    last_retry_s: float = 2.0
    proven_s: float = 5.0
    """That a new connection must hold before channels are moved to it from recognisers that have more."""
    refused_s: float = 5.0
    """Before a channel that a recogniser refused is offered to it again."""
    missed_s: float = 30.0
    """That a recogniser which was lost is waited for where it is the only one for what is spoken."""
    unreachable_s: float = 10.0
    """That a channel at its end waits without a recogniser."""
    flush_s: float = 60.0
    """That a channel at its end waits for a recogniser that says nothing about it."""


class LinkOwner(Protocol):
    """Who has the links. Called on the event loop."""

    def link_ready(self, link: "RecognizerLink") -> None: ...
    def link_lost(self, link: "RecognizerLink", channels: tuple[PoolChannel, ...]) -> None: ...
    def link_heard(self, link: "RecognizerLink", channel: PoolChannel, report: ChannelReport) -> None: ...
    def link_violated(self, link: "RecognizerLink") -> None: ...


class RecognizerLink:
    """One recogniser's address. While `ready`, channels can be attached."""

    def __init__(self, url: str, owner: LinkOwner, timings: PoolTimings) -> None:
        self.url = url
        self.ready = False
        self.kind = ""
        """The engine there, as settings name it; known once it was ready."""
        self.able: Capabilities | None = None
        """What it can do; known once it was ready."""
        self._owner = owner
        self._timings = timings
        self._numbers = count(1)
        self._channels: dict[int, PoolChannel] = {}
        self._to_send: dict[int, None] = {}
        """Numbers of the channels that have something to send, each once, the longest waiting first; of those that were
        detached, the recogniser is yet to be told."""
        self._wake = asyncio.Event()
        self._load = Load(channels=0, queued=0, real_time_factor=0.0)
        self._loaded_at = -inf
        """Loop time at which the load came last."""
        self._changed = 0
        self._lost_at = -inf
        """Loop time at which it was ready last."""

    @property
    def around(self) -> bool:
        """True while it is ready, or was so less than `missed_s` ago."""
        return self.ready or asyncio.get_running_loop().time() < self._lost_at + self._timings.missed_s

    @property
    def overloaded(self) -> bool:
        """True while it has no time left."""
        return self._load.real_time_factor >= _OVERLOADED

    @property
    def burden(self) -> Burden:
        """How it keeps up. Only while it is ready."""
        silent_s = asyncio.get_running_loop().time() - self._loaded_at - _REPORTS_S
        unsent_s = max((channel.unsent_s for channel in self._channels.values()), default=0.0)
        return Burden(self.kind, self._load.needed, self._load.late_s + unsent_s + max(0.0, silent_s))

    @property
    def strain(self) -> tuple[int, int]:
        """Sorts recognisers: that which should take the next channel comes first."""
        return self._load.channels + self._changed, self._load.queued

    @property
    def channels(self) -> int:
        """How many channels are attached."""
        return len(self._channels)

    def knows(self, language: str) -> bool:
        """True where its engine knows what is spoken, as far as it has told."""
        return self.able is None or self.able.knows(language)

    @property
    def refused(self) -> int:
        """Messages, channels and connections, this node's and others', that the recogniser has refused."""
        return self._load.refused

    def attach(self, channel: PoolChannel) -> None:
        number = next(self._numbers)
        self._channels[number] = channel
        self._changed += 1
        channel.attach(number)
        self.wake(channel)

    def detach(self, channel: PoolChannel, *, tell: bool) -> None:
        """Let the channel go; `tell` unless the recogniser did so itself."""
        number = channel.number
        if number is None or self._channels.pop(number, None) is None:
            return
        self._changed -= 1
        self._to_send.pop(number, None)
        if tell and channel.expected:
            self._to_send[number] = None
            self._wake.set()
        channel.detach()

    def wake(self, channel: PoolChannel) -> None:
        """The channel has something new to send."""
        if channel.number is not None:
            self._to_send[channel.number] = None
            self._wake.set()

    async def run(self) -> None:
        """Connect, and connect again whenever the connection ends, until cancelled."""
        failures = 0
        while True:
            try:
                await self._connect_once()
            except (OSError, WebSocketException, WireViolation, TimeoutError) as error:
                if isinstance(error, WireViolation):
                    self._owner.link_violated(self)
                failures = 0 if self.ready else failures + 1
                if failures <= 1:
                    log.warning("recognizer_lost", url=self.url, reason=repr(error))
            finally:
                self._let_go()
            delay = min(self._timings.first_retry_s * 2**failures, self._timings.last_retry_s)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))

    async def _connect_once(self) -> None:
        """Returns never; ends with the exception that ended the connection."""
        socket = await connect(
            self.url,
            compression=None,
            proxy=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=self._timings.connect_s,
            # The load reports show that the recogniser lives; a ping would not pass one that stopped reading.
            ping_interval=None,
            close_timeout=1,
        )
        try:
            await self._converse(socket)
        finally:
            try:
                await socket.close()
            finally:
                # One whose closing was cancelled would stay open.
                socket.transport.abort()

    async def _converse(self, socket: ClientConnection) -> None:
        async with asyncio.timeout(self._timings.ready_s):
            first = parse_server(await socket.recv())
        if not isinstance(first, Ready):
            raise WireViolation("a recogniser begins with ready")
        self._load = Load(channels=0, queued=0, real_time_factor=0.0, refused=self._load.refused)
        self._loaded_at = asyncio.get_running_loop().time()
        self._changed = 0
        self.kind, self.able = first.kind, first.capabilities
        self.ready = True
        log.info("recognizer_connected", url=self.url, engine=first.engine)
        sender = asyncio.create_task(self._send(socket))
        try:
            self._owner.link_ready(self)
            await self._listen(socket)
        finally:
            await ended(sender)

    def _let_go(self) -> None:
        if self.ready:
            self._lost_at = asyncio.get_running_loop().time()
        self.ready = False
        self._to_send.clear()
        channels, self._channels = tuple(self._channels.values()), {}
        for channel in channels:
            channel.detach()
        if channels:
            self._owner.link_lost(self, channels)

    async def _send(self, socket: ClientConnection) -> None:
        """One message of each waiting channel in turn, as fast as the recogniser reads."""
        try:
            while True:
                while self._to_send:
                    number = next(iter(self._to_send))
                    del self._to_send[number]
                    await self._send_one(socket, number)
                self._wake.clear()
                await self._wake.wait()
        except ConnectionClosed:
            return
        except TimeoutError:
            socket.transport.abort()

    async def _send_one(self, socket: ClientConnection, number: int) -> None:
        channel = self._channels.get(number)
        message = channel.next_message() if channel is not None else Close(number)
        if message is None:
            return
        if channel is not None:
            self._to_send[number] = None
        async with asyncio.timeout(self._timings.blocked_s):
            await socket.send(encode_client(message))

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(self._timings.stall_s):
                received = await socket.recv()
            message = parse_server(received)
            match message:
                case Ready():
                    raise WireViolation("ready is said once")
                case Load():
                    self._load, self._changed = message, 0
                    self._loaded_at = asyncio.get_running_loop().time()
                case Failure(code, _, None):
                    log.warning("recognizer_refused_connection", url=self.url, code=code)
                case _:
                    channel = self._channels.get(message.number) if message.number is not None else None
                    if channel is not None:
                        self._owner.link_heard(self, channel, message)
