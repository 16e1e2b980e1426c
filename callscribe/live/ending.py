"""The end of a call on its node: its last entry in the journal, with the jobs that are due."""

import asyncio
from datetime import datetime
from typing import Protocol
from uuid import UUID

from callscribe.config.stages import next_stage
from callscribe.domain.call import Call, CallEnd
from callscribe.domain.trace import record_call
from callscribe.events.schema import CallEnded, CallProcessed, Event
from callscribe.live.journal import CallClosed, Entry
from storage.records import ChannelRange, JobIntent, JobKind, RecordingFile


class EndPorts(Protocol):
    """What the end of a call needs of its node."""

    node: str

    def stages(self, call: Call) -> tuple[JobKind, ...]: ...

    def publish(self, event: Event) -> None: ...
    def append(self, entry: Entry) -> asyncio.Future[None]: ...
    def now(self) -> datetime: ...


async def write_end(
    ports: EndPorts, call: Call, end: CallEnd, recording: RecordingFile | None, lost: tuple[ChannelRange, ...]
) -> None:
    """Tell of a call's end, and write it with the jobs that are due: publication does not wait for the disk."""
    jobs = _due_jobs(call.id, lost, recording, ports.stages(call))
    durable = ports.append(CallClosed(call.id, end, recording, jobs))
    ports.publish(CallEnded.of(call, end, ports.now()))
    record_call(
        call.id, _nanoseconds(call.started_at), _nanoseconds(end.ended_at),
        trunk=call.trunk, dialect=str(call.dialect), channels=len(call.channels), node=ports.node, reason=end.reason,
    )  # fmt: skip
    await durable
    if not jobs:
        ports.publish(CallProcessed(call_id=call.id, at=ports.now(), done=(), failed=()))


def _nanoseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1e6) * 1000


def _due_jobs(
    call_id: UUID, lost: tuple[ChannelRange, ...], recording: RecordingFile | None, stages: tuple[JobKind, ...]
) -> tuple[JobIntent, ...]:
    """The first job of an ended call: a recovery of what the recording has of the lost stretches, or a stage."""
    recorded = tuple(stretch for stretch in lost if recording is not None and stretch.channel < recording.channels)
    if recorded:
        return (JobIntent.of(call_id, JobKind.RECOVER, recorded),)
    return next_stage(call_id, stages, recorded=recording is not None)
