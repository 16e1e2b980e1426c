"""The SIP node: the public port, the lines behind it, and every call as one value."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, DtmfDigit
from callscribe.domain.errors import SettingsError
from callscribe.domain.refusal import RefusedRequest
from callscribe.domain.trace import record
from telephony.advertised import advertised_address
from telephony.bridge.bridging import Bridging
from telephony.bridge.lookup import TargetLookup
from telephony.front.front import Front, SipPorts
from telephony.front.offer import CallOffer, Description
from telephony.joining import CallInProgress
from telephony.line.settings import NARROW_BAND_HZ, WIDE_BAND_HZ
from telephony.lines import Dtmf, Ended, LinePool, LinePoolSettings, LineStream
from telephony.registration import RegistrationState, RegistrationStatus, gauge
from telephony.relay.relay import Relay, RelaySettings
from telephony.routes import Routes, RouteSettings
from telephony.sdp import WIDE_BAND
from telephony.settings import SipSettings, TrunkSettings
from telephony.trunks import Trunks

__all__ = ["CallSink", "SipNode", "SipPorts"]

log = structlog.get_logger()

_HANG_UP_S = 3.0
"""Time calls get to end after they were hung up."""


class CallSink(Protocol):
    """Implemented by live; called on the event loop; must not block or raise."""

    def call_started(self, call: Call) -> None:
        """Answered: parties, channels and outside ids as known so far."""

    def call_updated(self, call: Call) -> None:
        """A re-INVITE, UPDATE or later metadata changed it: the whole new value."""

    def call_corrected(self, call: Call, channels: tuple[int, ...]) -> None:
        """As call_updated; the parties of these channels had each other's places, from the start of the call on."""

    def audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        """Comes after call_started only, and not after call_ended."""

    def dtmf(self, call_id: UUID, pressed: DtmfDigit) -> None:
        """A party pressed a key; comes for trunks that want it, and as audio does."""

    def pause_asked(self, call_id: UUID, *, paused: bool) -> None:
        """The peer wants nothing kept of what is said from now on, or, not `paused`, again; comes as audio does."""

    def call_ended(self, call_id: UUID, end: CallEnd) -> None: ...

    def admits(self, trunk: TrunkSettings) -> bool:
        """Whether one more call of the trunk could be followed; asked before each. A call that is sent on comes
        anyway."""


class SipNode:
    """Answers calls on the public SIP port. Implements FrontListener and LineListener."""

    def __init__(
        self,
        settings: SipSettings,
        trunks: tuple[TrunkSettings, ...],
        sink: CallSink,
        routes: tuple[RouteSettings, ...] = (),
    ) -> None:
        self._sink = sink
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._calls: dict[UUID, CallInProgress] = {}
        self._repairs: Counter[str] = Counter()
        self._draining = False
        address = advertised_address(settings)
        lines_last = settings.lines_rtp_port_max(bridging=bool(routes))
        pool = LinePoolSettings(
            count=settings.lines,
            rtp_port_min=settings.rtp_port_min,
            rtp_port_max=lines_last,
            advertised_address=address,
            bind_address=settings.host or "0.0.0.0",
            media_timeout_s=settings.media_timeout_s,
            sample_rate=NARROW_BAND_HZ if _wanted(trunks).isdisjoint(WIDE_BAND) else WIDE_BAND_HZ,
        )
        self._sample_rate = pool.sample_rate
        self._lines = LinePool(pool, self)
        self._front = Front(settings, address, Trunks(trunks), self._lines.lines, self)
        self._front.admits = sink.admits
        relay = RelaySettings(pool.bind_address, lines_last + 1, settings.rtp_port_max)
        self._relay = Relay(relay) if routes else None
        self._front.bridging = Bridging(Routes(routes), self._relay, media_timeout_s=settings.media_timeout_s)
        self._targets = TargetLookup(self._front.bridging)

    async def start(self) -> None:
        """Open the port, and answer once all lines stand. Raises PortUnavailable, LineUnavailable and SettingsError."""
        # The port first: a busy one must not cost the time that lines take.
        await self._front.start()
        try:
            await self._targets.start()
            if self._relay:
                await self._relay.start()
            await self._lines.start()
            self._check_codecs(self._trunks.values())
        except BaseException:
            await self._lines.stop()
            await self._stop_bridging()
            await self._front.stop()
            raise
        self._front.register()
        log.info("sip_ready", port=self.ports.sip, tls_port=self.ports.tls, capacity=self.capacity)

    async def take(self, trunks: tuple[TrunkSettings, ...]) -> None:
        """These are the trunks of calls that come from now on. Raises SettingsError, with nothing changed."""
        self._check_codecs(trunks)
        if self._sample_rate == NARROW_BAND_HZ and not _wanted(trunks).isdisjoint(WIDE_BAND):
            raise SettingsError("trunks[].codecs wants wide band, for which the lines must be started anew: restart")
        # The Contact of a trunk that registers takes a while to make.
        found = await asyncio.to_thread(Trunks, trunks)
        self._front.take(found)
        self._trunks |= {trunk.name: trunk for trunk in trunks}

    async def drain(self, limit_s: float) -> None:
        """Refuse new calls with 503, and let running ones end for up to `limit_s` seconds. May be canceled."""
        self._front.drain()
        await self._wait_for_calls(limit_s)

    async def stop(self, drain_s: float = 0.0) -> None:
        """As drain; then end the rest with BYE."""
        await self.drain(drain_s)
        self._draining = True
        for call_id in list(self._calls):
            self._lines.hang_up(call_id)
        self._front.end_bridges()
        await self._wait_for_calls(_HANG_UP_S)
        await self._lines.stop()
        await self._stop_bridging()
        await self._front.stop()
        for call_id in list(self._calls):
            self._end(call_id, "line-lost", interrupted=True)

    def hang_up(self, call_id: UUID) -> None:
        """End a call with BYE; call_ended follows."""
        self._lines.hang_up(call_id)

    @property
    def active(self) -> int:
        """Answered calls going on."""
        return sum(call.started for call in self._calls.values())

    @property
    def capacity(self) -> int:
        """Calls that the lines standing now can carry."""
        return sum(line.capacity for line in self._lines.lines() if line.ready)

    @property
    def ports(self) -> SipPorts:
        """The bound public ports."""
        return self._front.ports

    def counters(self) -> Mapping[str, int]:
        """What was counted since start, by snake_case name, and the state of each trunk that registers."""
        relay = Counter(relays_lost=self._relay.restarts if self._relay else 0)
        counted = self._repairs + Counter(self._lines.counters()) + Counter(self._front.counters()) + relay
        return {**counted, **self._gauges()}

    def registrations(self) -> tuple[RegistrationStatus, ...]:
        """How the registrations of trunks go."""
        return self._front.registrations()

    def refusals(self) -> tuple[RefusedRequest, ...]:
        """Whom the public port refused lately, the last one first."""
        return self._front.refusals.newest()

    # FrontListener

    def call_offered(self, offer: CallOffer) -> None:
        trunk = self._trunks[offer.trunk]
        self._calls[offer.id] = CallInProgress(offer, trunk.roles, trunk.dtmf)

    def call_described(self, call_id: UUID, description: Description) -> None:
        if call := self._calls.get(call_id):
            call.describe(description)
            self._update(call)

    def call_pause_asked(self, call_id: UUID, *, paused: bool) -> None:
        if (call := self._calls.get(call_id)) and call.started:
            self._sink.pause_asked(call_id, paused=paused)

    def call_abandoned(self, call_id: UUID) -> None:
        call = self._calls.get(call_id)
        if call and call.started:
            # Answered by the line, but the caller never heard of it.
            self._lines.hang_up(call_id)
        else:
            self._calls.pop(call_id, None)

    # LineListener

    def line_answered(self, call_id: UUID, streams: tuple[LineStream, ...], sample_rate: int = NARROW_BAND_HZ) -> None:
        call = self._calls.get(call_id)
        if call is None:
            self._lines.hang_up(call_id)
            return
        # Sample 0 is the line's first tick from here on, at most a tick of 20 ms away.
        self._sink.call_started(call.start(streams, datetime.now(UTC), sample_rate))
        record(call_id, "answer", call.offered_ns, trunk=call.trunk)
        self._count_repairs(call)
        self._update(call)

    def line_streams_changed(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None:
        if call := self._calls.get(call_id):
            call.take_streams(streams)
            self._update(call)

    def line_audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        call = self._calls.get(call_id)
        if call and call.started:
            call.samples = max(call.samples, chunk.end)
            self._sink.audio(call_id, chunk)

    def line_dtmf(self, pressed: Dtmf) -> None:
        call = self._calls.get(pressed.call_id)
        if call and call.started and call.keys != "off":
            digit = pressed.digit if call.keys == "shown" else ""
            self._sink.dtmf(pressed.call_id, DtmfDigit(pressed.channel, pressed.offset, digit))

    def line_call_ended(self, ended: Ended) -> None:
        self._front.release(ended.call_id)
        if call := self._calls.get(ended.call_id):
            call.samples = max(call.samples, ended.samples)
            call.rtp, call.holds = ended.rtp, ended.holds
            self._end(ended.call_id, "drained" if self._draining and ended.reason == "bye" else ended.reason)

    def line_lost(self, line: int, calls: tuple[UUID, ...]) -> None:
        for call_id in calls:
            self._end(call_id, "line-lost", interrupted=True)
        self._front.line_lost(line)

    def _check_codecs(self, trunks: Iterable[TrunkSettings]) -> None:
        """Raises SettingsError where a trunk wants a codec that the lines' PJMEDIA was built without."""
        missing = _wanted(trunks) - {*self._lines.codecs()}
        if missing:
            raise SettingsError(
                f"trunks[].codecs names {', '.join(sorted(missing))}, which this PJSUA2 lacks: take it out, or "
                "build PJSIP with it (docs/operations.md)"
            )

    def _update(self, call: CallInProgress) -> None:
        change = call.changed()
        if change is None:
            return
        if change.corrected:
            self._sink.call_corrected(change.call, change.corrected)
        else:
            self._sink.call_updated(change.call)
        self._count_repairs(call)

    def _count_repairs(self, call: CallInProgress) -> None:
        self._repairs.update(f"repaired_{quirk.replace('-', '_')}" for quirk in call.uncounted_quirks())

    def _gauges(self) -> dict[str, int]:
        """1 for the state that a registration is in; whether it is registered is always told."""
        found: dict[str, int] = {}
        for status in self.registrations():
            found[gauge(RegistrationState.REGISTERED, status.trunk)] = 0
            found[gauge(status.state, status.trunk)] = 1
        return found

    def _end(self, call_id: UUID, reason: str, *, interrupted: bool = False) -> None:
        call = self._calls.pop(call_id, None)
        if call and call.started:
            end = CallEnd(datetime.now(UTC), call.samples, reason, interrupted, call.media(), call.holds)
            self._sink.call_ended(call_id, end)

    async def _stop_bridging(self) -> None:
        await self._targets.stop()
        if self._relay:
            await self._relay.stop()

    async def _wait_for_calls(self, limit_s: float) -> None:
        limit = asyncio.get_running_loop().time() + limit_s
        while (self._calls or self._front.bridged) and asyncio.get_running_loop().time() < limit:
            await asyncio.sleep(0.05)


def _wanted(trunks: Iterable[TrunkSettings]) -> frozenset[str]:
    """Codecs that trunks name."""
    return frozenset(codec for trunk in trunks for codec in trunk.codecs)
