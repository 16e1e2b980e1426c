"""Work on ended calls. The rows are the truth: a broker only carries their ids."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from callscribe.domain.scores import Evaluation
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Utterance
from callscribe.text.redaction.masking import RedactionPolicy
from storage.calls import write_jobs
from storage.clean import clean_name
from storage.database import Database
from storage.evaluations import requeue_evaluation
from storage.finals import lock_call, overwrite_final, write_final
from storage.measures import write_evaluation
from storage.models import CallRow, JobRow
from storage.records import JobIntent, JobKind, JobState, JobWork
from storage.requeues import requeue_bleep
from storage.revisions import mask_revisions_below, write_revisions
from storage.rows import call_of, call_parts, recording_of
from storage.speakers import write_speakers
from storage.webhooks import HooksOf, write_deliveries

MAX_ATTEMPTS = 5
RUN_LEASE_S = 60.0
"""How long a begun job is left alone, since its begin or last renewal, before its worker counts as lost."""
ERROR_LIMIT = 500
WORKER_LOST = "The worker was lost each time it ran this job."

NOW = func.now()
NO_REDACTION = RedactionPolicy()

_Twin = aliased(JobRow)
_TWIN_RUNS = exists().where(
    _Twin.call_id == JobRow.call_id, _Twin.kind == JobRow.kind, _Twin.state == JobState.RUNNING, _Twin.id != JobRow.id
)
"""Whether another job does the same for the call: what it read is older, and must not be written last."""


def back_off(attempt: int) -> timedelta:
    """How long after the failure of attempt 1, 2, … the next may begin: 30 s, 2 min, 8 min, 32 min, at most 1 h."""
    return timedelta(seconds=min(30.0 * 4.0 ** (attempt - 1), 3600.0))


class JobStore:
    """Hands out jobs and takes their results. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, hooks_of: HooksOf = lambda trunk: ()) -> None:
        """Webhooks of `hooks_of` are told of a call in the transaction that ends its last job."""
        self._database = database
        self._hooks_of = hooks_of

    def claim_due(self, limit: int, lease_s: float) -> tuple[UUID, ...]:
        """Take at most `limit` jobs that are due, by priority and then the most overdue first, to send to the broker.

        Due are queued jobs whose time has come, jobs that were claimed but not begun for `lease_s` seconds, and running
        jobs whose lease is over, were it the last one's (see `begin`). Callers at the same time get different jobs.
        """
        waiting = and_(JobRow.state == JobState.QUEUED, JobRow.due_at <= NOW, ~_TWIN_RUNS)
        free = or_(JobRow.lease_until.is_(None), JobRow.lease_until <= NOW)
        lost = and_(JobRow.state == JobState.RUNNING, JobRow.lease_until <= NOW)
        with self._database.transaction() as session:
            due = session.scalars(
                select(JobRow.id)
                .where(or_(and_(waiting, free), lost))
                .order_by(JobRow.priority, JobRow.due_at, JobRow.id)
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

        None when there is nothing to do: it is done, given up, running elsewhere, waiting for its next attempt or for
        another of its kind that the call has, or its call was deleted. So a message that is delivered twice does no
        harm. One whose worker was lost at its last attempt is begun once more, to be given up (`JobWork.spent`) with
        what follows from it.
        """
        with self._database.transaction() as session:
            job = session.scalar(
                select(JobRow)
                .where(JobRow.id == job_id, JobRow.state == JobState.QUEUED, JobRow.due_at <= NOW, ~_TWIN_RUNS)
                .with_for_update()
            )
            if job is None:
                return None
            spent = job.attempts >= MAX_ATTEMPTS
            job.state = JobState.RUNNING
            job.attempts += not spent
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
                spent=spent,
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
        masked: Sequence[Final] = (),
        policy: RedactionPolicy = NO_REDACTION,
        diarized: Sequence[Utterance] | None = None,
        evaluation: Evaluation | None = None,
        follow: Sequence[JobIntent] = (),
    ) -> bool:
        """Write the job's results, the jobs that follow from it, and that it is done, in one transaction.

        False, and nothing is written, when it was done already or its call was erased. Nothing that was said is written
        once retention has removed the call's text. Finals that are there already are left alone but for those of
        `masked`; what is masked in these or in a revision is masked in the utterance's older revisions, too, with the
        mask of `policy`. Of an utterance whose text is a person's a revision is kept below that. The speakers of
        `diarized` replace all that the call has. A call that was evaluated is evaluated again after any other job, and
        one that was bleeped is bleeped again where something is masked. Raises StorageError for a revision or speakers
        of an utterance that the call has not.
        """
        with self._database.transaction() as session:
            # Another job of the call may number revisions at the same time.
            call, job = _hold_job(session, job_id)
            if call is None or job is None or job.state == JobState.DONE:
                return False
            if call.text_expired_at is None:
                for final in finals:
                    write_final(session, job.call_id, final)
                for final in masked:
                    overwrite_final(session, job.call_id, final)
                write_revisions(session, job.call_id, revisions, job.id)
                mask_revisions_below(session, call, (*masked, *revisions), policy)
                if evaluation is not None:
                    write_evaluation(session, job.call_id, evaluation)
                if diarized is not None:
                    write_speakers(session, job.call_id, diarized)
                texts: tuple[Final | Revision, ...] = (*finals, *masked, *revisions)
                if any(said.redactions for said in texts):
                    requeue_bleep(session, job.call_id)
            write_jobs(session, job.call_id, follow)
            if job.kind != JobKind.EVALUATE:
                requeue_evaluation(session, job.call_id)
            job.state = JobState.DONE
            job.error = ""
            job.lease_until = None
            job.finished_at = NOW
            write_deliveries(session, call, self._hooks_of, job.priority)
            return True

    def fail(self, job_id: UUID, sentence: str, *, hopeless: bool = False, follow: Sequence[JobIntent] = ()) -> bool:
        """Note why the running job failed, in a sentence for people, without what was said.

        True when it will be tried again, after `back_off`; False when that was its last attempt, as that of a
        `hopeless` one is, or it is not running. The jobs that follow from it are written when it is given up.
        """
        with self._database.transaction() as session:
            call, job = _hold_job(session, job_id)
            if call is None or job is None or job.state != JobState.RUNNING:
                return False
            job.error = clean_name(sentence, ERROR_LIMIT)
            job.lease_until = None
            if hopeless or job.attempts >= MAX_ATTEMPTS:
                job.state = JobState.FAILED
                job.finished_at = NOW
                write_jobs(session, job.call_id, follow)
                write_deliveries(session, call, self._hooks_of, job.priority)
                return False
            job.state = JobState.QUEUED
            job.due_at = NOW + back_off(job.attempts)
            return True


def _hold_job(session: Session, job_id: UUID) -> tuple[CallRow, JobRow] | tuple[None, None]:
    """The job and its call, locked: the call first, so that jobs of one call do not wait for each other in a ring."""
    call_id = session.scalar(select(JobRow.call_id).where(JobRow.id == job_id))
    call = None if call_id is None else lock_call(session, call_id)
    job = session.scalar(select(JobRow).where(JobRow.id == job_id).with_for_update())
    return (None, None) if call is None or job is None else (call, job)
