"""A job from its id to its end: begun in the database, decoded, written in one transaction, and announced."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from callscribe.config.settings import Settings
from callscribe.config.stages import next_stage, stages_of
from callscribe.domain.errors import (
    CallNotFound,
    CallscribeError,
    DatabaseUnavailable,
    EventsUnavailable,
    LanguageUnknown,
    RecordingNotFound,
    StorageError,
)
from callscribe.domain.scores import Evaluation
from callscribe.domain.trace import record
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Utterance
from callscribe.events.board import add_now, cost_of
from callscribe.events.publisher import publish_now
from callscribe.events.schema import CallProcessed, Event, UtteranceFinal, UtteranceRevised, UtteranceSpeakers
from callscribe.jobs.bleeping import bleep_call
from callscribe.jobs.decoding import CallDecoder
from callscribe.jobs.diarizing import CallDiarizer
from callscribe.jobs.evaluating import CallEvaluator
from callscribe.jobs.lease import KeptLease
from callscribe.jobs.masking import mask_finals
from callscribe.jobs.processed import processed_event
from storage.database import Database
from storage.hotwords import HotwordStore
from storage.jobs import WORKER_LOST, JobStore
from storage.reader import CallReader
from storage.recording_keys import open_keys
from storage.records import JobIntent, JobKind, JobState, JobWork
from storage.scorecards import ScorecardStore

log = structlog.get_logger()

PATIENCE_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Waits between attempts to write a result while the database is away: to decode again would cost more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job found."""

    revised: tuple[tuple[Utterance, Revision], ...] = ()
    """Utterances as they were before, each with its new text."""
    masked: tuple[Final, ...] = ()
    """Finals to put in the place of those that were stored with something in them that is masked now."""
    recovered: tuple[Final, ...] = ()
    diarized: tuple[Utterance, ...] | None = None
    """Utterances whose speakers were told apart, with their turns; None where that was not the job."""
    evaluation: Evaluation | None = None

    @property
    def costs(self) -> dict[str, float]:
        """What paid services ask for it, by the names of their counters."""
        texts: list[Final | Revision] = [*self.recovered, *(revision for _, revision in self.revised)]
        paid = {text.engine for text in texts if text.cost}
        return {cost_of(engine): sum(text.cost for text in texts if text.engine == engine) for engine in paid}


class JobBench:
    """Does jobs in a worker process. Connections and models are opened by its first job, so after the fork."""

    def __init__(
        self,
        settings: Settings,
        decoder: CallDecoder | None = None,
        diarizer: CallDiarizer | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """Where it `is_stopping`, the job that runs is ended, and those that follow are left to other workers; while it
        `is_held`, none is begun."""
        self._settings = settings
        self._is_stopping = is_stopping
        self._is_held = is_held
        self._keys = open_keys(settings.recordings)
        self._database = Database(settings.database.url)
        self._decoder = decoder or CallDecoder(settings, HotwordStore(self._database).lists)
        self._diarizer = diarizer or CallDiarizer(settings)
        self._jobs = JobStore(self._database, settings.webhooks_of)
        self._reader = CallReader(self._database)
        self._scorecards = ScorecardStore(self._database)
        self._evaluator = CallEvaluator(self._reader, self._scorecards)

    def run(self, job_id: UUID) -> None:
        """Do the job where it is still to be done, then those that follow from it, and note how they went. Never
        raises."""
        due = [job_id]
        # What is left here is sent again once its claim's lease is over.
        while due and not self._is_held():
            # A dispatcher would find them too, a second later each.
            follow = self._do(due.pop())
            due += [] if self._is_stopping() else [job.id for job in follow]

    def _do(self, job_id: UUID) -> tuple[JobIntent, ...]:
        """The jobs that are due now because this one is over."""
        with bound_contextvars(job_id=str(job_id)):
            try:
                work = self._jobs.begin(job_id)
            except CallscribeError as error:
                # A dispatcher sends it again when the claim's lease is over.
                log.warning("job_not_begun", reason=str(error))
                return ()
            if work is None:
                log.debug("job_not_due")
                return ()
            with bound_contextvars(call_id=str(work.call.id), kind=work.kind), KeptLease(self._jobs, job_id):
                return self._next(work) if self._attempt(work) else ()

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _attempt(self, work: JobWork) -> bool:
        """Whether it was done now."""
        if work.spent:
            self._fail(work, WORKER_LOST, hopeless=True)
            return False
        began, began_ns = time.monotonic(), time.time_ns()
        try:
            outcome = self._decode(work)
            written = _patiently(lambda: self._complete(work, outcome))
        except LanguageUnknown as error:
            self._fail(work, f"{error}; set an engine that does for its trunk, then retry the job", hopeless=True)
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
            return written
        finally:
            record(work.call.id, f"job {work.kind}", began_ns, attempt=work.attempt)
        return False

    def _decode(self, work: JobWork) -> Outcome:
        if work.kind is JobKind.EVALUATE:
            return Outcome(evaluation=self._evaluator.evaluate(work.call.id))
        if work.recording is None:
            raise RecordingNotFound
        recording = work.recording.under(self._settings.recordings_folder).path
        transcript = self._reader.transcript(work.call.id)
        if work.kind is JobKind.RECOVER:
            recovered, masked = self._decoder.recover(transcript, work.ranges, recording)
            return Outcome(recovered=recovered, masked=masked)
        if work.kind is JobKind.DIARIZE:
            return Outcome(diarized=self._diarizer.diarize(transcript, recording))
        if work.kind is JobKind.BLEEP:
            bleep_call(transcript, recording, self._keys)
            return Outcome()
        revised = self._decoder.revise(transcript, recording)
        policy = self._settings.trunk_named(work.call.trunk).redaction_policy
        return Outcome(revised=revised, masked=mask_finals(transcript, revised, policy))

    def _next(self, work: JobWork) -> tuple[JobIntent, ...]:
        """The job that follows, whatever this one gave."""
        stages = stages_of(self._settings, work.call)
        return next_stage(work.call.id, stages, work.kind, recorded=work.recording is not None)

    def _complete(self, work: JobWork, outcome: Outcome) -> bool:
        revisions = [revision for _, revision in outcome.revised]
        return self._jobs.complete(
            work.id,
            revisions=revisions,
            finals=outcome.recovered,
            masked=outcome.masked,
            policy=self._settings.trunk_named(work.call.trunk).redaction_policy,
            diarized=outcome.diarized,
            evaluation=outcome.evaluation,
            follow=self._next(work),
        )

    def _fail(self, work: JobWork, sentence: str, *, hopeless: bool = False) -> None:
        """Note why; what is `hopeless` is not tried again. Utterances that are known get their second pass anyway."""
        try:
            follow = self._next(work)
            again = _patiently(lambda: self._jobs.fail(work.id, sentence, hopeless=hopeless, follow=follow))
        except CallscribeError as error:
            log.warning("job_failure_not_noted", reason=str(error))
            return
        log.warning("job_failed", attempt=work.attempt, again=again, reason=sentence)
        if not again:
            self._announce(work, Outcome())

    def _announce(self, work: JobWork, outcome: Outcome) -> None:
        """Publish what was written. Whoever misses it reads the same from the database."""
        now = datetime.now(UTC)
        finals = [UtteranceFinal.of(work.call, final, now) for final in outcome.recovered]
        try:
            if costs := outcome.costs:
                add_now(self._settings.events.url, f"jobs-{self._settings.node.name}", costs)
            texts = self._texts(work, outcome, now)
            self._publish([*finals, *texts])
            # A person's text that came between may have been told before an older one was now.
            self._publish([*self._overtaken(work, texts), *self._processed(work.call.id, now)])
        except (EventsUnavailable, StorageError) as error:
            log.warning("job_not_announced", reason=str(error))

    def _publish(self, events: Sequence[Event]) -> None:
        if events:
            publish_now(self._settings.events.url, events, self._settings.events.stream_length)

    def _stored(self, work: JobWork) -> Mapping[UUID, Utterance]:
        """Empty where the call was erased meanwhile."""
        try:
            return {said.id: said for said in self._reader.transcript(work.call.id).utterances}
        except CallNotFound:
            return {}

    def _texts(self, work: JobWork, outcome: Outcome, now: datetime) -> Sequence[UtteranceRevised | UtteranceSpeakers]:
        """The revisions but those of utterances that a person corrected, and the speakers of texts as they stand."""
        if not outcome.revised and not outcome.diarized:
            return ()
        stored = self._stored(work)
        revised = [
            UtteranceRevised.of(work.call, before, revision, now)
            for before, revision in outcome.revised
            if before.id in stored and not stored[before.id].corrected
        ]
        told = [stored[utterance.id] for utterance in outcome.diarized or () if utterance.id in stored]
        return [*revised, *(UtteranceSpeakers.of(work.call, utterance, now) for utterance in told)]

    def _overtaken(
        self, work: JobWork, texts: Sequence[UtteranceRevised | UtteranceSpeakers]
    ) -> Sequence[UtteranceRevised]:
        """The newest texts of utterances of which another was told and a person has written meanwhile."""
        stored = self._stored(work) if texts else {}
        told = {event.utterance_id: event.text for event in texts}
        now = datetime.now(UTC)
        return [
            UtteranceRevised.of(work.call, replace(said, revisions=said.revisions[:-1]), said.newest, now)
            for said in (stored[name] for name in told if name in stored)
            if isinstance(said.newest, Revision) and said.newest.by and said.text != told[said.id]
        ]

    def _processed(self, call_id: UUID, now: datetime) -> Sequence[CallProcessed]:
        jobs = self._reader.jobs(call_id)
        if not jobs or not all(job.state in (JobState.DONE, JobState.FAILED) for job in jobs):
            # There are none where the call was erased meanwhile.
            return ()
        return (processed_event(jobs, self._scorecards.evaluation(call_id), now),)


def _patiently(write: Callable[[], T]) -> T:
    """What `write` returns, tried again while the database is away. Raises what it raised last."""
    for wait_s in PATIENCE_S:
        try:
            return write()
        except DatabaseUnavailable:
            time.sleep(wait_s)
    return write()
