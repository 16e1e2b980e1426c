"""The calling user agent. Runs in a process of its own; see telephony.pjsip for why."""

import re
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pjsua2 as pj

from callscribe.domain.call import Party
from callscribe.domain.errors import CallRefused, TelephonyError
from telephony.caller.metadata import parties_for, write_metadata
from telephony.caller.plan import CallPlan, CallProgress, CallResult
from telephony.caller.sources import FRAME_MS, Metronome, Playhead, Source
from telephony.caller.wav import read_wav
from telephony.line.sdp import with_labels
from telephony.pjsip import EndpointPlan, MediaPlan, contained, describe, media_config, open_endpoint

MESSAGE_LIMIT = 4000
"""Bytes of one SIP message that PJSIP sends (compiled in)."""
_POLL_MS = 20
_TAIL_FRAMES = 15
"""Ticks after the last sample: the callee's jitter buffer empties."""
_PROGRESS_S = 1.0
_GOODBYE_S = 2.0
"""A callee that does not answer BYE is left alone after this."""
_SETTLE_S = 0.25
_URI = re.compile(r"sips?:(?:[^@;]*@)?(?P<host>[\w.-]+)(?::(?P<port>\d+))?", re.IGNORECASE)


class CallAgent:
    """Places one call by plan. Holds every PJSUA2 object: the process must end by leave() while this one lives."""

    def __init__(self, plan: CallPlan, on_progress: Callable[[CallProgress], None]) -> None:
        self._plan = plan
        self._on_progress = on_progress
        self._playhead = Playhead()
        self._sources: list[Source] = []

    def run(self, cancelled: Callable[[], bool]) -> CallResult:
        """Call, play, hang up.

        Raises CallRefused when the call is not answered, UnreadableAudio for a file, and TelephonyError when the call
        cannot be sent at all.
        """
        pcm = [read_wav(Path(name), self._plan.rate) for name in self._plan.play] or [b""]
        near = _local_address(self._plan.uri)
        try:
            self._open(pcm, near)
            call = self._call = _Call(self._account, self._plan, self._sources, self._playhead)
            call.makeCall(_target(self._plan), _invite(self._plan))
        except pj.Error as error:
            raise TelephonyError(_explain(error.reason)) from error
        return self._follow(call, cancelled)

    def _open(self, pcm: list[bytes], near: str) -> None:
        rate = self._plan.rate
        transport = EndpointPlan(rate, FRAME_MS, "Callscribe caller", self._plan.transport, near)
        self._endpoint, _ = open_endpoint(transport, (self._plan.codec,))
        self._metronome = Metronome(self._playhead, rate)
        self._sources.extend(Source(sound, self._playhead, rate) for sound in pcm)
        self._account = pj.Account()
        self._account.create(_account_config(self._plan, near))

    def _follow(self, call: "_Call", cancelled: Callable[[], bool]) -> CallResult:
        due = time.monotonic()
        while not call.ended and not call.lingers:
            self._endpoint.libHandleEvents(_POLL_MS)
            call.tend()
            if time.monotonic() >= due:
                due = time.monotonic() + _PROGRESS_S
                self._tell(call.phase, call.seconds)
            if call.fault or self._over(call) or cancelled():
                call.leave()
        self._settle()
        self._tell("ended", call.seconds)
        return call.result()

    def _over(self, call: "_Call") -> bool:
        if call.answered_at is None:
            return False
        if self._plan.seconds is not None:
            return call.seconds >= self._plan.seconds
        return bool(self._plan.play) and self._playhead.frame >= max(s.frames for s in self._sources) + _TAIL_FRAMES

    def _settle(self) -> None:
        """Give the last message, BYE or the answer to one, time to leave."""
        limit = time.monotonic() + _SETTLE_S
        while time.monotonic() < limit:
            self._endpoint.libHandleEvents(_POLL_MS)

    def _tell(self, state: str, seconds: float) -> None:
        self._on_progress(CallProgress(state, round(seconds, 1)))


class _Call(pj.Call):  # type: ignore[misc]  # PJSUA2 has no types
    """The call; its callbacks only note what happened, the agent's loop acts."""

    def __init__(self, account: pj.Account, plan: CallPlan, sources: list[Source], playhead: Playhead) -> None:
        super().__init__(account)
        self._plan = plan
        self._sources = sources
        self._playhead = playhead
        self._packets = [0] * plan.lines
        self._left_at = 0.0
        self._ended_at = 0.0
        self._sip_call_id = ""
        self._status, self._reason = 0, ""
        self.fault = ""
        self.answered_at: float | None = None
        self.ended = False
        self.phase = "calling"

    @property
    def seconds(self) -> float:
        """Since the answer."""
        if self.answered_at is None:
            return 0.0
        return (self._ended_at or time.monotonic()) - self.answered_at

    @property
    def lingers(self) -> bool:
        """True when the callee did not answer the BYE."""
        return bool(self._left_at) and time.monotonic() - self._left_at > _GOODBYE_S

    def tend(self) -> None:
        """Read the packet counters of all m-lines that have a stream."""
        if self.answered_at is None or self.ended:
            return
        for index in range(len(self._packets)):
            try:
                stat = self.getStreamStat(index)
            except pj.Error:
                continue
            self._packets[index] = stat.rtcp.txStat.pkt

    def leave(self) -> None:
        """Hang up, or cancel what is not answered yet."""
        if self._left_at:
            return
        self._left_at = time.monotonic()
        try:
            self.hangup(pj.CallOpParam(True))
        except pj.Error:
            self.ended = True

    def result(self) -> CallResult:
        if self.fault:
            raise TelephonyError(self.fault)
        if self.answered_at is None:
            raise CallRefused(_explain(f"{self._status} {self._reason}"))
        return CallResult(
            sip_call_id=self._sip_call_id,
            seconds=round(self.seconds, 3),
            packets=tuple(self._packets),
            ended_by="caller" if self._left_at else "callee",
            status=self._status,
        )

    def report_fault(self, callback: str, error: Exception) -> None:
        self.fault = f"{callback} failed: {describe(error)}"

    # PJSUA2 callbacks

    @contained
    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:  # noqa: N802
        if self._plan.siprec:
            names = tuple(str(number + 1) for number in range(self._plan.lines))
            prm.sdp.wholeSdp = with_labels(_terse(prm.sdp.wholeSdp), names)

    @contained
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        for place, media in enumerate(info.media):
            live = media.type == pj.PJMEDIA_TYPE_AUDIO and bool(media.dir & pj.PJMEDIA_DIR_ENCODING)
            if live and media.status != pj.PJSUA_CALL_MEDIA_NONE and media.index < len(self._sources):
                self._sources[media.index].startTransmit(self.getAudioMedia(place))
        self._playhead.start()

    @contained
    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        self._sip_call_id = info.callIdString
        self._status, self._reason = info.lastStatusCode, info.lastReason
        if info.state == pj.PJSIP_INV_STATE_EARLY:
            self.phase = "ringing"
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.phase = "playing"
            self.answered_at = time.monotonic()
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._ended_at = time.monotonic()
            self.ended = True


def _local_address(uri: str) -> str:
    """The address of this machine that the callee's packets come to. Raises TelephonyError."""
    found = _URI.match(uri)
    if not found:
        raise TelephonyError(f"{uri} is no SIP address: write sip:USER@HOST:PORT")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((found["host"], int(found["port"] or 5060)))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise TelephonyError(f"{found['host']} cannot be reached: {error.strerror}") from error


def _target(plan: CallPlan) -> str:
    plain = plan.transport == "udp" or ";transport=" in plan.uri.lower()
    return plan.uri if plain else f"{plan.uri};transport={plan.transport}"


def _account_config(plan: CallPlan, near: str) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = _name_address(plan.caller)
    if plan.siprec:
        config.sipConfig.contactParams = ";+sip.src"
    srtp = pj.PJMEDIA_SRTP_MANDATORY if plan.srtp else pj.PJMEDIA_SRTP_DISABLED
    media_config(config, MediaPlan(srtp=srtp, bind_address=near, advertised_address=near))
    return config


def _name_address(party: Party) -> str:
    name = party.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <{party.address}>' if name else f"<{party.address}>"


def _invite(plan: CallPlan) -> pj.CallOpParam:
    invite = pj.CallOpParam(True)
    invite.opt.audioCount = plan.lines
    invite.opt.videoCount = 0
    headers = list(plan.headers)
    if plan.siprec:
        headers.append(("Require", "siprec"))
        invite.opt.flag |= pj.PJSUA_CALL_SET_MEDIA_DIR
        directions = pj.IntVector()
        for _ in range(plan.lines):
            directions.append(pj.PJMEDIA_DIR_ENCODING)
        invite.opt.mediaDir = directions
        _attach_metadata(invite, plan)
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        invite.txOption.headers.append(header)
    return invite


def _attach_metadata(invite: pj.CallOpParam, plan: CallPlan) -> None:
    """A multipart body of SDP and rs-metadata (RFC 7866 section 6.1.2)."""
    part = pj.SipMultipartPart()
    part.contentType.type, part.contentType.subType = "application", "rs-metadata+xml"
    part.body = plan.metadata or write_metadata(parties_for(plan.lines, plan.parties), datetime.now(UTC))
    disposition = pj.SipHeader()
    disposition.hName, disposition.hValue = "Content-Disposition", "recording-session"
    part.headers.append(disposition)
    invite.txOption.multipartContentType.type = "multipart"
    invite.txOption.multipartContentType.subType = "mixed"
    invite.txOption.multipartParts.append(part)


def _terse(sdp: str) -> str:
    """`sdp` without what no recording server needs, so that more metadata fits into a message."""
    needless = ("b=", "a=ssrc:", "a=X-nat:", "a=rtcp:")
    return "".join(f"{line}\r\n" for line in sdp.splitlines() if not line.startswith(needless))


def _explain(problem: str) -> str:
    if "EMSGTOOLONG" in problem or "too long" in problem.lower():
        return (
            f"the INVITE would be above {MESSAGE_LIMIT} bytes, which this caller cannot send: use shorter metadata or "
            "fewer m-lines"
        )
    return problem
