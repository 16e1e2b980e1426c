"""Work on ended calls. The rows are the truth: a broker only carries their ids."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.errors import StorageError
from callscribe.domain.transcript import Final, Revision
from storage.calls import write_jobs
from storage.clean import clean, clean_name
from storage.database import Database
from storage.finals import hold_call, write_final
from storage.models import CallRow, JobRow, RevisionRow, UtteranceRow
from storage.records import JobIntent, JobKind, JobState, JobWork
from storage.rows import call_of, call_parts, recording_of, stored_confidence

MAX_ATTEMPTS = 5
RUN_LEASE_S = 60.0
"""How long a begun job is left alone, since its begin or last renewal, before its worker counts as lost."""
ERROR_LIMIT = 500
WORKER_LOST = "The worker was lost each time it ran this job."

NOW = func.now()


def back_off(attempt: int) -> timedelta:
    """How long after the failure of attempt 1, 2, … the next may begin: 30 s, 2 min, 8 min, 32 min, at most 1 h."""
    return timedelta(seconds=min(30.0 * 4.0 ** (attempt - 1), 3600.0))


class JobStore:
    """Hands out jobs and takes their results. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim_due(self, limit: int, lease_s: float) -> tuple[UUID, ...]:
        """Take at most `limit` jobs that are due, most overdue first, to send to the broker.

        Due are queued jobs whose time has come, jobs that were claimed but not begun for `lease_s` seconds, and running
        jobs whose lease is over. Callers at the same time get different jobs.
        """
        waiting = and_(JobRow.state == JobState.QUEUED, JobRow.due_at <= NOW)
        free = or_(JobRow.lease_until.is_(None), JobRow.lease_until <= NOW)
        lost = and_(JobRow.state == JobState.RUNNING, JobRow.lease_until <= NOW)
        with self._database.transaction() as session:
            session.execute(
                update(JobRow)
                .where(lost, JobRow.attempts >= MAX_ATTEMPTS)
                .values(state=JobState.FAILED, finished_at=NOW, lease_until=None, error=WORKER_LOST)
            )
            due = session.scalars(
                select(JobRow.id)
                .where(or_(and_(waiting, free), lost))
                .order_by(JobRow.due_at, JobRow.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            session.execute(
                update(JobRow)
                .where(JobRow.id.in_(due))
                .values(state=JobState.QUEUED, lease_until=NOW + timedelta(seconds=lease_s))
            )
            return tuple(due)

    def begin(self, job_id: UUID, lease_s: float = RUN_LEASE_S) -> JobWork | None:
        """Start the job, for `lease_s` seconds (see `renew`).

        None when there is nothing to do: it is done, given up, running elsewhere, waiting for its next attempt, or its
        call was deleted. So a message that is delivered twice does no harm.
        """
        with self._database.transaction() as session:
            job = session.scalar(
                select(JobRow)
                .where(JobRow.id == job_id, JobRow.state == JobState.QUEUED, JobRow.due_at <= NOW)
                .with_for_update()
            )
            if job is None:
                return None
            job.state = JobState.RUNNING
            job.attempts += 1
            job.started_at = NOW
            job.lease_until = NOW + timedelta(seconds=lease_s)
            call = session.scalars(select(CallRow).where(CallRow.id == job.call_id).options(*call_parts())).one()
            return JobWork(
                id=job.id,
                kind=JobKind(job.kind),
                call=call_of(call),
                node=call.node,
                recording=recording_of(call.recording),
                ranges=job.ranges,
                attempt=job.attempts,
            )

    def renew(self, job_id: UUID, lease_s: float = RUN_LEASE_S) -> bool:
        """Keep a running job for `lease_s` seconds from now; False when it is no longer running."""
        with self._database.transaction() as session:
            renewed = session.scalar(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.state == JobState.RUNNING)
                .values(lease_until=NOW + timedelta(seconds=lease_s))
                .returning(JobRow.id)
            )
            return renewed is not None

    def complete(
        self,
        job_id: UUID,
        *,
        revisions: Sequence[Revision] = (),
        finals: Sequence[Final] = (),
        follow: Sequence[JobIntent] = (),
    ) -> bool:
        """Write the job's results, the jobs that follow from it, and that it is done, in one transaction.

        False, and nothing is written, when it was done already or its call was deleted. Finals that are there already
        are left alone. Raises StorageError for a revision of an utterance that the call has not.
        """
        with self._database.transaction() as session:
            job = _hold_job(session, job_id)
            if job is None or job.state == JobState.DONE:
                return False
            # Another job of the call may number revisions at the same time.
            hold_call(session, job.call_id)
            for final in finals:
                write_final(session, job.call_id, final)
            _write_revisions(session, job, revisions)
            write_jobs(session, job.call_id, follow)
            job.state = JobState.DONE
            job.error = ""
            job.lease_until = None
            job.finished_at = NOW
            return True

    def fail(self, job_id: UUID, sentence: str) -> bool:
        """Note why the running job failed, in a sentence for people, without what was said.

        True when it will be tried again, after `back_off`; False when that was its last attempt, or it is not running.
        """
        with self._database.transaction() as session:
            job = _hold_job(session, job_id)
            if job is None or job.state != JobState.RUNNING:
                return False
            job.error = clean_name(sentence, ERROR_LIMIT)
            job.lease_until = None
            if job.attempts >= MAX_ATTEMPTS:
                job.state = JobState.FAILED
                job.finished_at = NOW
                return False
            job.state = JobState.QUEUED
            job.due_at = NOW + back_off(job.attempts)
            return True

    def retry(self, job_id: UUID) -> bool:
        """Queue a job that was given up, with all its attempts; False when it was not."""
        with self._database.transaction() as session:
            queued = session.scalar(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.state == JobState.FAILED)
                .values(state=JobState.QUEUED, attempts=0, due_at=NOW, finished_at=None)
                .returning(JobRow.id)
            )
            return queued is not None

    def counts(self) -> Mapping[JobState, int]:
        """How many jobs are in each state."""
        with self._database.transaction() as session:
            rows = session.execute(select(JobRow.state, func.count()).group_by(JobRow.state))
            found = {JobState(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in JobState}


def _hold_job(session: Session, job_id: UUID) -> JobRow | None:
    return session.scalar(select(JobRow).where(JobRow.id == job_id).with_for_update())


def _write_revisions(session: Session, job: JobRow, revisions: Sequence[Revision]) -> None:
    if not revisions:
        return
    newest = func.coalesce(func.max(RevisionRow.number), 0)
    query = select(UtteranceRow.id, newest).outerjoin(UtteranceRow.revisions).where(UtteranceRow.call_id == job.call_id)
    numbers = dict(session.execute(query.group_by(UtteranceRow.id)).all())
    if any(revision.utterance_id not in numbers for revision in revisions):
        raise StorageError("a revision names an utterance that its call has not")
    session.execute(
        insert(RevisionRow).on_conflict_do_nothing(index_elements=[RevisionRow.utterance_id, RevisionRow.job_id]),
        [
            {
                "utterance_id": revision.utterance_id,
                "number": numbers[revision.utterance_id] + 1,
                "job_id": job.id,
                "text": clean(revision.text),
                "confidence": stored_confidence(revision.confidence),
                "engine": clean_name(revision.engine),
                "reason": clean_name(revision.reason),
                "words": revision.words,
                "spoken": clean(revision.spoken),
                "corrections": revision.corrections,
                "cost": revision.cost,
            }
            for revision in revisions
        ],
    )
