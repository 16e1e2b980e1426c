"""One running call: its audio goes to a recogniser and to disk, what is understood goes to events and journal."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from asr.wire.client import ChannelOptions, LostAudio
from callscribe.domain.audio import AudioChunk, ms_to_samples
from callscribe.domain.call import Call, CallEnd
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Partial
from callscribe.events.schema import (
    CallEnded,
    CallProcessed,
    CallStarted,
    CallUpdated,
    Event,
    UtteranceFinal,
    UtterancePartial,
)
from callscribe.live.journal import CallClosed, CallSaved, Entry, FinalSaved
from callscribe.text.written import write
from storage.records import ChannelRange, JobIntent, JobKind, RecordingFile

log = structlog.get_logger()

LOST_MIN_MS = 200
"""Undecoded audio of a channel that is worth a recovery job."""


class EndPorts(Protocol):
    """What the end of a call needs of its node."""

    node: str
    second_pass: bool

    def publish(self, event: Event) -> None: ...
    def append(self, entry: Entry) -> asyncio.Future[None]: ...
    def now(self) -> datetime: ...


class SessionPorts(EndPorts, Protocol):
    """What a session needs of its node."""

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


@dataclass(slots=True)
class _ChannelProgress:
    key: int
    heard: int = 0
    """Sample up to which there was audio."""
    durable: asyncio.Future[None] | None = None
    """The journal write of the channel's newest final."""
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
        figures: bool = False,
        follower: CallFollower | None = None,
    ) -> None:
        """`options` makes the recogniser options of a channel index; with `figures` finals have numbers in figures."""
        self.call = call
        self.follower = follower
        self._ports = ports
        self._options = options
        self._figures = figures
        self._channels: dict[int, _ChannelProgress] = {}
        self._ending = False
        ports.append(CallSaved(call, ports.node))
        ports.publish(CallStarted.of(call, ports.now()))
        self._open_channels()

    def update(self, call: Call) -> None:
        """Take a later description of the call: channels added, parties known."""
        self.call = call
        self._ports.append(CallSaved(call, self._ports.node))
        self._ports.publish(CallUpdated.of(call, self._ports.now()))
        if not self._ending:
            self._open_channels()

    def _open_channels(self) -> None:
        self._ports.record(self.call)
        for channel in self.call.channels:
            if channel.index not in self._channels:
                key = self._ports.open_channel(self, channel.index, self._options(channel.index))
                self._channels[channel.index] = _ChannelProgress(key)

    def audio(self, chunk: AudioChunk) -> None:
        """Record a chunk and send it to the recogniser."""
        progress = self._channels.get(chunk.channel)
        if progress is None:
            return
        progress.heard = max(progress.heard, chunk.end)
        self._ports.write(self.call.id, chunk)
        self._ports.send(progress.key, chunk)

    def partial(self, partial: Partial) -> None:
        self._ports.publish(UtterancePartial.of(self.call, partial, self._ports.now()))
        if self.follower:
            self.follower.partial(partial)

    def final(self, final: Final) -> None:
        """Publish at once; remember the disk write that the recogniser's acknowledgement has to wait for."""
        if self._figures:
            final = write(final, final.language)
        self._ports.publish(UtteranceFinal.of(self.call, final, self._ports.now()))
        self._channels[final.channel].durable = self._ports.append(FinalSaved(self.call.id, final))
        if self.follower:
            self.follower.final(final)

    def acknowledged(self, channel: int, offset: int) -> None:
        """Let go of replay audio before `offset`, once the finals in it are on disk."""
        progress = self._channels[channel]
        durable = progress.durable
        if durable is None or durable.done():
            self._ports.release(progress.key, offset)
        else:
            durable.add_done_callback(lambda _: self._ports.release(progress.key, offset))
        if self.follower:
            self.follower.acknowledged(channel, offset)

    def closed(self, channel: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        """The recogniser has delivered the channel's last final."""
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


async def write_end(
    ports: EndPorts, call: Call, end: CallEnd, recording: RecordingFile | None, lost: tuple[ChannelRange, ...]
) -> None:
    """Tell of a call's end, and write it with the jobs that are due: publication does not wait for the disk."""
    jobs = _due_jobs(call.id, lost, recording, ports.second_pass)
    durable = ports.append(CallClosed(call.id, end, recording, jobs))
    ports.publish(CallEnded.of(call, end, ports.now()))
    await durable
    if not jobs:
        ports.publish(CallProcessed(call_id=call.id, at=ports.now(), done=(), failed=()))


def _due_jobs(
    call_id: UUID, lost: tuple[ChannelRange, ...], recording: RecordingFile | None, second_pass: bool
) -> tuple[JobIntent, ...]:
    """The jobs of an ended call; none without a recording, or for a channel that it has not.

    A recovery makes the second pass due itself, when done.
    """
    if recording is None:
        return ()
    recorded = tuple(stretch for stretch in lost if stretch.channel < recording.channels)
    if recorded:
        return (JobIntent.of(call_id, JobKind.RECOVER, recorded),)
    return (JobIntent.of(call_id, JobKind.SECOND_PASS),) if second_pass else ()
