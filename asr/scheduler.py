"""What the computing thread does next: hear what came, then finals, then partials, fairly over all channels. No thread.

Nothing stale is ever queued: a partial's audio is taken at the moment it is decoded, and only while the allowance
lasts, so that under load partials become rarer and finals do not. What a client sends beyond real time waits in its
channels' inboxes; the caller bounds those.

A remote engine is asked for finals, one of each channel at a time, and the turn goes on; a later one takes the answers.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import numpy as np
import structlog

from asr.activity import Ears
from asr.allowance import Allowance
from asr.attempt import decode_each, decoded
from asr.engine import ENGINE_RATE, Decoding, Engine, RemoteEngine
from asr.hearing import DecodingTask, Hearing
from asr.identification import IdentifiedLanguage, LanguageIdentifier
from asr.wire.messages import (
    Acknowledged,
    Audio,
    ClientMessage,
    Close,
    Closed,
    FinalReport,
    LanguageReport,
    Open,
    PartialReport,
    ServerMessage,
    SetHotwords,
)
from callscribe.domain.audio import SAMPLE_BYTES
from callscribe.domain.trace import record
from callscribe.domain.transcript import Final, Partial

log = structlog.get_logger()

_HEARD_AT_ONCE_S = 0.5
"""Audio of one channel that is heard before it is another's turn."""
_PARTIAL_AUDIO = 5 * ENGINE_RATE
_FINAL_AUDIO = 20 * ENGINE_RATE
"""Samples decoded in one batch, one job at least: a final that falls due meanwhile waits for it. What an engine decodes
in parallel is not counted."""
_MESSAGE_COST = 64
"""Bytes that a message takes beside its PCM, about."""


class ChannelKey(NamedTuple):
    """A channel of one connection."""

    connection: int
    number: int


class Delivery(NamedTuple):
    """A message for one connection."""

    connection: int
    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one turn of the computing thread."""

    deliveries: tuple[Delivery, ...]
    heard: dict[int, int]
    """Bytes (see `cost`) of each connection's messages that no longer wait."""
    queued: int
    """Channels that wait for a decoding that nothing does yet."""
    late_s: float
    """Seconds of the channel whose audio waits longest: to be heard, and since then for a final that is due."""
    partials_s: float
    """Seconds that partials have taken since the scheduler was made."""


@dataclass(slots=True)
class _Channel:
    """A channel with what waits to be heard of it."""

    key: ChannelKey
    rate: int
    hearing: Hearing
    told: int
    """Line sample last acknowledged."""
    trace: UUID | None = None
    inbox: deque[Audio | SetHotwords | Close] = field(default_factory=deque)
    unheard: int = 0
    """Bytes of PCM in the inbox."""
    closing: bool = False
    asked: "_Question | None" = None
    """What a remote engine was asked last and was not answered yet."""
    served: int = 0
    """Number of the round in which it was decoded last."""
    partials: int = 0
    """How often it was decoded for a partial: channels that were decoded together are overdue together ever after."""

    @property
    def late_s(self) -> float:
        """See Round."""
        return (self.unheard / SAMPLE_BYTES + self.hearing.late) / self.rate


class _Question(NamedTuple):
    """A final that is decoded elsewhere."""

    task: DecodingTask
    answer: Future[Decoding]


def cost(message: ClientMessage) -> int:
    """Bytes that a message takes while it waits."""
    return _MESSAGE_COST + (len(message.pcm) if isinstance(message, Audio) else 0)


class Scheduler:
    """All channels of a recogniser process. Used by one thread."""

    def __init__(
        self,
        engine: Engine,
        ears: Ears,
        allowance: Allowance | None = None,
        identifier: LanguageIdentifier | None = None,
    ) -> None:
        """Without an allowance partials come as often as asked, whatever it costs."""
        self.on_answer: Callable[[], None] = lambda: None
        """Called on any thread when a remote engine has answered: `work` has something to do."""
        self._engine = engine
        self._remote = engine if isinstance(engine, RemoteEngine) else None
        self._ears = ears
        self._identifier = identifier
        self._allowance = allowance
        self._channels: dict[ChannelKey, _Channel] = {}
        self._rounds = 0
        self._began_ns = 0
        """When the turn began that is going on."""
        self._heard: dict[int, int] = {}

    def accept(self, connection: int, message: ClientMessage) -> None:
        """Take a message in. One for a channel that is not open is dropped."""
        key = ChannelKey(connection, message.number)
        if isinstance(message, Open):
            hearing = Hearing(message.options, message.offset, self._ears, self._engine, self._identifier)
            options = message.options
            self._channels[key] = _Channel(key, options.rate, hearing, told=message.offset, trace=options.trace)
        channel = self._channels.get(key)
        if channel is None or isinstance(message, Open):
            self._count_heard(connection, message)
        else:
            channel.inbox.append(message)
            channel.unheard += len(message.pcm) if isinstance(message, Audio) else 0

    def drop(self, connection: int) -> None:
        """Forget a connection and all its channels."""
        for key in [key for key in self._channels if key.connection == connection]:
            self._forget(self._channels.pop(key))
        self._heard.pop(connection, None)

    def close(self) -> None:
        """Wait for no answer any more. Nothing may follow."""
        for channel in self._channels.values():
            self._forget(channel)

    def work(self) -> Round | None:
        """One turn: hear some audio of every channel, then decode one batch. None when there is nothing to do.

        Raises EngineUnavailable when the engine will not work until somebody acts.
        """
        if self._allowance is None:
            return self._turn()
        self._allowance.begin()
        try:
            return self._turn()
        finally:
            self._allowance.end()

    def _turn(self) -> Round | None:
        self._rounds += 1
        self._began_ns = time.time_ns()
        busy = [channel for channel in self._channels.values() if channel.inbox]
        for channel in busy:
            self._hear(channel)
        answered = self._take_answers()
        if self._remote is not None:
            self._ask(self._remote)
        tasks = self._decode_finals() or self._decode_partials()
        if not busy and not answered and not tasks and not self._heard:
            return None
        deliveries = tuple(
            delivery for channel in tuple(self._channels.values()) for delivery in self._collect(channel)
        )
        heard, self._heard = self._heard, {}
        queued = sum(channel.hearing.final_due and channel.asked is None for channel in self._channels.values())
        late_s = max((channel.late_s for channel in self._channels.values()), default=0.0)
        return Round(deliveries, heard, queued, late_s, self._allowance.partials_s if self._allowance else 0.0)

    def _decode_finals(self) -> bool:
        """True where there were any."""
        tasks = self._final_tasks() if self._remote is None else []
        self._decode(tasks)
        return bool(tasks)

    def _decode_partials(self) -> bool:
        """True where there were any."""
        with self._allowance.partials() if self._allowance else nullcontext():
            tasks = self._partial_tasks()
            self._decode(tasks)
        return bool(tasks)

    def _decode(self, tasks: Sequence[DecodingTask]) -> None:
        for task, decoding in zip(tasks, decode_each(self._engine, [task.job for task in tasks]), strict=True):
            task.hearing.settle(task, decoding)

    def _hear(self, channel: _Channel) -> None:
        left = int(_HEARD_AT_ONCE_S * channel.rate)
        while channel.inbox and left > 0:
            message = channel.inbox.popleft()
            self._count_heard(channel.key.connection, message)
            match message:
                case Audio(_, offset, pcm):
                    samples = np.frombuffer(pcm, "<i2").astype(np.int16, copy=False)
                    left -= len(samples)
                    channel.unheard -= len(pcm)
                    channel.hearing.hear(offset, samples)
                case SetHotwords(_, hotwords):
                    channel.hearing.hotwords = hotwords
                case Close():
                    channel.hearing.finish()
                    channel.closing = True

    def _count_heard(self, connection: int, message: ClientMessage) -> None:
        self._heard[connection] = self._heard.get(connection, 0) + cost(message)

    def _take_answers(self) -> bool:
        """Settle what a remote engine has answered. True where that was something."""
        answered = [channel for channel in self._channels.values() if channel.asked and channel.asked.answer.done()]
        for channel in answered:
            question, channel.asked = channel.asked, None
            if question is not None:
                channel.hearing.settle(question.task, decoded(question.answer))
        return bool(answered)

    def _ask(self, remote: RemoteEngine) -> None:
        """Begin the finals that are due, as many as the engine takes."""
        room = remote.max_batch - sum(channel.asked is not None for channel in self._channels.values())
        for channel in self._finals_due()[: max(room, 0)]:
            [task] = channel.hearing.final_tasks(1)
            channel.served = self._rounds
            channel.asked = _Question(task, remote.begin(task.job))
            channel.asked.answer.add_done_callback(lambda _: self.on_answer())

    def _forget(self, channel: _Channel) -> None:
        """Nobody wants the channel's answer any more."""
        if channel.asked is not None:
            channel.asked.answer.cancel()

    def _finals_due(self) -> list[_Channel]:
        """Utterances that ended go before those that only may have; then who was served longest ago."""
        due = [channel for channel in self._channels.values() if channel.hearing.final_due and channel.asked is None]
        return sorted(due, key=lambda channel: (not channel.hearing.waiting, channel.served))

    def _final_tasks(self) -> list[DecodingTask]:
        tasks = ((channel, task) for channel in self._finals_due() for task in channel.hearing.final_tasks(1))
        return [task for _, task in self._batch(tasks, _FINAL_AUDIO)]

    def _partial_tasks(self) -> list[DecodingTask]:
        """The most overdue first. A channel whose inbox is not empty would show what is no longer new."""
        if self._allowance is not None and not self._allowance.left:
            return []
        due = [c for c in self._channels.values() if not c.inbox and c.asked is None and c.hearing.overdue >= 1]
        due.sort(key=lambda channel: (-channel.hearing.overdue, channel.partials))
        tasks = ((channel, task) for channel in due if (task := channel.hearing.partial_task()))
        batch = self._batch(tasks, _PARTIAL_AUDIO)
        for channel, _ in batch:
            channel.partials += 1
        return [task for _, task in batch]

    def _batch(
        self, candidates: Iterator[tuple[_Channel, DecodingTask]], most: int
    ) -> list[tuple[_Channel, DecodingTask]]:
        """Those that are decoded now. No more candidates are made: each may ask which language is spoken."""
        batch: list[tuple[_Channel, DecodingTask]] = []
        samples = 0
        for channel, task in islice(candidates, self._engine.max_batch):
            samples += len(task.job.audio)
            if batch and samples > most and not self._engine.capabilities.parallel:
                break
            channel.served = self._rounds
            batch.append((channel, task))
        return batch

    def _trace(self, channel: _Channel, final: Final) -> None:
        if channel.trace:
            record(
                channel.trace, "recognize", self._began_ns, channel=final.channel, engine=self._engine.name,
                start_ms=final.start * 1000 // channel.rate, end_ms=final.end * 1000 // channel.rate,
            )  # fmt: skip

    def _collect(self, channel: _Channel) -> list[Delivery]:
        """What a channel has to say since it was last asked."""
        hearing, (connection, number) = channel.hearing, channel.key
        messages: list[ServerMessage] = []
        for event in hearing.events:
            match event:
                case Partial():
                    messages.append(PartialReport(number, event))
                case Final():
                    messages.append(FinalReport(number, event))
                    self._trace(channel, event)
                case IdentifiedLanguage():
                    messages.append(LanguageReport(number, event))
        said_final = any(isinstance(event, Final) for event in hearing.events)
        hearing.events.clear()
        acknowledged = max(hearing.acknowledged, channel.told)
        undecoded = tuple(hearing.undecoded)
        hearing.undecoded.clear()
        if undecoded:
            log.error("speech_not_decoded", engine=self._engine.name, utterances=len(undecoded))
        news = acknowledged > channel.told and (said_final or acknowledged - channel.told >= channel.rate)
        if news or undecoded:
            channel.told = acknowledged
            messages.append(Acknowledged(number, acknowledged, undecoded))
        if channel.closing and not hearing.waiting:
            messages.append(Closed(number, hearing.position))
            del self._channels[channel.key]
        return [Delivery(connection, message) for message in messages]
