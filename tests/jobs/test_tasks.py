"""Jobs done in this process, with a real database, event store, recording and engines."""

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
import redis
from sqlalchemy import text

from callscribe.config.settings import Settings
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call
from callscribe.domain.errors import DatabaseOutdated
from callscribe.domain.transcript import utterance_id
from callscribe.events.schema import CallProcessed, Event, UtteranceFinal, UtteranceRevised, from_json
from callscribe.events.streams import FIELD, call_stream
from callscribe.jobs.decoding import CallDecoder
from callscribe.jobs.tasks import JobBench
from storage.database import Database
from storage.jobs import MAX_ATTEMPTS, JobStore
from storage.reader import CallReader
from storage.records import JobKind, JobRecord, JobState
from tests.jobs.ended_calls import BEST, EPOCHS, FINALS, LOST, RATE, SAMPLES, WISDOM, ended_call, pass_time, settings_of
from tests.wer import word_error_rate

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(database_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_of(database_url, valkey_url, tmp_path)


@pytest.fixture(scope="module")
def decoder() -> CallDecoder:
    """Models are loaded once for these tests."""
    return CallDecoder(Settings(), tuple)


def do(settings: Settings, job_id: UUID, decoder: CallDecoder | None = None) -> None:
    with closing(JobBench(settings, decoder)) as bench:
        bench.run(job_id)


def events_of(settings: Settings, call: Call) -> list[Event]:
    with redis.Redis.from_url(settings.events.url, decode_responses=True) as client:
        entries = client.xrange(call_stream(call.id))
    assert isinstance(entries, list)
    return [from_json(fields[FIELD]) for _, fields in entries]


def claim(database: Database, job_id: UUID) -> None:
    assert JobStore(database).claim_due(10, 60) == (job_id,)


def the_job(database: Database, call: Call) -> JobRecord:
    (job,) = CallReader(database).jobs(call.id)
    return job


def test_a_second_pass_stands_beside_the_first_text_with_word_times(
    settings: Settings, database: Database, decoder: CallDecoder
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    claim(database, job_id)
    do(settings, job_id, decoder)

    utterances = CallReader(database).transcript(call.id).utterances
    assert [found.final.text for found in utterances] == [final.text for final in FINALS]
    assert word_error_rate([BEST, WISDOM], [found.text for found in utterances]) <= 0.05
    for utterance in utterances:
        (revision,) = utterance.revisions
        assert revision.reason == "second-pass"
        assert [word.text.strip() for word in revision.words] == revision.text.split()
        assert all(
            utterance.final.start - RATE / 2 <= word.start <= word.end <= utterance.final.end + RATE / 2
            for word in revision.words
        )
    assert (the_job(database, call).state, the_job(database, call).error) == (JobState.DONE, "")


def test_a_second_pass_is_announced_with_what_it_replaces_and_then_that_all_is_done(
    settings: Settings, database: Database, decoder: CallDecoder
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    do(settings, job_id, decoder)
    stored = CallReader(database).transcript(call.id).utterances
    *revised, processed = events_of(settings, call)
    for event, utterance in zip(revised, stored, strict=True):
        assert isinstance(event, UtteranceRevised)
        assert (event.utterance_id, event.text, event.replaces) == (utterance.id, utterance.text, "final")
        assert (event.channel, event.role, event.party) == (1, "customer", "Charles")
        assert event.start_ms == samples_to_ms(utterance.final.start, RATE)
    assert isinstance(processed, CallProcessed)
    assert (processed.done, processed.failed) == (("second-pass",), ())


def test_a_job_that_is_delivered_twice_is_done_once(
    settings: Settings, database: Database, decoder: CallDecoder
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    do(settings, job_id, decoder)
    before = CallReader(database).transcript(call.id)
    announced = len(events_of(settings, call))
    do(settings, job_id)
    assert CallReader(database).transcript(call.id) == before
    assert len(events_of(settings, call)) == announced
    assert the_job(database, call).attempts == 1


def test_lost_speech_is_recovered_and_the_second_pass_becomes_due_then(
    settings: Settings, database: Database, decoder: CallDecoder
) -> None:
    call, job_id = ended_call(settings, JobKind.RECOVER)
    do(settings, job_id, decoder)

    recovered = CallReader(database).transcript(call.id).utterances[2:]
    # Twelve words, cut out of running speech: two may be wrong.
    assert word_error_rate([EPOCHS], [" ".join(found.text for found in recovered)]) <= 2 / 12
    assert all(LOST.start <= found.final.start < found.final.end <= SAMPLES for found in recovered)
    events = events_of(settings, call)
    assert [event.utterance_id for event in events if isinstance(event, UtteranceFinal)] == [
        utterance_id(call.id, 1, found.final.start) for found in recovered
    ]
    assert len(events) == len(recovered), "nothing is processed while the second pass waits"
    jobs = {job.kind: job for job in CallReader(database).jobs(call.id)}
    assert (jobs[JobKind.RECOVER].state, jobs[JobKind.SECOND_PASS].state) == (JobState.DONE, JobState.QUEUED)

    do(settings, jobs[JobKind.SECOND_PASS].id, decoder)
    utterances = CallReader(database).transcript(call.id).utterances
    assert word_error_rate([f"{BEST} {WISDOM} {EPOCHS}"], [" ".join(found.text for found in utterances)]) <= 0.05
    processed = events_of(settings, call)[-1]
    assert isinstance(processed, CallProcessed)
    assert sorted(processed.done) == ["recover", "second-pass"]


def test_a_call_whose_recording_is_gone_says_so_on_its_job_and_is_tried_again_later(
    settings: Settings, database: Database
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    recording = CallReader(database).call(call.id).recording
    assert recording is not None
    recording.under(settings.recordings_folder).path.unlink()
    do(settings, job_id)
    job = the_job(database, call)
    assert (job.state, job.error, job.attempts) == (JobState.QUEUED, "The call has no recording.", 1)
    assert job.due_at > job.created_at
    assert events_of(settings, call) == []


class BrokenDecoder(CallDecoder):
    """An engine that fails and repeats what it heard."""

    def revise(self, *_: object) -> tuple[()]:
        raise RuntimeError("cannot decode 'my card number is'")


def test_a_job_that_breaks_each_time_is_given_up_with_a_sentence_that_tells_nothing_of_the_call(
    settings: Settings, database: Database
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    for _ in range(MAX_ATTEMPTS):
        do(settings, job_id, BrokenDecoder(settings, tuple))
        pass_time(settings.database.url)
    job = the_job(database, call)
    assert (job.state, job.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
    assert job.error == "The job broke off with RuntimeError; the worker's log tells where."
    (processed,) = events_of(settings, call)
    assert isinstance(processed, CallProcessed)
    assert (processed.done, processed.failed) == ((), ("second-pass",))


def test_a_result_is_written_though_the_event_store_is_away(
    settings: Settings, database: Database, decoder: CallDecoder, tmp_path: Path, database_url: str
) -> None:
    away = settings_of(database_url, f"unix://{tmp_path}/none.sock", tmp_path)
    call, job_id = ended_call(away, JobKind.RECOVER)
    do(away, job_id, decoder)
    assert CallReader(database).jobs(call.id)[0].state is JobState.DONE


def test_a_result_stands_though_it_cannot_be_announced(
    settings: Settings, database: Database, decoder: CallDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def migrated(*_: object) -> tuple[()]:
        raise DatabaseOutdated

    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    with monkeypatch.context() as patched:
        patched.setattr(CallReader, "jobs", migrated)
        do(settings, job_id, decoder)
    assert the_job(database, call).state is JobState.DONE


def test_a_database_that_is_away_leaves_the_job_to_its_dispatcher(settings: Settings, tmp_path: Path) -> None:
    away = settings_of(f"postgresql://nobody@/none?host={tmp_path}", settings.events.url, tmp_path)
    do(away, UUID(int=1))


def test_a_call_that_is_deleted_meanwhile_leaves_no_trace(settings: Settings, database: Database) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)

    class DeletingDecoder(CallDecoder):
        """Somebody deletes the call while it is decoded."""

        def revise(self, *_: object) -> tuple[()]:
            with database.transaction() as session:
                session.execute(text("DELETE FROM calls WHERE id = :id"), {"id": call.id})
            return ()

    do(settings, job_id, DeletingDecoder(settings, tuple))
    assert CallReader(database).jobs(call.id) == ()
    assert events_of(settings, call) == []
