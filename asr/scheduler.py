"""What the computing thread does next: hear what came, then finals, then partials, fairly over all channels. No thread.

Nothing stale is ever queued: a partial's audio is taken at the moment it is decoded, and only while the allowance
lasts, so that under load partials become rarer and finals do not. What a client sends beyond real time waits in its
channels' inboxes; the caller bounds those.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import structlog

from asr.activity import Ears
from asr.allowance import Allowance
from asr.engine import EMPTY, ENGINE_RATE, Decoding, Engine
from asr.hearing import DecodingTask, Hearing
from asr.wire.messages import (
    Acknowledged,
    Audio,
    ClientMessage,
    Close,
    Closed,
    FinalReport,
    Open,
    PartialReport,
    ServerMessage,
    SetHotwords,
)
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.transcript import Final

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
    """Channels that wait for a decoding."""


@dataclass(slots=True)
class _Channel:
    """A channel with what waits to be heard of it."""

    key: ChannelKey
    rate: int
    hearing: Hearing
    told: int
    """Line sample last acknowledged."""
    inbox: deque[Audio | SetHotwords | Close] = field(default_factory=deque)
    closing: bool = False
    served: int = 0
    """Number of the round in which it was decoded last."""
    partials: int = 0
    """How often it was decoded for a partial: channels that were decoded together are overdue together ever after."""


def cost(message: ClientMessage) -> int:
    """Bytes that a message takes while it waits."""
    return _MESSAGE_COST + (len(message.pcm) if isinstance(message, Audio) else 0)


class Scheduler:
    """All channels of a recogniser process. Used by one thread."""

    def __init__(self, engine: Engine, ears: Ears, allowance: Allowance | None = None) -> None:
        """Without an allowance partials come as often as asked, whatever it costs."""
        self._engine = engine
        self._ears = ears
        self._allowance = allowance
        self._channels: dict[ChannelKey, _Channel] = {}
        self._rounds = 0
        self._heard: dict[int, int] = {}

    def accept(self, connection: int, message: ClientMessage) -> None:
        """Take a message in. One for a channel that is not open is dropped."""
        key = ChannelKey(connection, message.number)
        if isinstance(message, Open):
            hearing = Hearing(message.options, message.offset, self._ears, self._engine)
            self._channels[key] = _Channel(key, message.options.rate, hearing, told=message.offset)
        channel = self._channels.get(key)
        if channel is None or isinstance(message, Open):
            self._count_heard(connection, message)
        else:
            channel.inbox.append(message)

    def drop(self, connection: int) -> None:
        """Forget a connection and all its channels."""
        for key in [key for key in self._channels if key.connection == connection]:
            del self._channels[key]
        self._heard.pop(connection, None)

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
        busy = [channel for channel in self._channels.values() if channel.inbox]
        for channel in busy:
            self._hear(channel)
        tasks = self._final_tasks() or self._partial_tasks()
        for task, decoding in zip(tasks, self._decode(tasks), strict=True):
            task.hearing.settle(task, decoding)
        if not busy and not tasks and not self._heard:
            return None
        deliveries = tuple(
            delivery for channel in tuple(self._channels.values()) for delivery in self._collect(channel)
        )
        heard, self._heard = self._heard, {}
        queued = sum(channel.hearing.final_due for channel in self._channels.values())
        return Round(deliveries, heard, queued)

    def _hear(self, channel: _Channel) -> None:
        left = int(_HEARD_AT_ONCE_S * channel.rate)
        while channel.inbox and left > 0:
            message = channel.inbox.popleft()
            self._count_heard(channel.key.connection, message)
            match message:
                case Audio(_, offset, pcm):
                    samples = np.frombuffer(pcm, "<i2").astype(np.int16, copy=False)
                    left -= len(samples)
                    channel.hearing.hear(offset, samples)
                case SetHotwords(_, hotwords):
                    channel.hearing.hotwords = hotwords
                case Close():
                    channel.hearing.finish()
                    channel.closing = True

    def _count_heard(self, connection: int, message: ClientMessage) -> None:
        self._heard[connection] = self._heard.get(connection, 0) + cost(message)

    def _final_tasks(self) -> list[DecodingTask]:
        """Utterances that ended go before those that only may have; then who was served longest ago."""
        due = [channel for channel in self._channels.values() if channel.hearing.final_due]
        due.sort(key=lambda channel: (not channel.hearing.waiting, channel.served))
        tasks = [(channel, task) for channel in due for task in channel.hearing.final_tasks(1)]
        return self._batch(tasks, _FINAL_AUDIO)

    def _partial_tasks(self) -> list[DecodingTask]:
        """The most overdue first. A channel whose inbox is not empty would show what is no longer new."""
        if self._allowance is not None and not self._allowance.left:
            return []
        due = [c for c in self._channels.values() if not c.inbox and c.hearing.overdue >= 1]
        due.sort(key=lambda channel: (-channel.hearing.overdue, channel.partials))
        tasks = [
            (channel, task) for channel in due[: self._engine.max_batch] if (task := channel.hearing.partial_task())
        ]
        batch = self._batch(tasks, _PARTIAL_AUDIO)
        for channel, _ in tasks[: len(batch)]:
            channel.partials += 1
        return batch

    def _batch(self, candidates: list[tuple[_Channel, DecodingTask]], most: int) -> list[DecodingTask]:
        batch: list[DecodingTask] = []
        samples = 0
        for channel, task in candidates[: self._engine.max_batch]:
            samples += len(task.job.audio)
            if batch and samples > most and not self._engine.capabilities.parallel:
                break
            channel.served = self._rounds
            batch.append(task)
        return batch

    def _decode(self, tasks: Sequence[DecodingTask]) -> tuple[Decoding, ...]:
        """One decoding a task. What the engine fails on is decoded alone, and is nothing where it fails again.

        Raises EngineUnavailable: another recogniser is to hear what this one cannot.
        """
        if not tasks:
            return ()
        try:
            return self._engine.decode([task.job for task in tasks])
        except EngineUnavailable:
            raise
        except RecognitionError as error:
            log.error("decoding_failed", jobs=len(tasks), error=type(error.__cause__ or error).__name__)
        if len(tasks) == 1:
            return (EMPTY,)
        return tuple(decoding for task in tasks for decoding in self._decode([task]))

    def _collect(self, channel: _Channel) -> list[Delivery]:
        """What a channel has to say since it was last asked."""
        hearing, (connection, number) = channel.hearing, channel.key
        messages: list[ServerMessage] = []
        for event in hearing.events:
            messages.append(FinalReport(number, event) if isinstance(event, Final) else PartialReport(number, event))
        said_final = any(isinstance(event, Final) for event in hearing.events)
        hearing.events.clear()
        acknowledged = hearing.acknowledged
        if acknowledged > channel.told and (said_final or acknowledged - channel.told >= channel.rate):
            channel.told = acknowledged
            messages.append(Acknowledged(number, acknowledged))
        if channel.closing and not hearing.waiting:
            messages.append(Closed(number, hearing.position))
            del self._channels[channel.key]
        return [Delivery(connection, message) for message in messages]
