"""Calls that shall be evaluated again: their jobs."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from callscribe.domain.call import CallState
from storage.calls import write_jobs
from storage.models import CallRow
from storage.records import JobIntent, JobKind, JobState
from storage.requeues import OPEN, has_job, requeue


def queue_evaluations(session: Session, *rules: ColumnElement[bool], priority: int = 0) -> int:
    """Queue an evaluation of each ended call that meets the rules (on CallRow), in the caller's transaction.

    See `requeue`. A call that was not evaluated yet and has another job to be done is evaluated after that anyway.
    Returns the number of calls.
    """
    ended = (CallRow.state != CallState.ACTIVE, CallRow.text_expired_at.is_(None), *rules)
    requeue(session, JobKind.EVALUATE, *ended, priority=priority)
    evaluated = has_job((JobKind.EVALUATE,), tuple(JobState))
    lacking = select(CallRow.id).where(*ended, ~evaluated, ~has_job(tuple(JobKind), OPEN))
    for call_id in session.scalars(lacking).all():
        write_jobs(session, call_id, (replace(JobIntent.of(call_id, JobKind.EVALUATE), priority=priority),))
    return session.scalar(select(func.count()).select_from(CallRow).where(*ended)) or 0


def requeue_evaluation(session: Session, call_id: UUID) -> None:
    """Queue the call's evaluation again if there was one: what it saw has changed."""
    requeue(session, JobKind.EVALUATE, CallRow.id == call_id)
