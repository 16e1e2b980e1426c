"""A job from its id to its end: begun in the database, decoded, written in one transaction, and announced."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from callscribe.config.settings import Settings
from callscribe.domain.errors import (
    CallscribeError,
    DatabaseUnavailable,
    EventsUnavailable,
    RecordingNotFound,
    StorageError,
)
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Utterance
from callscribe.events.publisher import publish_now
from callscribe.events.schema import CallProcessed, Event, UtteranceFinal, UtteranceRevised
from callscribe.jobs.decoding import CallDecoder
from callscribe.jobs.lease import KeptLease
from storage.database import Database
from storage.hotwords import HotwordStore
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import JobIntent, JobKind, JobState, JobWork

log = structlog.get_logger()

PATIENCE_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Waits between attempts to write a result while the database is away: to decode again would cost more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job found."""

    revised: tuple[tuple[Utterance, Revision], ...] = ()
    """Utterances as they were before, each with its new text."""
    recovered: tuple[Final, ...] = ()
    follow: tuple[JobIntent, ...] = ()
    """Jobs that become due with it."""


class JobBench:
    """Does jobs in a worker process. Connections and models are opened by its first job, so after the fork."""

    def __init__(self, settings: Settings, decoder: CallDecoder | None = None) -> None:
        self._settings = settings
        self._database = Database(settings.database.url)
        self._decoder = decoder or CallDecoder(settings, HotwordStore(self._database).lists)
        self._jobs = JobStore(self._database)
        self._reader = CallReader(self._database)

    def run(self, job_id: UUID) -> None:
        """Do the job where it is still to be done, and note how it went. Never raises."""
        with bound_contextvars(job_id=str(job_id)):
            try:
                work = self._jobs.begin(job_id)
            except CallscribeError as error:
                # A dispatcher sends it again when the claim's lease is over.
                log.warning("job_not_begun", reason=str(error))
                return
            if work is None:
                log.debug("job_not_due")
                return
            with bound_contextvars(call_id=str(work.call.id), kind=work.kind), KeptLease(self._jobs, job_id):
                self._attempt(work)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _attempt(self, work: JobWork) -> None:
        began = time.monotonic()
        try:
            outcome = self._decode(work)
            written = _patiently(lambda: self._complete(work, outcome))
        except CallscribeError as error:
            self._fail(work, str(error))
        except Exception as error:
            # Engines raise what they like; a job that fails must say so on its call, and not end its worker.
            log.exception("job_broke", attempt=work.attempt)
            self._fail(work, f"The job broke off with {type(error).__name__}; the worker's log tells where.")
        else:
            log.info("job_done", written=written, seconds=round(time.monotonic() - began, 1))
            if written:
                self._announce(work, outcome)

    def _decode(self, work: JobWork) -> Outcome:
        if work.recording is None:
            raise RecordingNotFound
        recording = work.recording.under(self._settings.recordings_folder).path
        if work.kind is JobKind.RECOVER:
            recovered = self._decoder.recover(work.call, work.ranges, recording)
            second = (JobIntent.of(work.call.id, JobKind.SECOND_PASS),) if self._settings.second_pass.enabled else ()
            return Outcome(recovered=recovered, follow=second)
        return Outcome(revised=self._decoder.revise(self._reader.transcript(work.call.id), recording))

    def _complete(self, work: JobWork, outcome: Outcome) -> bool:
        revisions = [revision for _, revision in outcome.revised]
        return self._jobs.complete(work.id, revisions=revisions, finals=outcome.recovered, follow=outcome.follow)

    def _fail(self, work: JobWork, sentence: str) -> None:
        try:
            again = _patiently(lambda: self._jobs.fail(work.id, sentence))
        except CallscribeError as error:
            log.warning("job_failure_not_noted", reason=str(error))
            return
        log.warning("job_failed", attempt=work.attempt, again=again, reason=sentence)
        if not again:
            self._announce(work, Outcome())

    def _announce(self, work: JobWork, outcome: Outcome) -> None:
        """Publish what was written. Whoever misses it reads the same from the database."""
        now = datetime.now(UTC)
        events: list[Event] = [UtteranceFinal.of(work.call, final, now) for final in outcome.recovered]
        events += [UtteranceRevised.of(work.call, before, revision, now) for before, revision in outcome.revised]
        try:
            events += self._processed(work.call.id, now)
            if events:
                publish_now(self._settings.events.url, events, self._settings.events.stream_length)
        except (EventsUnavailable, StorageError) as error:
            log.warning("job_not_announced", reason=str(error))

    def _processed(self, call_id: UUID, now: datetime) -> Sequence[CallProcessed]:
        jobs = self._reader.jobs(call_id)
        done = tuple(job.kind.value for job in jobs if job.state is JobState.DONE)
        failed = tuple(job.kind.value for job in jobs if job.state is JobState.FAILED)
        if len(done) + len(failed) < len(jobs):
            return ()
        return (CallProcessed(call_id=call_id, at=now, done=done, failed=failed),)


def _patiently(write: Callable[[], T]) -> T:
    """What `write` returns, tried again while the database is away. Raises what it raised last."""
    for wait_s in PATIENCE_S:
        try:
            return write()
        except DatabaseUnavailable:
            time.sleep(wait_s)
    return write()
