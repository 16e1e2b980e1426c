"""After a crash: calls this node left open are closed as interrupted, and a job decodes what was not understood."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from callscribe.domain.call import Call, CallEnd
from callscribe.domain.errors import DatabaseOutdated, DatabaseUnavailable, RecordingLocked, StorageError
from callscribe.live.ending import EndPorts, write_end
from callscribe.live.journal import Journal
from storage.calls import CallStore
from storage.reader import CallReader
from storage.recording_keys import NO_KEYS, RecordingKeys
from storage.recordings import recording_path, repair
from storage.records import ChannelRange, RecordingFile

log = structlog.get_logger()

RETRY_S = 2.0


class RecoveringNode(EndPorts, Protocol):
    """What recovery needs of its node."""

    @property
    def journal(self) -> Journal: ...
    @property
    def store(self) -> CallStore: ...
    @property
    def reader(self) -> CallReader: ...
    @property
    def began_at(self) -> datetime: ...


async def recover_interrupted(node: RecoveringNode, recordings: Path, keys: RecordingKeys = NO_KEYS) -> None:
    """Close every call that an earlier run of this node left open.

    Waits until the journal of that run has reached Postgres, so that the last final is known, and for Postgres itself.
    """
    for found in await _unfinished(node, recordings, keys):
        end = found.end(node.now())
        await write_end(node, found.call, end, found.recording, found.lost(end))
        log.warning("call_interrupted", call_id=str(found.call.id), samples=end.samples)


@dataclass(frozen=True, slots=True)
class UnfinishedCall:
    """A call that was cut off, and what is left of it."""

    call: Call
    recording: RecordingFile | None
    """Repaired; its path relative to the recordings folder. None when nothing was recorded."""
    understood: Mapping[int, int]
    """By channel: the sample at which its last final ends."""

    def end(self, now: datetime) -> CallEnd:
        """The call ended where its recording stops, or with its last final when there is none."""
        samples = self.recording.samples if self.recording else max(self.understood.values(), default=0)
        ended_at = self.call.started_at + timedelta(seconds=samples / self.call.sample_rate)
        return CallEnd(min(ended_at, now), samples, "interrupted", interrupted=True)

    def lost(self, end: CallEnd) -> tuple[ChannelRange, ...]:
        """Each channel's audio after its last final."""
        return tuple(
            ChannelRange(channel.index, start, end.samples)
            for channel in self.call.channels
            if (start := self.understood.get(channel.index, 0)) < end.samples
        )


async def _unfinished(node: RecoveringNode, recordings: Path, keys: RecordingKeys) -> Sequence[UnfinishedCall]:
    while True:
        try:
            if await asyncio.to_thread(node.journal.inherited_forwarded):
                return await asyncio.to_thread(_find_unfinished, node, recordings, keys)
        except (DatabaseUnavailable, DatabaseOutdated) as error:
            log.warning("recovery_waits", reason=str(error))
        await asyncio.sleep(RETRY_S)


def _find_unfinished(node: RecoveringNode, recordings: Path, keys: RecordingKeys) -> Sequence[UnfinishedCall]:
    found = []
    for call in node.store.unfinished(node.node):
        if call.started_at >= node.began_at:
            continue
        try:
            found.append(_examine(call, node.reader, recordings, keys))
        except (DatabaseUnavailable, DatabaseOutdated):
            raise
        except StorageError as error:
            # Its key may come back: it stays open until the next start, and the others do not wait for it.
            log.error("call_not_recovered", call_id=str(call.id), reason=str(error))
    return found


def _examine(call: Call, reader: CallReader, recordings: Path, keys: RecordingKeys) -> UnfinishedCall:
    try:
        recording = repair(recordings / recording_path(call), keys).relative_to(recordings)
    except RecordingLocked:
        raise
    except StorageError:
        recording = None
    understood: dict[int, int] = {}
    for utterance in reader.transcript(call.id).utterances:
        channel = utterance.final.channel
        understood[channel] = max(understood.get(channel, 0), utterance.final.end)
    return UnfinishedCall(call, recording, understood)
