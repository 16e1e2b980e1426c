"""After a crash: calls this node left open are closed as interrupted, and a job decodes what was not understood."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.call import CallEnd
from callscribe.domain.errors import RecordingNotFound, StorageError
from callscribe.events.schema import CallEnded, Event
from callscribe.live.journal import CallClosed, Entry, Journal
from callscribe.live.session import due_jobs
from storage.calls import CallStore, UnfinishedCall
from storage.recordings import recording_path, repair
from storage.records import ChannelRange, RecordingFile

log = structlog.get_logger()

RETRY_S = 2.0


class RecoveringNode(Protocol):
    """What recovery needs of its node."""

    node: str
    second_pass: bool

    @property
    def journal(self) -> Journal: ...
    @property
    def store(self) -> CallStore: ...
    def append(self, entry: Entry) -> asyncio.Future[None]: ...
    def publish(self, event: Event) -> None: ...
    def is_running(self, call_id: UUID) -> bool: ...
    def now(self) -> datetime: ...


async def recover_interrupted(node: RecoveringNode, recordings: Path) -> None:
    """Close every call that an earlier run of this node left open.

    Waits until the journal of that run has reached Postgres, so that the last final is known, and for Postgres itself.
    """
    for call in await _unfinished(node):
        if node.is_running(call.call.id):
            continue
        recording = await asyncio.to_thread(_repaired, recordings, call)
        end = call_end(call, recording, node.now())
        jobs = due_jobs(call.call.id, lost_ranges(call, end), recording, node.second_pass)
        await node.append(CallClosed(call.call.id, end, recording, jobs))
        node.publish(CallEnded.of(call.call, end, node.now()))
        log.warning("call_interrupted", call_id=str(call.call.id), samples=end.samples, recorded=recording is not None)


async def _unfinished(node: RecoveringNode) -> Sequence[UnfinishedCall]:
    while True:
        try:
            if await asyncio.to_thread(node.journal.inherited_forwarded):
                return await asyncio.to_thread(node.store.unfinished, node.node)
        except StorageError as error:
            log.warning("recovery_waits", reason=str(error))
        await asyncio.sleep(RETRY_S)


def _repaired(folder: Path, call: UnfinishedCall) -> RecordingFile | None:
    try:
        return repair(folder / recording_path(call.call))
    except RecordingNotFound:
        return None


def call_end(call: UnfinishedCall, recording: RecordingFile | None, now: datetime) -> CallEnd:
    """The end of an interrupted call: where its recording stops, or its last final when there is none."""
    samples = recording.samples if recording else max(call.last_final_ends.values(), default=0)
    ended_at = call.call.started_at + timedelta(seconds=samples / call.call.sample_rate)
    return CallEnd(min(ended_at, now), samples, "interrupted", interrupted=True)


def lost_ranges(call: UnfinishedCall, end: CallEnd) -> tuple[ChannelRange, ...]:
    """Each channel's audio after its last final."""
    return tuple(
        ChannelRange(channel.index, start, end.samples)
        for channel in call.call.channels
        if (start := call.last_final_ends.get(channel.index, 0)) < end.samples
    )
