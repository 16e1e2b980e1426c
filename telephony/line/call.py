"""One call on a line."""

import time
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import pjsua2 as pj

from callscribe.domain.call import ChannelHold
from telephony.line.door import SocketGone
from telephony.line.dtmf import DtmfWatch, Press
from telephony.line.gathering import Gathering
from telephony.line.guard import RtpGuard
from telephony.line.meter import MediaWatch, NameWatch, ReportWatch, RtpMeter, SourceWatch
from telephony.line.sdp import labels, with_labels
from telephony.line.settings import NARROW_BAND_HZ
from telephony.line.statistics import read_stream
from telephony.line.taps import TICK_MS, ChannelKey, Frame, Tap, TapPool
from telephony.line.timeline import Gap, Timeline
from telephony.line.wire import Answered, Audio, Dtmf, Ended, LineStream, Message, Note, Silence, StreamsChanged
from telephony.pjsip import contained, describe, send_report
from telephony.sdp import STREAMS_PER_CALL, WIDE_BAND, media_lines

NOT_HEARD = (pj.PJSUA_CALL_MEDIA_NONE, pj.PJSUA_CALL_MEDIA_ERROR)
"""States of an m-line that was taken back, or never worked: it is not on hold."""


class Switchboard(Protocol):
    """What a call needs of its line."""

    taps: TapPool
    dtmf: DtmfWatch
    sample_rate: int
    media_timeout_s: int

    def post(self, message: Message) -> None: ...

    def deliver(self) -> None:
        """Let the calls hear all frames and digits that wait."""

    def forget(self, serial: int) -> None:
        """Drop the last reference to an ended call."""

    def count(self, name: str, by: int = 1) -> None: ...


@dataclass(slots=True)
class _Ear:
    """One accepted audio m-line."""

    channel: int
    tap: Tap
    codec: str = ""
    label: str = ""
    """It stays where a later offer takes the m-line back, or names none."""
    receiving: bool = False
    held_from: int | None = None
    """Sample at which it was put on hold, where it still is."""
    meter: RtpMeter = field(default_factory=RtpMeter)
    source: SourceWatch = field(default_factory=SourceWatch)
    sender: NameWatch = field(default_factory=NameWatch)
    reports: ReportWatch = field(default_factory=ReportWatch)
    guard: RtpGuard | None = None
    """None until something is received, and where its socket cannot be filtered."""
    dismissed: RtpGuard | None = None
    """One that serves no more, while its filter may still be on the socket."""


class LineCall(pj.Call):  # type: ignore[misc]  # PJSUA2 has no types
    """Answers, hears and ends one call. Lives until its DISCONNECTED callback and no longer."""

    def __init__(self, account: pj.Account, pjsua_id: int, serial: int, call_id: UUID, board: Switchboard) -> None:
        super().__init__(account, pjsua_id)
        self.call_id = call_id
        self._serial = serial
        self._board = board
        self._rate = NARROW_BAND_HZ
        self._timeline = Timeline(self._rate * TICK_MS // 1000)
        self._gathering = Gathering()
        self._holds: list[ChannelHold] = []
        self._ears: dict[int, _Ear] = {}
        self._streams: dict[int, object] = {}
        self._labels: tuple[str, ...] = ()
        self._preferred: tuple[str, ...] = ()
        """The codec of each m-line, as the offer has it."""
        self._announced: tuple[LineStream, ...] = ()
        self._reason = "bye"
        self._refused = False
        self._watch = MediaWatch(board.media_timeout_s, time.monotonic())

    def accept(self, *, recvonly: bool) -> None:
        """Answer 200 with every audio m-line. Where that fails (the call is gone, no port is free) it is ended."""
        answer = pj.CallOpParam(True)
        answer.statusCode = pj.PJSIP_SC_OK
        answer.opt.videoCount = 0
        answer.opt.audioCount = STREAMS_PER_CALL if self.getInfo().remOfferer else 1
        if recvonly:
            answer.opt.flag |= pj.PJSUA_CALL_SET_MEDIA_DIR
            directions = pj.IntVector()
            for _ in range(STREAMS_PER_CALL):
                directions.append(pj.PJMEDIA_DIR_DECODING)
            answer.opt.mediaDir = directions
        try:
            self.answer(answer)
        except pj.Error as error:
            self._board.count("answers_failed")
            self._board.post(Note("answer-failed", describe(error)))
            self.end()

    def refuse(self, status: int) -> None:
        """Answer with a final status other than 200; nothing is reported about the call."""
        self._refused = True
        answer = pj.CallOpParam(True)
        answer.statusCode = status
        try:
            self.answer(answer)
        except pj.Error:
            self._board.count("answers_failed")

    def end(self, reason: str = "bye") -> None:
        """Send BYE, or 500 to an INVITE that was not answered; the DISCONNECTED callback follows."""
        self._reason = reason
        goodbye = pj.CallOpParam(True)
        goodbye.statusCode = pj.PJSIP_SC_INTERNAL_SERVER_ERROR
        try:
            self.hangup(goodbye)
        except pj.Error:
            self._board.count("hangups_too_late")

    def hear(self, frame: Frame) -> None:
        """Take one frame for the parent, once it knows the call."""
        if not self._announced:
            return
        for stretch in self._timeline.place(frame.key.channel, frame.position, frame.pcm):
            self._gathering.add(stretch)

    def press(self, press: Press) -> None:
        """Tell the parent of a digit, once it knows the call."""
        if self._announced:
            offset = self._timeline.offset_of(press.position)
            self._board.post(Dtmf(self.call_id, press.key.channel, offset, press.digit))

    def hand_on(self) -> None:
        """Post what was heard since the last time."""
        for stretch in self._gathering.take():
            if isinstance(stretch, Gap):
                self._board.post(Silence(self.call_id, stretch.channel, stretch.offset, stretch.samples))
            else:
                self._board.post(Audio(self.call_id, stretch))

    def poll(self, now: float) -> None:
        """Read what RTP came and from where, and end the call when it has been silent for too long."""
        for index, ear in self._ears.items():
            self._open_door(index, ear)
            if ear.receiving:
                self._read_meter(index, ear)
                self._watch_source(index, ear)
                self._report(index, ear, now)
        self._announce()
        packets = sum(ear.meter.total.packets for ear in self._ears.values())
        receiving = any(ear.receiving for ear in self._ears.values())
        if self._watch.expired(packets, receiving, now):
            self.end("no-media")

    def guard(self, now: float) -> None:
        """Keep strangers' RTP out."""
        for index, ear in self._ears.items():
            if not ear.receiving or ear.guard is None or not ear.guard.gate.due(now):
                continue
            try:
                source = self.getMedTransportInfo(index).srcRtpName
                ear.guard.look(source, self.getStreamStat(index).rtcp.rxStat.pkt, now)
            except (pj.Error, SocketGone):
                # The call is about to end: PJSUA closes its sockets when it hangs up, also where it waits for an ACK.
                continue
            except (OSError, ValueError) as error:
                self._report_guard(error)
                self._dismiss(index, ear)

    def report_fault(self, callback: str, error: Exception) -> None:
        self._board.count("callback_errors")
        self._board.post(Note("callback-failed", f"{callback}: {describe(error)}"))

    # PJSUA2 callbacks

    @contained
    def onCallTxOffer(self, prm: pj.OnCallTxOfferParam) -> None:  # noqa: N802
        """The caller wants our offer: it has the m-lines that the call has, not all that it might have."""
        info = self.getInfo()
        heard = sum(m.type == pj.PJMEDIA_TYPE_AUDIO and m.status != pj.PJSUA_CALL_MEDIA_NONE for m in info.media)
        prm.opt.audioCount = max(1, heard)

    @contained
    def onCallRxOffer(self, prm: pj.OnCallRxOfferParam) -> None:  # noqa: N802
        """The caller offers anew: m-lines are welcome that neither side had before."""
        prm.opt.audioCount = STREAMS_PER_CALL

    @contained
    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:  # noqa: N802
        offer = prm.remSdp.wholeSdp
        if offer:
            self._labels = labels(offer)
            self._preferred = tuple(line.preferred for line in media_lines(offer.encode()))
        prm.sdp.wholeSdp = with_labels(prm.sdp.wholeSdp, self._labels)

    @contained
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        if not self._ears:
            self._find_rate(info)
        for place, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO:
                self._attach(media, place)
        self._announce()

    def _announce(self) -> None:
        """Tell the parent of the m-lines where they are not as it knows them."""
        for media, ear in self._ears.items():
            ear.label = self._label(media) or ear.label
        streams = tuple(
            LineStream(ear.channel, ear.label, ear.codec, media, ear.sender.name) for media, ear in self._ears.items()
        )
        if streams and not self._announced:
            self._board.post(Answered(self.call_id, streams, self._rate))
        elif streams != self._announced:
            self._board.post(StreamsChanged(self.call_id, streams))
        self._announced = streams

    @contained
    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        if self.getInfo().state != pj.PJSIP_INV_STATE_DISCONNECTED:
            return
        try:
            self._close()
        finally:
            # Here and not later: PJSUA's slot may belong to a new call soon, which ~Call() would hang up.
            self._board.forget(self._serial)

    @contained
    def onStreamCreated(self, prm: pj.OnStreamCreatedParam) -> None:  # noqa: N802
        self._streams[prm.streamIdx] = prm.stream

    @contained
    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:  # noqa: N802
        self._streams.pop(prm.streamIdx, None)
        ear = self._ears.get(prm.streamIdx)
        if ear:
            self._read_meter(prm.streamIdx, ear)

    def _find_rate(self, info: pj.CallInfo) -> None:
        """For good, as the first answer has it: all of a call's audio has one rate."""
        audio = [media for media in info.media if media.type == pj.PJMEDIA_TYPE_AUDIO]
        if any(self._codec(media) in WIDE_BAND for media in audio):
            self._rate = self._board.sample_rate
            self._timeline = Timeline(self._rate * TICK_MS // 1000)

    def _codec(self, media: pj.CallMediaInfo) -> str:
        """That of an m-line, on hold the one that it will have; "" where it is declined."""
        try:
            return str(self.getStreamInfo(media.index).codecName)
        except pj.Error:
            offered = media.status != pj.PJSUA_CALL_MEDIA_NONE and media.index < len(self._preferred)
            return self._preferred[media.index] if offered else ""

    def _attach(self, media: pj.CallMediaInfo, place: int) -> None:
        """Let a tap hear an m-line. A held m-line keeps its channel and tap, and goes on with zeros.

        `place` is where PJSUA2 lists it: it leaves out video lines, and getAudioMedia counts as the list does.
        """
        ear = self._ears.get(media.index)
        if ear is None:
            if media.status in NOT_HEARD:
                return
            channel = self._timeline.add_channel()
            ear = _Ear(channel, self._board.taps.lease(ChannelKey(self._serial, channel), self._rate))
            self._ears[media.index] = ear
        if media.status == pj.PJSUA_CALL_MEDIA_NONE:
            self._dismiss(media.index, ear)
        ear.receiving = media.status != pj.PJSUA_CALL_MEDIA_NONE and bool(media.dir & pj.PJMEDIA_DIR_DECODING)
        self._note_hold(ear, held=media.status not in NOT_HEARD and not ear.receiving)
        if not ear.receiving:
            return
        try:
            ear.codec = self.getStreamInfo(media.index).codecName
            self._post_guard(media.index, ear)
            self.getAudioMedia(place).startTransmit(ear.tap)
            if stream := self._streams.get(media.index):
                self._board.dtmf.watch(stream, ChannelKey(self._serial, ear.channel))
        except pj.Error as error:
            ear.receiving = False
            self._board.count("streams_unheard")
            self._board.post(Note("stream-unheard", describe(error)))

    def _note_hold(self, ear: _Ear, *, held: bool) -> None:
        """Where it was put on hold, and taken off."""
        if held and ear.held_from is None:
            ear.held_from = self._timeline.samples
        elif not held and ear.held_from is not None:
            self._holds.append(ChannelHold(ear.channel, ear.held_from, self._timeline.samples))
            ear.held_from = None

    def _post_guard(self, index: int, ear: _Ear) -> None:
        """From the first packet on: this comes before the answer is sent. Raises pj.Error."""
        declared = self.getStreamInfo(index).remoteRtpAddress
        local = self.getMedTransportInfo(index).localRtpName
        if ear.guard and ear.guard.suits(declared, local):
            return
        try:
            # Its filter takes the place of an earlier one.
            ear.guard, ear.dismissed = RtpGuard(declared, local), None
        except (OSError, ValueError) as error:
            self._report_guard(error)
            self._dismiss(index, ear)

    def _dismiss(self, index: int, ear: _Ear) -> None:
        """Do without a guard from now on."""
        if ear.guard:
            ear.dismissed, ear.guard = ear.guard, None
        self._open_door(index, ear)

    def _open_door(self, index: int, ear: _Ear) -> None:
        """Take the filter of a dismissed guard off; where that fails it is tried again at the next poll."""
        if ear.dismissed is None:
            return
        try:
            # Another call may have got the port since.
            if self.getMedTransportInfo(index).localRtpName == ear.dismissed.local:
                ear.dismissed.leave()
        except pj.Error:
            pass  # The m-line has no socket any more.
        except OSError:
            return
        ear.dismissed = None

    def _report_guard(self, error: Exception) -> None:
        self._board.count("rtp_guards_failed")
        self._board.post(Note("rtp-guard-failed", type(error).__name__))

    def _label(self, index: int) -> str:
        return self._labels[index] if index < len(self._labels) else ""

    def _read_meter(self, index: int, ear: _Ear) -> None:
        try:
            reading = read_stream(self, index)
            place = self.getMedTransportInfo(index)
        except pj.Error:
            return
        ear.meter.read(reading.counts())
        ear.sender.look(reading.cname, place.srcRtcpName, place.srcRtpName)

    def _report(self, index: int, ear: _Ear, now: float) -> None:
        """Let the sender know that it is heard, while it sends nothing."""
        stream = self._streams.get(index)
        if stream is not None and ear.reports.due(ear.meter.total.packets, now):
            send_report(stream)

    def _watch_source(self, index: int, ear: _Ear) -> None:
        try:
            source = self.getMedTransportInfo(index).srcRtpName
        except pj.Error:
            return
        if ear.source.changed(source):
            self._board.count("rtp_source_changes")

    def _close(self) -> None:
        if self._refused:
            return
        board = self._board
        for ear in self._ears.values():
            board.taps.release(ear.tap)
        board.deliver()
        for gap in self._timeline.finish():
            self._gathering.add(gap)
        self.hand_on()
        rtp = tuple(ear.meter.total for ear in self._ears.values())
        board.count("samples_missing", self._timeline.missing)
        board.count("rtp_packets", sum(counts.packets for counts in rtp))
        board.count("rtp_lost", sum(counts.lost for counts in rtp))
        board.count("rtp_kept_out", sum(ear.guard.kept_out for ear in self._ears.values() if ear.guard))
        board.count("rtp_discarded", sum(counts.discarded for counts in rtp))
        reason = self._reason if self._announced else "rejected"
        for ear in self._ears.values():
            self._note_hold(ear, held=False)
        holds = tuple(sorted(self._holds, key=lambda hold: hold.start))
        board.post(Ended(self.call_id, self._timeline.samples, reason, rtp, holds))
