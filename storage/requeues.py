"""Jobs that are done again: what they saw of their call has changed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from storage.models import CallRow, JobRow
from storage.records import JobKind, JobState

OPEN = (JobState.QUEUED, JobState.RUNNING)
OVER = (JobState.DONE, JobState.FAILED)


def has_job(kinds: Sequence[JobKind], states: Sequence[JobState]) -> ColumnElement[bool]:
    """Whether the call of the enclosing query (CallRow) has a job of one of these kinds in one of these states."""
    job = aliased(JobRow)
    return exists().where(job.call_id == CallRow.id, job.kind.in_(kinds), job.state.in_(states))


def requeue(session: Session, kind: JobKind, *rules: ColumnElement[bool], priority: int = 0) -> None:
    """Queue the job of this kind again in each call that meets the rules (on CallRow) and has had one.

    One that waits already is enough, at the more urgent of both priorities. One that runs may have read the call
    before: another follows it. In the caller's transaction.
    """
    # One that waits cannot begin from here on, and so reads the call as the caller leaves it.
    calls = select(CallRow.id).where(*rules)
    waiting = (JobRow.kind == kind, JobRow.state == JobState.QUEUED, JobRow.call_id.in_(calls))
    sooner = update(JobRow).where(*waiting).values(priority=func.least(JobRow.priority, priority))
    session.execute(sooner.execution_options(synchronize_session=False))
    lacking = (JobRow.kind == kind, ~has_job((kind,), (JobState.QUEUED,)), *rules)
    columns = (func.gen_random_uuid(), JobRow.call_id, JobRow.kind, JobRow.ranges, literal(priority))
    names = [JobRow.id, JobRow.call_id, JobRow.kind, JobRow.ranges, JobRow.priority]
    running = _first_of_calls(*columns).where(JobRow.state == JobState.RUNNING, *lacking)
    session.execute(insert(JobRow).from_select(names, running))
    over = _first_of_calls(JobRow.id).where(JobRow.state.in_(OVER), *lacking)
    again = {"state": JobState.QUEUED, "priority": priority, "attempts": 0, "due_at": func.now(), "finished_at": None}
    chosen = update(JobRow).where(JobRow.id.in_(over)).values(**again)
    session.execute(chosen.execution_options(synchronize_session=False))


def requeue_bleep(session: Session, call_id: UUID) -> None:
    """Have the call's recording covered again if it was: more is masked in its texts."""
    requeue(session, JobKind.BLEEP, CallRow.id == call_id, CallRow.audio_expired_at.is_(None))


def _first_of_calls(*columns: Any) -> Select[*tuple[Any, ...]]:
    """These columns of the oldest job of each call."""
    jobs = select(*columns).select_from(JobRow).join(CallRow, CallRow.id == JobRow.call_id)
    return jobs.ext(distinct_on(JobRow.call_id)).order_by(JobRow.call_id, JobRow.created_at)
