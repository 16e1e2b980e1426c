"""One call on a line."""

import time
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import pjsua2 as pj

from telephony.line.gathering import Gathering
from telephony.line.meter import MediaWatch, RtpMeter, SourceWatch
from telephony.line.sdp import labels, with_labels
from telephony.line.taps import TICK_MS, ChannelKey, Frame, Tap, TapPool
from telephony.line.timeline import Gap, Timeline
from telephony.line.wire import Answered, Audio, Ended, LineStream, Message, Note, RtpCounts, Silence, StreamsChanged
from telephony.pjsip import contained, describe
from telephony.sdp import STREAMS_PER_CALL


class Switchboard(Protocol):
    """What a call needs of its line."""

    taps: TapPool
    sample_rate: int
    media_timeout_s: int

    def post(self, message: Message) -> None: ...

    def deliver(self) -> None:
        """Let the calls hear all frames that wait."""

    def forget(self, serial: int) -> None:
        """Drop the last reference to an ended call."""

    def count(self, name: str, by: int = 1) -> None: ...


@dataclass(slots=True)
class _Ear:
    """One accepted audio m-line."""

    channel: int
    tap: Tap
    codec: str = ""
    receiving: bool = False
    meter: RtpMeter = field(default_factory=RtpMeter)
    source: SourceWatch = field(default_factory=SourceWatch)


class LineCall(pj.Call):  # type: ignore[misc]  # PJSUA2 has no types
    """Answers, hears and ends one call. Lives until its DISCONNECTED callback and no longer."""

    def __init__(self, account: pj.Account, pjsua_id: int, serial: int, call_id: UUID, board: Switchboard) -> None:
        super().__init__(account, pjsua_id)
        self.call_id = call_id
        self._serial = serial
        self._board = board
        self._timeline = Timeline(board.sample_rate * TICK_MS // 1000)
        self._gathering = Gathering()
        self._ears: dict[int, _Ear] = {}
        self._labels: tuple[str, ...] = ()
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
            if ear.receiving:
                self._read_meter(index, ear)
                self._watch_source(index, ear)
        packets = sum(ear.meter.total.packets for ear in self._ears.values())
        receiving = any(ear.receiving for ear in self._ears.values())
        if self._watch.expired(packets, receiving, now):
            self.end("no-media")

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
    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:  # noqa: N802
        offer = prm.remSdp.wholeSdp
        if offer:
            self._labels = labels(offer)
        prm.sdp.wholeSdp = with_labels(prm.sdp.wholeSdp, self._labels)

    @contained
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        for place, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO:
                self._attach(media, place)
        streams = tuple(LineStream(ear.channel, self._label(index), ear.codec) for index, ear in self._ears.items())
        if streams and not self._announced:
            self._board.post(Answered(self.call_id, streams))
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
    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:  # noqa: N802
        ear = self._ears.get(prm.streamIdx)
        if ear:
            self._read_meter(prm.streamIdx, ear)

    def _attach(self, media: pj.CallMediaInfo, place: int) -> None:
        """Let a tap hear an m-line. A held m-line keeps its channel and tap, and goes on with zeros.

        `place` is where PJSUA2 lists it: it leaves out video lines, and getAudioMedia counts as the list does.
        """
        ear = self._ears.get(media.index)
        if ear is None:
            if media.status in (pj.PJSUA_CALL_MEDIA_NONE, pj.PJSUA_CALL_MEDIA_ERROR):
                return
            channel = self._timeline.add_channel()
            ear = _Ear(channel, self._board.taps.lease(ChannelKey(self._serial, channel)))
            self._ears[media.index] = ear
        ear.receiving = media.status != pj.PJSUA_CALL_MEDIA_NONE and bool(media.dir & pj.PJMEDIA_DIR_DECODING)
        if not ear.receiving:
            return
        try:
            ear.codec = self.getStreamInfo(media.index).codecName
            self.getAudioMedia(place).startTransmit(ear.tap)
        except pj.Error as error:
            ear.receiving = False
            self._board.count("streams_unheard")
            self._board.post(Note("stream-unheard", describe(error)))

    def _label(self, index: int) -> str:
        return self._labels[index] if index < len(self._labels) else ""

    def _read_meter(self, index: int, ear: _Ear) -> None:
        try:
            stat = self.getStreamStat(index)
        except pj.Error:
            return
        heard = stat.rtcp.rxStat
        ear.meter.read(
            RtpCounts(
                packets=heard.pkt,
                lost=heard.loss,
                discarded=heard.discard,
                duplicated=heard.dup,
                reordered=heard.reorder,
                jitter_us=heard.jitterUsec.mean,
            )
        )

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
        board.count("rtp_discarded", sum(counts.discarded for counts in rtp))
        reason = self._reason if self._announced else "rejected"
        board.post(Ended(self.call_id, self._timeline.samples, reason, rtp))
