"""Jobs done in this process, with a real database, event store, recording and engines."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
import redis
from sqlalchemy import text

from callscribe.config.settings import Settings
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call
from callscribe.domain.errors import DatabaseOutdated
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Revision, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.events.board import CounterBoard, cost_of
from callscribe.events.publisher import publish_now
from callscribe.events.schema import (
    CallProcessed,
    Event,
    UtteranceFinal,
    UtteranceRevised,
    UtteranceSpeakers,
    from_json,
)  # fmt: skip
from callscribe.events.streams import FIELD, call_stream
from callscribe.jobs.decoding import CallDecoder
from callscribe.jobs.diarizing import CallDiarizer
from callscribe.jobs.tasks import JobBench
from callscribe.text.correcting import corrected
from callscribe.text.scorecard import Scorecard
from storage.corrections import CorrectionStore
from storage.database import Database
from storage.jobs import MAX_ATTEMPTS, WORKER_LOST, JobStore
from storage.reader import CallReader
from storage.records import JobKind, JobRecord, JobState
from storage.scorecards import ScorecardStore
from telephony.settings import TrunkSettings
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


def the_job(database: Database, call: Call, kind: JobKind = JobKind.SECOND_PASS) -> JobRecord:
    (job,) = (job for job in CallReader(database).jobs(call.id) if job.kind is kind)
    return job


def evaluate(settings: Settings, call: Call) -> CallProcessed:
    """Do the last job of a call where it is still to be done; what is announced then."""
    with closing(Database(settings.database.url)) as database:
        do(settings, the_job(database, call, JobKind.EVALUATE).id)
    processed = events_of(settings, call)[-1]
    assert isinstance(processed, CallProcessed)
    return processed


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
    revised = [event for event in events_of(settings, call) if isinstance(event, UtteranceRevised)]
    for event, utterance in zip(revised, stored, strict=True):
        assert (event.utterance_id, event.text, event.replaces) == (utterance.id, utterance.text, "final")
        assert (event.channel, event.role, event.party) == (1, "customer", "Charles")
        assert event.start_ms == samples_to_ms(utterance.final.start, RATE)
    processed = evaluate(settings, call)
    assert (processed.done, processed.failed) == (("second-pass", "evaluate"), ())


class PaidDecoder(CallDecoder):
    """Whose second pass is a paid service."""

    def revise(self, transcript: Transcript, recording: Path) -> tuple[tuple[Utterance, Revision], ...]:
        revised = super().revise(transcript, recording)
        return tuple((before, replace(text, engine="google", cost=0.5)) for before, text in revised)


async def test_what_a_paid_second_pass_asks_is_counted_over_all_jobs(settings: Settings) -> None:
    board = CounterBoard(settings.events.url)
    costs = []
    for _ in range(2):
        _, job_id = ended_call(settings, JobKind.SECOND_PASS)
        await asyncio.to_thread(do, settings, job_id, PaidDecoder(Settings(), tuple))
        costs.append((await board.read_all())[f"jobs-{settings.node.name}"][cost_of("google")])
    await board.close()
    assert costs == [0.5 * len(FINALS), 1.0 * len(FINALS)]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_call_is_scored_by_the_newest_texts_and_announced_with_what_it_failed(
    settings: Settings, database: Database, *, recorded: bool
) -> None:
    said = {"kind": "said", "speaker": "customer"}
    rules = [
        {"name": "best", "phrases": ["the vest of times"], **said},
        {"name": "thanks", "phrases": ["thank you"], **said},
    ]
    ScorecardStore(database).put("service", Scorecard.model_validate({"rules": rules}), "ann")
    call, _ = ended_call(settings, JobKind.EVALUATE, recorded=recorded)
    processed = evaluate(settings, call)
    assert (processed.score, processed.failed_rules) == (50.0, ("thanks",))
    found = ScorecardStore(database).evaluation(call.id)
    assert found is not None
    assert found.measures.customer_speech_ms == sum(samples_to_ms(said.end - said.start, RATE) for said in FINALS)


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


def test_lost_speech_is_recovered_and_then_gets_its_second_pass(
    settings: Settings, database: Database, decoder: CallDecoder
) -> None:
    call, job_id = ended_call(settings, JobKind.RECOVER)
    do(settings, job_id, decoder)

    recovered = CallReader(database).transcript(call.id).utterances[2:]
    # Twelve words, cut out of running speech: two may be wrong.
    assert word_error_rate([EPOCHS], [" ".join(found.final.text for found in recovered)]) <= 2 / 12
    assert all(LOST.start <= found.final.start < found.final.end <= SAMPLES for found in recovered)
    events = events_of(settings, call)
    assert [event.utterance_id for event in events if isinstance(event, UtteranceFinal)] == [
        utterance_id(call.id, 1, found.final.start) for found in recovered
    ]
    utterances = CallReader(database).transcript(call.id).utterances
    assert word_error_rate([f"{BEST} {WISDOM} {EPOCHS}"], [" ".join(found.text for found in utterances)]) <= 0.05
    assert sorted(evaluate(settings, call).done) == ["evaluate", "recover", "second-pass"]


def test_speech_in_a_language_that_no_engine_knows_is_given_up_at_once_and_said_so(
    settings: Settings,
    database: Database,
    decoder: CallDecoder,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    foreign = replace(settings, trunks=(TrunkSettings("main", language="de"),))
    call, job_id = ended_call(foreign, JobKind.RECOVER)
    do(foreign, job_id, CallDecoder(foreign, tuple))
    jobs = {job.kind: job for job in CallReader(database).jobs(call.id)}
    recover = jobs[JobKind.RECOVER]
    assert (recover.state, recover.attempts) == (JobState.FAILED, 1)
    assert recover.error == (
        "the engine moonshine-tiny-en does not know the language de; set an engine that does for its trunk, then retry "
        "the job"
    )
    # It is printed, or a logging record where another test has set logging up.
    assert (capsys.readouterr().out + caplog.text).count("job_failed") == 1

    assert jobs[JobKind.SECOND_PASS].state == JobState.QUEUED, "what is known gets its second pass"
    do(settings, jobs[JobKind.SECOND_PASS].id, decoder)
    assert all(found.revisions for found in CallReader(database).transcript(call.id).utterances)
    processed = evaluate(settings, call)
    assert (processed.done, processed.failed) == (("second-pass", "evaluate"), ("recover",))


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
    processed = evaluate(settings, call)
    assert events_of(settings, call) == [processed]
    assert (processed.done, processed.failed) == (("evaluate",), ("second-pass",))


def test_a_call_whose_worker_is_lost_each_time_goes_on_with_its_next_stage(
    settings: Settings, database: Database
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    jobs = JobStore(database)
    for _ in range(MAX_ATTEMPTS):
        claim(database, job_id)
        assert jobs.begin(job_id) is not None
        pass_time(settings.database.url)
    claim(database, job_id)
    do(settings, job_id, BrokenDecoder(settings, tuple))
    job = the_job(database, call)
    assert (job.state, job.error) == (JobState.FAILED, WORKER_LOST)
    processed = evaluate(settings, call)
    assert (processed.done, processed.failed) == (("evaluate",), ("second-pass",))


def test_a_worker_that_stops_leaves_the_next_stage_to_others(settings: Settings, database: Database) -> None:
    class QuietDecoder(CallDecoder):
        def revise(self, *_: object) -> tuple[()]:
            return ()

    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    with closing(JobBench(settings, QuietDecoder(settings, tuple), is_stopping=lambda: True)) as bench:
        bench.run(job_id)
    assert the_job(database, call).state is JobState.DONE
    assert the_job(database, call, JobKind.EVALUATE).state is JobState.QUEUED


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


def test_an_utterance_that_a_person_corrects_while_it_is_decoded_again_keeps_the_persons_text(
    settings: Settings, database: Database
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)

    class OvertakenDecoder(CallDecoder):
        def revise(self, transcript: Transcript, _: Path) -> tuple[tuple[Utterance, Revision], ...]:
            first = transcript.utterances[0]
            CorrectionStore(database).write(call.id, corrected(first, "a person's text", "Ann"), 0)
            return tuple(
                (said, Revision(said.id, "a machine's text", 0.9, "whisper", "second-pass"))
                for said in transcript.utterances
            )

    do(settings, job_id, OvertakenDecoder(settings, tuple))
    texts = [said.text for said in CallReader(database).transcript(call.id).utterances]
    assert texts == ["a person's text", *["a machine's text"] * (len(FINALS) - 1)]
    told = [event.text for event in events_of(settings, call) if isinstance(event, UtteranceRevised)]
    assert told == texts[1:]
    first = CallReader(database).transcript(call.id).utterances[0]
    assert [made.text for made in first.revisions] == ["a machine's text", "a person's text"]


class TellingDiarizer(CallDiarizer):
    """Gives every utterance to speaker 1; `meanwhile` a person does something."""

    def __init__(self, settings: Settings, meanwhile: Callable[[Transcript], None]) -> None:
        super().__init__(settings)
        self._meanwhile = meanwhile

    def diarize(self, transcript: Transcript, recording: Path) -> tuple[Utterance, ...]:
        self._meanwhile(transcript)
        turns = [(SpeakerTurn(1, said.final.start, said.final.end),) for said in transcript.utterances]
        return tuple(replace(said, turns=turn) for said, turn in zip(transcript.utterances, turns, strict=True))


def test_speakers_are_told_of_the_text_that_a_person_wrote_while_they_were_told_apart(
    settings: Settings, database: Database
) -> None:
    call, job_id = ended_call(settings, JobKind.DIARIZE)

    def correct(transcript: Transcript) -> None:
        CorrectionStore(database).write(call.id, corrected(transcript.utterances[0], "a person's text", "Ann"), 0)

    bench = JobBench(settings, diarizer=TellingDiarizer(settings, correct))
    bench.run(job_id)
    bench.close()
    told = [event for event in events_of(settings, call) if isinstance(event, UtteranceSpeakers)]
    assert [event.text for event in told] == ["a person's text", *(final.text for final in FINALS[1:])]
    assert told[0].turns[0].text == "a person's text"


def test_a_person_who_writes_between_the_look_and_the_telling_has_the_last_word(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, job_id = ended_call(settings, JobKind.DIARIZE)
    late = iter([True])

    def correct_first(url: str, events: Sequence[Event], length: int) -> None:
        if next(late, False):
            said = CallReader(database).transcript(call.id).utterances[0]
            CorrectionStore(database).write(call.id, corrected(said, "a person's text", "Ann"), 0)
        publish_now(url, events, length)

    monkeypatch.setattr("callscribe.jobs.tasks.publish_now", correct_first)
    bench = JobBench(settings, diarizer=TellingDiarizer(settings, lambda transcript: None))
    bench.run(job_id)
    bench.close()
    first = utterance_id(call.id, FINALS[0].channel, FINALS[0].start)
    spoken = [event for event in events_of(settings, call) if isinstance(event, UtteranceRevised | UtteranceSpeakers)]
    texts = [event.text for event in spoken if event.utterance_id == first]
    assert texts == [FINALS[0].text, "a person's text"]
