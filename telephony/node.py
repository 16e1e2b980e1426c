"""The SIP node: the public port, the lines behind it, and every call as one value."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd
from telephony.front.front import Front, SipPorts
from telephony.front.offer import CallOffer
from telephony.joining import CallInProgress
from telephony.lines import LinePool, LinePoolSettings, LineStream
from telephony.settings import SipSettings, TrunkSettings
from telephony.trunks import Trunks

__all__ = ["CallSink", "SipNode", "SipPorts"]

log = structlog.get_logger()

SAMPLE_RATE = 8000
"""Hz of all lines."""
LINES_PER_CORE = 2
_HANG_UP_S = 3.0
"""Time calls get to end after they were hung up."""
_WILDCARDS = ("", "0.0.0.0", "::")


class CallSink(Protocol):
    """Implemented by live; called on the event loop; must not block or raise."""

    def call_started(self, call: Call) -> None:
        """Answered: parties, channels and outside ids as known so far."""

    def call_updated(self, call: Call) -> None:
        """A re-INVITE, UPDATE or later metadata changed it: the whole new value."""

    def audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        """Comes after call_started only, and not after call_ended."""

    def call_ended(self, call_id: UUID, end: CallEnd) -> None: ...


class SipNode:
    """Answers calls on the public SIP port. Implements FrontListener and LineListener.

    Making one raises LineUnavailable where the RTP ports do not suffice for the lines.
    """

    def __init__(self, settings: SipSettings, trunks: tuple[TrunkSettings, ...], sink: CallSink) -> None:
        self._sink = sink
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._calls: dict[UUID, CallInProgress] = {}
        self._repairs: Counter[str] = Counter()
        self._draining = False
        address = settings.advertised_address or _address_of(settings.host)
        pool = LinePoolSettings(
            count=settings.lines or LINES_PER_CORE * (os.cpu_count() or 1),
            rtp_port_min=settings.rtp_port_min,
            rtp_port_max=settings.rtp_port_max,
            advertised_address=address,
            bind_address=settings.host or "0.0.0.0",
            media_timeout_s=settings.media_timeout_s,
            sample_rate=SAMPLE_RATE,
        )
        self._lines = LinePool(pool, self)
        self._front = Front(settings, address, Trunks(trunks), self._lines.lines, self)

    async def start(self) -> None:
        """Open the port, and answer once all lines stand. Raises PortUnavailable, LineUnavailable and SettingsError."""
        # The port first: a busy one must not cost the time that lines take.
        await self._front.start()
        try:
            await self._lines.start()
        except BaseException:
            await self._front.stop()
            raise
        log.info("sip_ready", port=self.ports.sip, tls_port=self.ports.tls, capacity=self.capacity)

    async def stop(self, drain_s: float = 0.0) -> None:
        """Refuse new calls with 503, let running ones end for up to `drain_s` seconds, end the rest with BYE."""
        self._front.drain()
        await self._wait_for_calls(drain_s)
        self._draining = True
        for call_id in list(self._calls):
            self._lines.hang_up(call_id)
        await self._wait_for_calls(_HANG_UP_S)
        await self._lines.stop()
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
        """What was counted since start, by snake_case name."""
        return self._repairs + Counter(self._lines.counters()) + Counter(self._front.counters())

    # FrontListener

    def call_offered(self, offer: CallOffer) -> None:
        self._calls[offer.id] = CallInProgress(offer, self._trunks[offer.trunk].roles, SAMPLE_RATE)

    def metadata_changed(self, call_id: UUID, metadata: bytes) -> None:
        if call := self._calls.get(call_id):
            call.take_metadata(metadata)
            self._update(call)

    def call_abandoned(self, call_id: UUID) -> None:
        call = self._calls.get(call_id)
        if call and call.started:
            # Answered by the line, but the caller never heard of it.
            self._lines.hang_up(call_id)
        else:
            self._calls.pop(call_id, None)

    # LineListener

    def line_answered(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None:
        call = self._calls.get(call_id)
        if call is None:
            self._lines.hang_up(call_id)
            return
        # Sample 0 is the line's first tick from here on, at most a tick of 20 ms away.
        self._sink.call_started(call.start(streams, datetime.now(UTC)))
        self._count_repairs(call)

    def line_streams_changed(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None:
        if call := self._calls.get(call_id):
            call.take_streams(streams)
            self._update(call)

    def line_audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        call = self._calls.get(call_id)
        if call and call.started:
            call.samples = max(call.samples, chunk.end)
            self._sink.audio(call_id, chunk)

    def line_call_ended(self, call_id: UUID, samples: int, reason: str) -> None:
        self._front.release(call_id)
        if call := self._calls.get(call_id):
            call.samples = max(call.samples, samples)
            self._end(call_id, "drained" if self._draining and reason == "bye" else reason)

    def line_lost(self, line: int, calls: tuple[UUID, ...]) -> None:
        for call_id in calls:
            self._end(call_id, "line-lost", interrupted=True)
        self._front.line_lost(line)

    def _update(self, call: CallInProgress) -> None:
        changed = call.changed()
        if changed:
            self._sink.call_updated(changed)
            self._count_repairs(call)

    def _count_repairs(self, call: CallInProgress) -> None:
        self._repairs.update(f"repaired_{quirk.replace('-', '_')}" for quirk in call.uncounted_quirks())

    def _end(self, call_id: UUID, reason: str, *, interrupted: bool = False) -> None:
        call = self._calls.pop(call_id, None)
        if call and call.started:
            end = CallEnd(datetime.now(UTC), call.samples, reason, interrupted)
            self._sink.call_ended(call_id, end)

    async def _wait_for_calls(self, limit_s: float) -> None:
        limit = asyncio.get_running_loop().time() + limit_s
        while self._calls and asyncio.get_running_loop().time() < limit:
            await asyncio.sleep(0.05)


def _address_of(host: str) -> str:
    """The address to advertise: `host`, or where that is a wildcard the one of the default route."""
    if host not in _WILDCARDS:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only asks the routing table.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
