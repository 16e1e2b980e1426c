"""All jobs, to look at: how many there are of which kind, and each with the call that it is for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, tuple_, update

from storage.audit import write_audit
from storage.clean import clean_name
from storage.cursors import read_place, write_place
from storage.database import Database
from storage.models import CallRow, JobRow
from storage.records import JobKind, JobRecord, JobState
from storage.rows import job_of

PAGE_LIMIT = 200
MOST_RETRIED = 1000
"""Jobs that are queued again at once."""
NOBODY = "api"
"""Who asked where nobody is named."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; None: any."""

    state: JobState | None = None
    kind: JobKind | None = None
    trunk: str | None = None


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job, and of its call what names nobody."""

    job: JobRecord
    trunk: str
    call_started_at: datetime


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first, and where to go on; `cursor` None: these were the last."""

    jobs: tuple[ListedJob, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class JobCount:
    """The jobs of one kind that are in one state."""

    state: JobState
    kind: JobKind
    number: int
    oldest_at: datetime
    """When the oldest of them was made, aware UTC."""


class JobLists:
    """Lists jobs, and queues failed ones again. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, conditions: JobFilter, limit: int = 50, cursor: str | None = None) -> JobPage:
        """The newest jobs that meet the conditions, at most `limit` (1 to 200), from where `cursor` says.

        Raises ValueError for a limit out of bounds or a cursor that no page gave.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")
        rules = _rules(conditions)
        if cursor is not None:
            rules.append(tuple_(JobRow.created_at, JobRow.id) < tuple_(*read_place(cursor)))
        query = select(JobRow, CallRow.trunk, CallRow.started_at).join(CallRow, CallRow.id == JobRow.call_id)
        query = query.where(*rules).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit + 1)
        with self._database.transaction() as session:
            found = tuple(ListedJob(job_of(row), trunk, at) for row, trunk, at in session.execute(query))
        more, shown = len(found) > limit, found[:limit]
        return JobPage(shown, write_place(shown[-1].job.created_at, shown[-1].job.id) if more else None)

    def counts(self) -> tuple[JobCount, ...]:
        """Of each kind and state that occurs."""
        query = select(JobRow.state, JobRow.kind, func.count(), func.min(JobRow.created_at))
        query = query.group_by(JobRow.state, JobRow.kind).order_by(JobRow.state, JobRow.kind)
        with self._database.transaction() as session:
            rows = session.execute(query).all()
        return tuple(JobCount(JobState(state), JobKind(kind), number, at) for state, kind, number, at in rows)

    def retry(self, conditions: JobFilter, only: Sequence[UUID] | None = None, by: str = "") -> int:
        """Queue what was given up again, with all attempts; how many of them, at most MOST_RETRIED, the oldest first.

        `only`: of these jobs. The audit log has who asked.
        """
        rules = [*_rules(conditions), JobRow.state == JobState.FAILED]
        if only is not None:
            rules.append(JobRow.id.in_(only))
        chosen = select(JobRow.id).join(CallRow, CallRow.id == JobRow.call_id).where(*rules)
        chosen = chosen.order_by(JobRow.created_at).limit(MOST_RETRIED).with_for_update(of=JobRow, skip_locked=True)
        again = {"state": JobState.QUEUED, "attempts": 0, "due_at": func.now(), "finished_at": None}
        with self._database.transaction() as session:
            queued = update(JobRow).where(JobRow.id.in_(chosen.scalar_subquery())).values(**again)
            calls = session.scalars(queued.returning(JobRow.call_id)).all()
            if calls:
                subject = str(calls[0]) if len(calls) == 1 else "jobs"
                write_audit(
                    session, action="jobs.retried", subject=subject, by=by or NOBODY, detail={"jobs": len(calls)}
                )
            return len(calls)


def _rules(conditions: JobFilter) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if conditions.state is not None:
        rules.append(JobRow.state == conditions.state)
    if conditions.kind is not None:
        rules.append(JobRow.kind == conditions.kind)
    if conditions.trunk is not None:
        rules.append(CallRow.trunk == clean_name(conditions.trunk))
    return rules
