"""What is told of a call when nothing is left to do for it: as an event, and to webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from callscribe.domain.scores import Evaluation
from callscribe.events.schema import CallProcessed, json_bytes
from storage.records import CallRecord, JobRecord, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedNotice(CallProcessed):
    """What a webhook gets: the event, and where to look further. Nothing that was said."""

    processing: int
    """1 for the first time that nothing was left to do; more after a later evaluation."""
    trunk: str
    outside_ids: dict[str, str]
    """Value by kind, for example "sip-call-id"; of a kind that comes twice, the first."""
    transcript: str
    """Path of the transcript in the API."""


_NOTICE = TypeAdapter(ProcessedNotice)


def processed_event(jobs: Sequence[JobRecord], found: Evaluation | None, at: datetime) -> CallProcessed:
    """The event of a call whose jobs, at least one, and evaluation these are."""
    # Of two of a kind the later one counts: it was made because the other may have read the call before a change.
    states = {job.kind: job.state for job in jobs}
    return CallProcessed(
        call_id=jobs[0].call_id,
        at=at,
        done=tuple(kind.value for kind, state in states.items() if state is JobState.DONE),
        failed=tuple(kind.value for kind, state in states.items() if state is JobState.FAILED),
        score=found.score if found else None,
        failed_rules=found.failed_rules if found else (),
    )


def notice_json(record: CallRecord, found: Evaluation | None, processing: int, at: datetime) -> bytes:
    """What a webhook is sent, as JSON."""
    event = processed_event(record.jobs, found, at)
    notice = ProcessedNotice(
        call_id=event.call_id,
        at=event.at,
        done=event.done,
        failed=event.failed,
        score=event.score,
        failed_rules=event.failed_rules,
        processing=processing,
        trunk=record.call.trunk,
        outside_ids=dict(reversed(record.call.outside_ids.pairs())),
        transcript=f"/api/v1/calls/{event.call_id}/transcript",
    )
    return json_bytes(_NOTICE, notice, exclude={"id"})
