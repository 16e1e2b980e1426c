"""A line's user agent: accepts calls, carries their audio to the parent, obeys it. One thread, PJSUA2's main one.

Nothing but `_calls` may hold a call from one turn to the next, not even a loop's variable: what keeps it beyond its end
hangs the call up that has got its place in PJSUA meanwhile, and takes that one's callbacks away (~Call() in PJSUA2).
"""

import math
import time
from collections import Counter
from uuid import UUID

import pjsua2 as pj

from telephony.line.call import LineCall
from telephony.line.dtmf import DtmfWatch
from telephony.line.parent import ParentSocket
from telephony.line.sdp import header
from telephony.line.settings import NARROW_BAND_HZ, WIDE_BAND_HZ, LineSettings
from telephony.line.taps import TICK_MS, TapPool
from telephony.line.wire import HangUp, Hello, Message, Note, Pulse, Stop
from telephony.pjsip import (
    EndpointPlan,
    MediaPlan,
    call_capacity,
    contained,
    describe,
    media_config,
    open_endpoint,
)
from telephony.sdp import CODECS, NARROW_BAND, WIDE_BAND

CALL_HEADER = "X-Callscribe-Call"
"""Names the call in the INVITE that the front forwards: a UUID."""
DIALECT_HEADER = "X-Callscribe-Dialect"
"""In the same INVITE: "siprec" asks for an answer that only receives (RFC 7866 section 7.2)."""
_IDLE_POLL_MS = 50
"""How long the parent may wait; SIP messages and timers wake the poll at once."""
_LATE_POLL_MS = 5
"""The same where a tick is late."""
_FRAME_S = 0.003
"""Time from a tick's begin until all taps have heard it."""
_QUICK_TICKS, _THRIFTY_TICKS = 2, 5
"""Ticks that are handed on at once: 40 ms, or 100 ms that cost the processes behind a good half of it."""
_QUICK_CALLS = 2
"""Calls up to which it is quick: the pool fills all lines alike, so the others have not more to do."""
_PULSE_S = 1.0
_GOODBYE_S = 1.0


class LineAgent:
    """Implements Switchboard for its calls."""

    def __init__(self, settings: LineSettings, parent: ParentSocket) -> None:
        self.sample_rate = settings.sample_rate
        self.media_timeout_s = settings.media_timeout_s
        self._parent = parent
        self._counts: Counter[str] = Counter()
        self._calls: dict[int, LineCall] = {}
        self._serial = 0
        self._handed_on = 0
        self._stopping = False
        plan = EndpointPlan(settings.sample_rate, TICK_MS, "Callscribe", sip_address="127.0.0.1")
        codecs = NARROW_BAND if settings.sample_rate < WIDE_BAND_HZ else (*NARROW_BAND, *WIDE_BAND)
        self._endpoint, self._sip_port = open_endpoint(plan, codecs)
        self.taps = TapPool(settings.sample_rate, NARROW_BAND_HZ)
        self.dtmf = DtmfWatch(self.taps.clock)
        self._account = _Account(self)
        self._account.create(_account_config(settings))

    def run(self) -> None:
        """Serve until the parent says Stop. Raises ParentGone."""
        built = {codec.codecId.partition("/")[0] for codec in self._endpoint.codecEnum2()}
        self.post(Hello(self._sip_port, call_capacity(), tuple(codec for codec in CODECS if codec in built)))
        due = time.monotonic()
        while not self._stopping:
            self._turn()
            self._guard()
            if time.monotonic() >= due:
                due = time.monotonic() + _PULSE_S
                self._pulse()
        self._hang_up()
        limit = time.monotonic() + _GOODBYE_S
        while self._calls and time.monotonic() < limit:
            self._turn()
        # A BYE that was just sent may wait for its transport.
        self._turn()

    # Switchboard

    def post(self, message: Message) -> None:
        self._parent.post(message)

    def deliver(self) -> None:
        while frame := self.taps.queue.take():
            call = self._calls.get(frame.key.call)
            if call is None:
                continue
            if self._parent.full:
                # What is not placed now is a gap in front of the channel's next frame.
                self.count("frames_unsent")
                continue
            call.hear(frame)
        while press := self.dtmf.take():
            if call := self._calls.get(press.key.call):
                call.press(press)

    def forget(self, serial: int) -> None:
        self._calls.pop(serial, None)

    def count(self, name: str, by: int = 1) -> None:
        if by:
            self._counts[name] += by

    def offer(self, pjsua_id: int, message: str) -> None:
        """Answer an INVITE, whose text is `message`."""
        call_id = _call_id(message)
        self._serial += 1
        call = LineCall(self._account, pjsua_id, self._serial, call_id or UUID(int=0), self)
        known = any(other.call_id == call_id for other in self._calls.values())
        self._calls[self._serial] = call
        if call_id is None:
            self.count("invites_without_id")
            call.refuse(pj.PJSIP_SC_FORBIDDEN)
        elif known:
            self.count("invites_twice")
            call.refuse(pj.PJSIP_SC_LOOP_DETECTED)
        else:
            call.accept(recvonly=header(message, DIALECT_HEADER).lower() == "siprec")

    @property
    def _ticks(self) -> int:
        return _QUICK_TICKS if len(self._calls) <= _QUICK_CALLS else _THRIFTY_TICKS

    def _poll_ms(self) -> int:
        """Until there will be audio to hand on."""
        if not self._calls:
            return _IDLE_POLL_MS
        left_s = self.taps.clock.next_last_of(self._ticks) + _FRAME_S - time.monotonic()
        return max(math.ceil(left_s * 1000), _LATE_POLL_MS)

    def _turn(self) -> None:
        self._endpoint.libHandleEvents(self._poll_ms())
        self.deliver()
        group = (self.taps.clock.position + 1) // self._ticks
        if group != self._handed_on:
            self._handed_on = group
            for call in self._calls.values():
                call.hand_on()
        for message in self._parent.read():
            self._obey(message)
        self._parent.flush()

    def _guard(self) -> None:
        for call in list(self._calls.values()):
            call.guard(time.monotonic())

    def _hang_up(self) -> None:
        for call in list(self._calls.values()):
            call.end()

    def _obey(self, message: Message) -> None:
        match message:
            case HangUp(call_id):
                for call in [call for call in self._calls.values() if call.call_id == call_id]:
                    call.end()
            case Stop():
                self._stopping = True
            case _:
                self.post(Note("message-unexpected", type(message).__name__))

    def _pulse(self) -> None:
        now = time.monotonic()
        for call in list(self._calls.values()):
            call.poll(now)
        self._counts["ticks_filled"] = self.taps.clock.filled
        self._counts["ticks_dropped"] = self.taps.clock.dropped
        self._counts["frames_dropped"] = self.taps.queue.dropped
        self.post(Pulse(dict(self._counts)))


class _Account(pj.Account):  # type: ignore[misc]  # PJSUA2 has no types
    def __init__(self, agent: LineAgent) -> None:
        super().__init__()
        self._agent = agent

    def report_fault(self, callback: str, error: Exception) -> None:
        self._agent.count("callback_errors")
        self._agent.post(Note("callback-failed", f"{callback}: {describe(error)}"))

    @contained
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        self._agent.offer(prm.callId, prm.rdata.wholeMsg)


def _account_config(settings: LineSettings) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = "sip:callscribe@127.0.0.1"
    ports = settings.rtp_ports(call_capacity())
    media_config(
        config,
        MediaPlan(
            srtp=pj.PJMEDIA_SRTP_OPTIONAL,
            port=ports.start,
            ports=len(ports),
            bind_address=settings.bind_address,
            advertised_address=settings.advertised_address,
        ),
    )
    return config


def _call_id(message: str) -> UUID | None:
    try:
        return UUID(header(message, CALL_HEADER))
    except ValueError:
        return None
