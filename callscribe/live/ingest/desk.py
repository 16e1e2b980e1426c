"""The calls of all ingests of one port: begun, taken up again after a lost connection, watched, and ended."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from asr.wire.client import LostAudio
from callscribe.domain.call import Call, CallEnd, Channel, DtmfDigit, OutsideIds, Role
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Partial
from callscribe.live.ingest.host import IngestHost
from callscribe.live.ingest.pace import Pace
from callscribe.live.ingest.pcm import Resampler, call_rate
from callscribe.live.ingest.steps import Begin, Heard
from callscribe.live.ingest.timeline import PlacedChunk, Timeline
from telephony.roles import PlainEnds, with_roles
from telephony.settings import TrunkSettings
from telephony.sip.address import clean

log = structlog.get_logger()

_KEYS = tuple("0123456789*#ABCD")
_TICK_S = 0.04
_SILENCE_EVERY_S = 0.5
_HANDOVER_S = 1.0
_AWAY_S = 10.0
"""How long a lost peer is waited for where there is no limit for silent ones."""
_QUIET_S = 2.0
"""A connection of which nothing came for so long may be dead without anybody knowing: who comes with the same name
takes its call up."""
_Name = tuple[str, str, str, int, tuple[str, ...]]
"""Trunk, dialect, the peer's own name for the call, Hz, and the channels' labels."""


class Attended(Protocol):
    """The connection that a call's audio comes by."""

    def dismiss(self, reason: str) -> None:
        """The call has ended on this side: tell the peer, and close."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection comes from."""

    address: str
    """IP address."""
    trunk: TrunkSettings
    connection: UUID


class IngestCall:
    """One call, on however many connections after each other. Implements CallFollower."""

    hotwords: tuple[Hotword, ...] = ()

    def __init__(self, begin: Begin, call: Call, dtmf: str, host: IngestHost, counts: Counter[str]) -> None:
        """`dtmf` is the trunk's setting of that name."""
        self.call = call
        self.attended: Attended | None = None
        """None while the peer is away."""
        self.paused = False
        self.ended = False
        self.stream = begin.stream
        self._dtmf = dtmf
        self._host = host
        self._counts = counts
        self._clock = asyncio.get_running_loop().time
        self._began = self.heard_at = self._told_at = self._clock()
        self._held_up = False
        self._rate = call.sample_rate
        self._pace = Pace(self._rate, len(call.channels))
        self._timeline = Timeline(self._rate, len(call.channels))
        self._timeline.restart(0, begin.at)
        self._resamplers = [Resampler(begin.rate) for _ in call.channels]
        host.call_started(call, self)

    @property
    def quiet_s(self) -> float:
        """Seconds since audio came, or since a pause ended; 0 while the peer is held up."""
        return 0.0 if self._held_up else self._clock() - self.heard_at

    def attend(self, attended: Attended, begin: Begin) -> None:
        """From now on the call's audio comes by this connection."""
        self.attended, self.heard_at, self.paused = attended, self._clock(), False
        if begin.stream != self.stream or not begin.stream:
            self._timeline.restart(self._now(), begin.at)
        self.stream = begin.stream

    def detach(self, attended: Attended) -> None:
        """The connection is gone; another one may come."""
        if self.attended is attended:
            self.attended, self.heard_at, self.paused = None, self._clock(), False

    async def hear(self, heard: Heard) -> None:
        """Pass audio on; waits while the recogniser is far behind."""
        self._held_up = True
        try:
            await self._pace.room()
        finally:
            self._held_up, self.heard_at = False, self._clock()
        if self.ended:
            return
        now, pcm = self._now(), self._resamplers[heard.channel].take(heard.pcm)
        if heard.said_from is not None:
            self._timeline.doubt(heard.channel, heard.said_from, now)
        self._pass_on(self._timeline.take(heard.channel, pcm, heard.at, now))

    def press(self, channel: int, key: str) -> None:
        """A party pressed a key, which is told as the trunk has it."""
        key = key.upper()
        if key in _KEYS and self._dtmf != "off":
            shown = key if self._dtmf == "shown" else ""
            self._host.dtmf(self.call.id, DtmfDigit(channel, self._timeline.ends[channel], shown))

    def pause(self) -> None:
        self.paused = True

    def resume(self, at: int | None) -> None:
        """Audio comes again, of the stream's position `at` in samples."""
        self.paused, self.heard_at = False, self._clock()
        if at is not None:
            self._timeline.resume(at, self._now())

    def tick(self) -> None:
        """To be called many times a second."""
        now, time = self._now(), self._clock()
        self._pass_on(self._timeline.due(now))
        if time - self._told_at >= _SILENCE_EVERY_S and self.attended:
            self._told_at = time
            self._pass_on(self._timeline.silence(now, idle=self.paused))

    def end(self, reason: str) -> None:
        """The call is over. Does nothing the second time."""
        if self.ended:
            return
        self.ended = True
        for channel, resampler in enumerate(self._resamplers):
            if rest := resampler.rest():
                self._pass_on(self._timeline.take(channel, rest, None, self._now()))
        self._pass_on(self._timeline.due(self._now(), last=True))
        for name, times in self._timeline.dropped.items():
            self._counts[f"ingest_{name}"] += times
        self._host.call_ended(self.call.id, CallEnd(self._host.now(), self._timeline.end, reason))

    # What the node tells (callscribe.live.session.CallFollower).

    def partial(self, partial: Partial) -> None:
        self._pace.understood(partial.channel, partial.end)

    def final(self, final: Final) -> None:
        self._pace.understood(final.channel, final.end)

    def acknowledged(self, channel: int, offset: int) -> None:
        self._pace.understood(channel, offset)

    def closed(self, channel: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        self._pace.understood(channel, offset)

    def _now(self) -> int:
        return int((self._clock() - self._began) * self._rate)

    def _pass_on(self, chunks: Sequence[PlacedChunk]) -> None:
        for chunk in chunks:
            self._pace.heard(chunk.channel, chunk.end)
            self._host.audio(self.call.id, chunk, chunk.said_from)


class IngestDesk:
    """Every call that goes on at one port."""

    def __init__(self, host: IngestHost, media_timeout_s: float, counts: Counter[str]) -> None:
        """A call of which no audio comes for `media_timeout_s` seconds is ended; 0: never."""
        self._host = host
        self._media_timeout_s = media_timeout_s
        self._counts = counts
        self._calls: dict[UUID, IngestCall] = {}
        self._names: dict[_Name, IngestCall] = {}

    @property
    def active(self) -> int:
        """Calls that go on."""
        return len(self._calls)

    def takes(self, trunk: TrunkSettings) -> bool:
        """Whether a connection may come: the node could follow one more call, or a peer is awaited to take its own
        up again."""
        return self._host.admits(trunk) or any(call.attended is None for call in self._calls.values())

    async def handover(self, begin: Begin, origin: Origin) -> None:
        """Where a peer comes back before all was read that it sent on the connection it lost, wait for that."""
        for _ in range(round(_HANDOVER_S / _TICK_S)):
            call = self._left(begin, origin)
            if call is None or call.attended is None:
                return
            await asyncio.sleep(_TICK_S)

    def knows(self, begin: Begin, origin: Origin) -> bool:
        """Whether the call that the peer comes back to goes on."""
        return self._left(begin, origin) is not None

    def begin(self, begin: Begin, origin: Origin, attended: Attended) -> IngestCall:
        """A call for the connection: a new one, or the one that a lost connection left."""
        call = self._left(begin, origin)
        if call:
            before, call.attended = call.attended, None
            if before:
                before.dismiss("connection-lost")
            self._counts["ingest_calls_taken_up"] += 1
            log.info("ingest_call_taken_up", call_id=str(call.call.id))
        else:
            self._counts["ingest_calls"] += 1
            call = IngestCall(begin, _call_of(begin, origin, self._host), origin.trunk.dtmf, self._host, self._counts)
            self._calls[call.call.id] = call
        self._names.update(dict.fromkeys(_names(begin, origin), call))
        call.attend(attended, begin)
        return call

    def end(self, call: IngestCall, reason: str) -> None:
        """The call is over."""
        call.end(reason)
        self._calls.pop(call.call.id, None)
        self._names = {name: known for name, known in self._names.items() if known is not call}

    async def watch(self) -> None:
        """Keep the calls' time, and end those of which nothing comes. Runs until it is cancelled."""
        while True:
            for call in list(self._calls.values()):
                call.tick()
                limit = self._media_timeout_s or (math.inf if call.attended else _AWAY_S)
                if not call.paused and call.quiet_s > limit:
                    self._give_up(call)
            await asyncio.sleep(_TICK_S)

    async def drain(self, limit_s: float) -> None:
        """Let calls end for up to `limit_s` seconds."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + limit_s
        while loop.time() < limit and self._calls:
            await asyncio.sleep(_TICK_S)

    def dismiss_all(self) -> None:
        """End every call."""
        for call in list(self._calls.values()):
            self._dismiss(call, "drained")

    def _give_up(self, call: IngestCall) -> None:
        self._dismiss(call, "no-media" if call.attended else "connection-lost")

    def _dismiss(self, call: IngestCall, reason: str) -> None:
        attended = call.attended
        self.end(call, reason)
        if attended:
            attended.dismiss(reason)

    def _left(self, begin: Begin, origin: Origin) -> IngestCall | None:
        """The call that the peer comes back to. One with a living connection is another's, or another stream of it."""
        for name in _names(begin, origin):
            call = self._names.get(name)
            if call:
                same = begin.stream and begin.stream == call.stream and not begin.fresh
                if same or call.attended is None or call.quiet_s > _QUIET_S:
                    return call
        return None


def _names(begin: Begin, origin: Origin) -> list[_Name]:
    """Where a peer may find its call again; the call's other streams, of other channels, are found elsewhere."""
    labels = tuple(channel.label for channel in begin.channels)
    names = (name for name in (begin.name, *begin.earlier) if name)
    return [(origin.trunk.name, begin.dialect, name, begin.rate, labels) for name in names]


def _call_of(begin: Begin, origin: Origin, host: IngestHost) -> Call:
    ids = [(kind, clean(value)) for kind, value in (*begin.ids, ("ingest-connection", str(origin.connection)))]
    return Call(
        id=uuid4(),
        trunk=origin.trunk.name,
        dialect=begin.dialect,
        started_at=host.now(),
        sample_rate=call_rate(begin.rate),
        channels=_with_roles(begin, origin.trunk),
        caller=begin.caller,
        callee=begin.callee,
        outside_ids=OutsideIds(others=tuple((kind, value) for kind, value in ids if value)),
    )


def _with_roles(begin: Begin, trunk: TrunkSettings) -> tuple[Channel, ...]:
    """Roles by the trunk's rule; where it tells nothing, the protocol's own."""
    bare = tuple(
        channel if channel.role is Role.MIXED else replace(channel, role=Role.UNKNOWN) for channel in begin.channels
    )
    roled = with_roles(bare, trunk.roles, PlainEnds(begin.caller, begin.callee))
    if any(channel.role is Role.AGENT for channel in roled) or len(roled) == 1:
        return roled
    if trunk.roles.agent_is:
        agent = begin.caller if trunk.roles.agent_is == "caller" else begin.callee
        roles = (Role.AGENT if channel.party == agent else Role.CUSTOMER for channel in roled)
        return tuple(replace(channel, role=role) for channel, role in zip(roled, roles, strict=True))
    return begin.channels
