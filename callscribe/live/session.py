"""One running call: its audio goes to a recogniser and to disk, what is understood goes to events and journal."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

import structlog

from asr.wire.client import ChannelOptions, LostAudio
from callscribe.domain.audio import AudioChunk, ms_to_samples
from callscribe.domain.call import Call, CallEnd, Dialect, DtmfDigit
from callscribe.domain.hotword import Hotword
from callscribe.domain.pause import Pause
from callscribe.domain.trace import record, traced
from callscribe.domain.transcript import Final, Partial
from callscribe.events.schema import (
    CallCorrected,
    CallPaused,
    CallResumed,
    CallStarted,
    CallUpdated,
    DtmfPressed,
    UtteranceFinal,
    UtterancePartial,
)
from callscribe.live.assisting import Assistant, RuleBook
from callscribe.live.delays import Delays, Stage
from callscribe.live.ending import EndPorts, write_end
from callscribe.live.journal import CallSaved, FinalSaved
from callscribe.live.pauses import PauseBook
from callscribe.text.redaction.conversation import CallRedactor
from callscribe.text.redaction.masking import RedactionPolicy
from callscribe.text.written import write
from storage.records import ChannelRange, RecordingFile

log = structlog.get_logger()

LOST_MIN_MS = 200
"""Undecoded audio of a channel that is worth a recovery job."""
UNDERWAY_MS = 300
"""What was said so long before a pause ended may still be on its way: in networks, jitter buffers and queues."""
LOOK_AGAIN_S = 0.1
"""At least how long a session waits before it looks for overdue finals again."""
IN_STEP_MS = 2_000
"""How far a sender that need not send as time goes by may be behind the clock and still be taken for one that does."""


class SessionPorts(EndPorts, Protocol):
    """What a session needs of its node."""

    pause_limit_s: float
    """After which a pause ends by itself; 0: never."""

    @property
    def rules(self) -> RuleBook:
        """The assist rules of all calls."""

    @property
    def delays(self) -> Delays:
        """How late the words of all calls are."""

    def clock(self) -> float:
        """Seconds on a clock that is never set."""

    def after(self, seconds: float, action: Callable[[], None]) -> None: ...
    def open_channel(self, session: "CallSession", channel: int, options: ChannelOptions) -> int: ...
    def send(self, key: int, chunk: AudioChunk) -> None: ...
    def release(self, key: int, offset: int) -> None: ...
    def close_channel(self, key: int) -> None: ...
    def record(self, call: Call) -> None: ...
    def write(self, call_id: UUID, chunk: AudioChunk) -> None: ...
    async def finish_recording(self, call_id: UUID) -> RecordingFile | None: ...


class CallFollower(Protocol):
    """Whoever sent a call and wants to be told what was understood, beside the events. Called on the event loop; must
    not block or raise."""

    @property
    def hotwords(self) -> tuple[Hotword, ...]:
        """What it wants preferred now, beside the words of the call's trunk."""

    def partial(self, partial: Partial) -> None:
        """As it is published."""

    def final(self, final: Final) -> None:
        """As it is published."""

    def acknowledged(self, channel: int, offset: int) -> None:
        """The recogniser has understood the channel up to this sample."""

    def closed(self, channel: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        """The channel's last final was told; it was decoded up to `offset` but for what was lost before."""


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """How the texts of a trunk's calls are made for readers."""

    figures: bool = False
    """Whether finals have numbers in figures."""
    redaction: RedactionPolicy = field(default_factory=RedactionPolicy)


@dataclass(slots=True)
class _ChannelProgress:
    key: int
    heard: int = 0
    """Sample up to which there was audio."""
    shown: int = -1
    """First sample of the newest utterance that was shown while it was spoken."""
    told: int = 0
    """Sample before which all that was said is told."""
    durable: asyncio.Future[None] | None = None
    """The journal write of the channel's newest final."""
    owed: int | None = None
    """Sample before which audio is let go of once the finals in it are no longer held back."""
    decoded: int = 0
    """Sample up to which the channel was decoded when it closed, but for `lost`."""
    lost: tuple[LostAudio, ...] = ()
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def undecoded(self) -> tuple[LostAudio, ...]:
        """What was said, perhaps, and not understood."""
        return (*self.lost, LostAudio(self.decoded, max(self.decoded, self.heard)))


class CallSession:
    """The life of one call on this node, from `call_started` to its last entry in the journal."""

    def __init__(
        self,
        call: Call,
        ports: SessionPorts,
        options: Callable[[int], ChannelOptions],
        *,
        texts: TextPolicy | None = None,
        follower: CallFollower | None = None,
    ) -> None:
        """`options` makes the recogniser options of a channel index; without `texts` they stay as they were heard."""
        self.call = call
        self.follower = follower
        self._ports = ports
        self._options = options
        texts = texts or TextPolicy()
        self._figures = texts.figures
        self._redactor = CallRedactor(texts.redaction, call.sample_rate)
        self._awaiting_rest = False
        self._assistant = Assistant(call, ports)
        self._channels: dict[int, _ChannelProgress] = {}
        self._ending = False
        self._book = PauseBook()
        self._latecomers: tuple[str, str] | None = None
        """By whom and for what reason channels that join are paused; None: they are not."""
        self._began = ports.clock()
        ports.append(CallSaved(call, ports.node))
        ports.publish(CallStarted.of(call, ports.now()))
        self._open_channels()

    def update(self, call: Call) -> None:
        """Take a later description of the call: channels added, parties known."""
        self._save(call)
        self._ports.publish(CallUpdated.of(call, self._ports.now()))
        if not self._ending:
            self._open_channels()

    def correct(self, call: Call, channels: tuple[int, ...]) -> None:
        """Take a description in which the parties of these channels have changed places, from the call's start on."""
        self._save(call)
        self._ports.publish(replace(CallCorrected.of(call, self._ports.now()), corrected=channels))
        if not self._ending:
            self._open_channels()

    def _save(self, call: Call) -> None:
        self.call = replace(call, pauses=self._book.pauses)
        self._assistant.describe(self.call)
        self._ports.append(CallSaved(self.call, self._ports.node))

    def _open_channels(self) -> None:
        self._ports.record(self.call)
        joined = [channel.index for channel in self.call.channels if channel.index not in self._channels]
        for index in joined:
            key = self._ports.open_channel(self, index, self._options(index))
            self._channels[index] = _ChannelProgress(key)
        if joined and self._latecomers:
            self._begin_pauses(joined, *self._latecomers)

    @property
    def channels(self) -> Collection[int]:
        """Indices of the channels that are heard."""
        return self._channels.keys()

    @property
    def ending(self) -> bool:
        """The call is over; what is still owed follows."""
        return self._ending

    @property
    def speaking(self) -> int:
        """Channels on which somebody speaks: words were shown that no final has told yet."""
        return sum(progress.shown >= progress.told for progress in self._channels.values())

    def is_called(self, keys: Collection[str]) -> bool:
        """True where one of them is the call's id, or one that another system has for it."""
        ids = {str(self.call.id), *(value for _, value in self.call.outside_ids.pairs())}
        return not ids.isdisjoint(keys)

    @property
    def open_pauses(self) -> tuple[tuple[tuple[int, ...], str, str], ...]:
        """What to `pause` of a call that takes this one's place: channels, by whom, and why. Those with which the
        call ended, once it has."""
        if self._latecomers:
            return (((), *self._latecomers),)
        return tuple(((pause.channel,), pause.by, pause.reason) for pause in self._book.pauses if pause.end is None)

    def pause(self, channels: Collection[int], by: str, reason: str = "") -> None:
        """Keep and hear nothing of these channels from now on, and tell nobody what keys are pressed there. None
        named: of no channel, nor of any that joins. What is paused already stays so."""
        if not channels:
            self._latecomers = (by, reason)
        self._begin_pauses(channels or self.channels, by, reason)

    def _begin_pauses(self, channels: Collection[int], by: str, reason: str) -> None:
        begun = self._book.begin({channel: self._channels[channel].heard for channel in channels}, by, reason)
        if not begun:
            return
        self._save(self.call)
        self._ports.publish(CallPaused.of(self.call, begun, by, self._ports.now()))
        log.info("call_paused", call_id=str(self.call.id), channels=[pause.channel for pause in begun], by=by)
        if self._ports.pause_limit_s:
            self._ports.after(self._ports.pause_limit_s, lambda: self._end_overlong(begun))

    def _end_overlong(self, begun: tuple[Pause, ...]) -> None:
        """Their time is over: end those that still go on as they began."""
        if not self._ending and (still := [pause.channel for pause in begun if pause in self._book.pauses]):
            self.resume(still, "limit")

    def resume(self, channels: Collection[int], by: str) -> None:
        """Keep and hear these channels again, all where none is named, from what is said now."""
        ended = self._book.end(channels or self.channels, self._said_now())
        if not any(map(self._book.is_paused, self.channels)):
            self._latecomers = None
        if not ended:
            return
        self._save(self.call)
        self._ports.publish(CallResumed.of(self.call, ended, by, self._ports.now()))
        log.info("call_resumed", call_id=str(self.call.id), channels=[pause.channel for pause in ended], by=by)

    def _said_now(self) -> int:
        """Sample of the call before which everything was said before now."""
        heard = max((progress.heard for progress in self._channels.values()), default=0)
        rate = self.call.sample_rate
        said = max(heard, int((self._ports.clock() - self._began) * rate))
        if self.call.dialect is Dialect.FUNASR and said - heard > ms_to_samples(IN_STEP_MS, rate):
            # Its clients send as fast or as seldom as they like; the clock of these is what they have sent.
            said = heard
        return said + ms_to_samples(UNDERWAY_MS, rate)

    def audio(self, chunk: AudioChunk, said_from: int | None = None) -> None:
        """Record a chunk and send it to the recogniser, with zeros for what lies in a pause.

        `said_from`: the sample it may have been said from, where it may be placed later than it was said.
        """
        progress = self._channels.get(chunk.channel)
        if progress is None:
            return
        progress.heard = max(progress.heard, chunk.end)
        self._assistant.audio(chunk.channel, chunk.end)
        # Audio never comes before it was said: what came soonest tells best when the call began.
        self._began = min(self._began, self._ports.clock() - chunk.end / self.call.sample_rate)
        chunk = self._book.muted(chunk, said_from)
        self._ports.write(self.call.id, chunk)
        self._ports.send(progress.key, chunk)

    def dtmf(self, pressed: DtmfDigit) -> None:
        """Tell of a key that was pressed, unless its channel is paused, or was then."""
        if self._book.covers(pressed.channel, pressed.offset) or self._book.is_paused(pressed.channel):
            return
        self._ports.publish(DtmfPressed.of(self.call, pressed, self._ports.now()))

    def partial(self, partial: Partial) -> None:
        began = self._ports.clock()
        partial = self._redactor.partial(partial, began)
        self._ports.publish(UtterancePartial.of(self.call, partial, self._ports.now()))
        self._took(Stage.TEXT, partial.end)
        progress = self._channels[partial.channel]
        if partial.start > progress.shown:
            progress.shown = partial.start
            self._took(Stage.FIRST_PARTIAL, partial.start)
        self._assistant.partial(partial, began)
        if self.follower:
            self.follower.partial(partial)

    def final(self, final: Final) -> None:
        """Publish at once, but what may be a part of a number to be masked: that waits for the rest."""
        self._tell(self._redactor.final(final, self._ports.clock()))
        self._await_rest()

    def _tell(self, finals: Iterable[Final]) -> None:
        """Publish masked finals; remember the disk writes that the recogniser's acknowledgements have to wait for."""
        began = self._ports.clock()
        for final in finals:
            told = write(final, final.language) if self._figures else final
            self._ports.publish(UtteranceFinal.of(self.call, told, self._ports.now()))
            self._took(Stage.FINAL, told.end)
            self._trace("utterance", told.channel, told.start, told.end)
            progress = self._channels[told.channel]
            progress.told = max(progress.told, told.end)
            progress.durable = self._ports.append(FinalSaved(self.call.id, told))
            self._assistant.final(told, began)
            if self.follower:
                self.follower.final(told)
        for channel, progress in self._channels.items():
            if progress.owed is not None and not self._redactor.holds(channel):
                self._let_go(progress, progress.owed)

    def _took(self, stage: Stage, said: int) -> None:
        """Note how long after a sample was said its words are told. Clients of FunASR send when they like."""
        if self.call.dialect is not Dialect.FUNASR:
            self._ports.delays.note(stage, self._ports.clock() - self._began - said / self.call.sample_rate)

    def _trace(self, name: str, channel: int, start: int, end: int) -> None:
        """Record what was done for samples of a channel, from when the first was heard until now."""
        if traced():
            rate = self.call.sample_rate
            began_s = self._ports.clock() - self._began - start / rate
            began_ns = time.time_ns() - int(max(0.0, began_s) * 1e9)
            record(
                self.call.id, name, began_ns, channel=channel, start_ms=start * 1000 // rate, end_ms=end * 1000 // rate
            )

    def _await_rest(self) -> None:
        """Look again when what is held back is overdue."""
        if self._redactor.holds() and not self._awaiting_rest:
            self._awaiting_rest = True
            self._ports.after(max(self._redactor.due - self._ports.clock(), LOOK_AGAIN_S), self._tell_overdue)

    def _tell_overdue(self) -> None:
        self._awaiting_rest = False
        self._tell(self._redactor.overdue(self._ports.clock()))
        self._await_rest()

    def acknowledged(self, channel: int, offset: int) -> None:
        """Let go of replay audio before `offset`, once the finals in it are on disk."""
        progress = self._channels[channel]
        progress.told = max(progress.told, offset)
        if self._redactor.holds(channel):
            progress.owed = offset
        else:
            self._let_go(progress, offset)
            self._assistant.understood(channel, offset)
        if self.follower:
            self.follower.acknowledged(channel, offset)

    def _let_go(self, progress: _ChannelProgress, offset: int) -> None:
        progress.owed = None
        durable = progress.durable
        if durable is None or durable.done():
            self._ports.release(progress.key, offset)
        else:
            durable.add_done_callback(lambda _: self._ports.release(progress.key, offset))

    def closed(self, channel: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        """The recogniser has delivered the channel's last final."""
        self._tell(self._redactor.release(channel))
        progress = self._channels[channel]
        progress.decoded, progress.lost = offset, lost
        progress.closed.set()
        if self.follower:
            self.follower.closed(channel, offset, lost)

    async def end(self, end: CallEnd) -> None:
        """Flush the recogniser, close the recording and write the call's end with the jobs that are due. Once."""
        self._ending = True
        for progress in self._channels.values():
            self._ports.close_channel(progress.key)
        recording = await self._ports.finish_recording(self.call.id)
        for progress in self._channels.values():
            await progress.closed.wait()
        for channel, progress in self._channels.items():
            self._trace("media", channel, 0, progress.heard)
        await write_end(self._ports, self.call, end, recording, self._lost())

    def _lost(self) -> tuple[ChannelRange, ...]:
        least = ms_to_samples(LOST_MIN_MS, self.call.sample_rate)
        lost = tuple(
            ChannelRange(index, stretch.start, stretch.end)
            for index, progress in self._channels.items()
            for stretch in progress.undecoded()
            if stretch.end - stretch.start >= least
        )
        if lost:
            samples = sum(stretch.end - stretch.start for stretch in lost)
            log.warning("speech_left_for_recovery", call_id=str(self.call.id), samples=samples)
        return lost
