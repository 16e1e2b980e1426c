"""Jobs: handed out once at a time, done once, tried again with patience."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from callscribe.domain.errors import StorageError
from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Correction, Revision, Word, utterance_id
from callscribe.text.redaction.masking import RedactionPolicy
from storage.calls import CallStore
from storage.database import Database
from storage.job_lists import JobFilter, JobLists
from storage.jobs import MAX_ATTEMPTS, WORKER_LOST, JobStore, back_off
from storage.reader import CallReader
from storage.records import ChannelRange, JobIntent, JobKind, JobRecord, JobState
from tests.storage.samples import ENDED, fail_once, make_call, make_final, make_recording

pytestmark = pytest.mark.integration


def let_leases_end(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"))


@pytest.fixture
def ended(calls: CallStore) -> JobIntent:
    """The second pass of an ended call with two finals, at 0 and 8000 of channel 0."""
    call = make_call()
    calls.save_call(call, "node-1")
    for start, said in ((0, "hello wold"), (8000, "good by")):
        calls.save_final(call.id, make_final(0, start, said))
    job = JobIntent.of(call.id, JobKind.SECOND_PASS)
    calls.end_call(call.id, ENDED, make_recording(call), (job,))
    return job


def call_of(database: Database, job: JobIntent) -> UUID:
    with database.transaction() as session:
        found = session.scalar(text("SELECT call_id FROM jobs WHERE id = :id").columns(), {"id": job.id})
    assert isinstance(found, UUID)
    return found


def record(database: Database, job: JobIntent) -> JobRecord:
    return next(found for found in CallReader(database).jobs(call_of(database, job)) if found.id == job.id)


def better(call_id: UUID, start: int, said: str) -> Revision:
    words = (Word(said.split()[0], start, start + 100, 0.99),)
    return Revision(
        utterance_id=utterance_id(call_id, 0, start),
        text=said,
        confidence=0.95,
        engine="whisper-tiny.en",
        reason="second-pass",
        words=words,
        spoken=f"{said} as spoken",
        corrections=(Correction("acne", "Acme", 0.75),),
    )


def test_a_begun_job_brings_what_it_needs(jobs: JobStore, reader: CallReader, calls: CallStore) -> None:
    call = make_call()
    calls.save_call(call, "node-7")
    job = JobIntent.of(call.id, JobKind.RECOVER, (ChannelRange(0, 100, 900), ChannelRange(1, 0, 900)))
    calls.end_call(call.id, ENDED, make_recording(call), (job,))
    assert jobs.claim_due(10, 60) == (job.id,)
    work = jobs.begin(job.id)
    assert work is not None
    assert (work.id, work.kind, work.call, work.node) == (job.id, JobKind.RECOVER, call, "node-7")
    assert (work.recording, work.ranges, work.attempt) == (make_recording(call), job.ranges, 1)


def test_what_is_done_again_for_old_calls_waits_for_what_new_ones_need(jobs: JobStore, calls: CallStore) -> None:
    found = []
    for priority in (1, 0):
        call = make_call()
        calls.save_call(call, "node-1")
        found.append(replace(JobIntent.of(call.id, JobKind.EVALUATE), priority=priority))
        calls.end_call(call.id, ENDED, make_recording(call), found[-1:])
    assert jobs.claim_due(1, 60) == (found[1].id,)
    assert jobs.claim_due(2, 60) == (found[0].id,)


def test_a_claimed_job_is_due_again_when_nobody_begins_it(jobs: JobStore, database: Database, ended: JobIntent) -> None:
    assert jobs.claim_due(10, 60) == (ended.id,)
    assert jobs.claim_due(10, 60) == ()
    let_leases_end(database)
    assert jobs.claim_due(10, 60) == (ended.id,)


def test_callers_at_the_same_time_claim_different_jobs(jobs: JobStore, calls: CallStore) -> None:
    wanted = set()
    for _ in range(12):
        call = make_call()
        calls.save_call(call, "node-1")
        job = JobIntent.of(call.id, JobKind.SECOND_PASS)
        calls.end_call(call.id, ENDED, None, (job,))
        wanted.add(job.id)
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: jobs.claim_due(3, 60), range(8)))
    claimed = [job_id for claim in claims for job_id in claim]
    assert len(claimed) == 12
    assert set(claimed) == wanted


def test_a_message_that_is_delivered_twice_begins_the_job_once(jobs: JobStore, ended: JobIntent) -> None:
    assert jobs.begin(ended.id) is not None
    assert jobs.begin(ended.id) is None
    assert jobs.complete(ended.id) is True
    assert jobs.begin(ended.id) is None
    assert jobs.begin(uuid4()) is None


def test_a_job_whose_worker_died_is_begun_again(jobs: JobStore, database: Database, ended: JobIntent) -> None:
    jobs.begin(ended.id)
    assert jobs.claim_due(10, 60) == ()
    let_leases_end(database)
    assert jobs.claim_due(10, 60) == (ended.id,)
    work = jobs.begin(ended.id)
    assert work is not None
    assert work.attempt == 2


def test_a_job_that_kills_every_worker_is_begun_once_more_to_be_given_up(
    jobs: JobStore, database: Database, ended: JobIntent
) -> None:
    begun = []
    for _ in range(MAX_ATTEMPTS + 2):
        assert jobs.claim_due(10, 60) == (ended.id,)
        begun.append(jobs.begin(ended.id))
        let_leases_end(database)
    assert [work and (work.attempt, work.spent) for work in begun] == [
        *((number, False) for number in range(1, MAX_ATTEMPTS + 1)), (MAX_ATTEMPTS, True), (MAX_ATTEMPTS, True)
    ]  # fmt: skip
    assert jobs.fail(ended.id, WORKER_LOST, hopeless=True) is False
    found = record(database, ended)
    assert (found.state, found.attempts, found.error) == (JobState.FAILED, MAX_ATTEMPTS, WORKER_LOST)
    assert jobs.claim_due(10, 60) == ()


def test_a_renewed_job_is_left_alone(jobs: JobStore, database: Database, ended: JobIntent) -> None:
    jobs.begin(ended.id)
    let_leases_end(database)
    assert jobs.renew(ended.id, 60) is True
    assert jobs.claim_due(10, 60) == ()
    jobs.complete(ended.id)
    assert jobs.renew(ended.id, 60) is False


def test_results_are_written_once_beside_the_finals(
    jobs: JobStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    revisions = (better(call_id, 0, "hello world"), better(call_id, 8000, "good bye"))
    jobs.begin(ended.id)
    assert jobs.complete(ended.id, revisions=revisions) is True
    assert jobs.complete(ended.id, revisions=(better(call_id, 0, "again"),)) is False
    utterances = reader.transcript(call_id).utterances
    assert [u.final.text for u in utterances] == ["hello wold", "good by"]
    assert [u.revisions for u in utterances] == [(revisions[0],), (revisions[1],)]
    assert [u.text for u in utterances] == ["hello world", "good bye"]


def test_another_job_adds_a_newer_revision(
    jobs: JobStore, calls: CallStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    jobs.complete(ended.id, revisions=(better(call_id, 0, "hello world"),))
    again = JobIntent(uuid4(), JobKind.SECOND_PASS)
    calls.end_call(call_id, ENDED, None, (again,))
    jobs.complete(again.id, revisions=(better(call_id, 0, "hello, world"),))
    assert [r.text for r in reader.transcript(call_id).utterances[0].revisions] == ["hello world", "hello, world"]


def test_what_a_later_job_masks_is_masked_in_older_revisions_too(
    jobs: JobStore, calls: CallStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    said = ("it's", "four", "one", "one", "one")
    heard = tuple(Word(word, n * 1600, n * 1600 + 300, 0.9) for n, word in enumerate(said))
    jobs.complete(
        ended.id,
        revisions=(
            replace(better(call_id, 0, "it's four one one one"), words=heard),
            better(call_id, 8000, "good bye"),
        ),
    )
    masks = (Redaction("card", 1600, 6700),)
    again = JobIntent(uuid4(), JobKind.SECOND_PASS)
    calls.end_call(call_id, ENDED, None, (again,))
    masked = replace(better(call_id, 0, "it's <card>"), redactions=masks)
    assert jobs.complete(again.id, revisions=(masked,), policy=RedactionPolicy.of(("card",), "<{kind}>"))
    first, second = reader.transcript(call_id).utterances
    assert [made.text for made in first.revisions] == ["it's <card>", "it's <card>"]
    assert [word.text for word in first.revisions[0].words] == ["it's", "<card>"]
    assert {found.kind for found in first.revisions[0].redactions} == {"card"}
    assert "four" not in str(first.revisions)
    assert [made.text for made in second.revisions] == ["good bye"]


def test_a_final_that_is_masked_later_masks_its_revisions(
    jobs: JobStore, calls: CallStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    jobs.complete(ended.id, revisions=(replace(better(call_id, 0, "four one one one"), words=()),))
    again = JobIntent(uuid4(), JobKind.RECOVER)
    calls.end_call(call_id, ENDED, None, (again,))
    final = replace(make_final(0, 0, "[card]"), spoken="", redactions=(Redaction("card", 0, 8000),))
    assert jobs.complete(again.id, masked=(final,), policy=RedactionPolicy.of(("card",)))
    [first, _] = reader.transcript(call_id).utterances
    assert first.final.text == "[card]"
    assert [made.text for made in first.revisions] == ["[card]"]


def test_a_call_costs_what_its_finals_and_revisions_do(
    jobs: JobStore, calls: CallStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    before = reader.call(call_id).cost
    finals = reader.transcript(call_id).utterances
    assert before == pytest.approx(0.25 * len(finals))
    jobs.complete(ended.id, revisions=(replace(better(call_id, 0, "hello world"), cost=0.125),))
    assert reader.call(call_id).cost == pytest.approx(before + 0.125)
    assert reader.transcript(call_id).utterances[0].revisions[0].cost == 0.125


def test_recovered_finals_come_with_the_job_that_follows(jobs: JobStore, calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "heard live"))
    recover = JobIntent.of(call.id, JobKind.RECOVER, (ChannelRange(0, 8000, 16_000),))
    calls.end_call(call.id, ENDED, make_recording(call), (recover,))
    finals = (make_final(0, 0, "heard again"), make_final(0, 8000, "heard later"))
    follow = JobIntent.of(call.id, JobKind.SECOND_PASS)
    jobs.begin(recover.id)
    jobs.complete(recover.id, finals=finals, follow=(follow,))
    assert [u.text for u in reader.transcript(call.id).utterances] == ["heard live", "heard later"]
    assert jobs.claim_due(10, 60) == (follow.id,)


def test_a_revision_of_a_foreign_utterance_undoes_the_whole_result(
    jobs: JobStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    jobs.begin(ended.id)
    with pytest.raises(StorageError, match="utterance"):
        jobs.complete(ended.id, revisions=(better(call_id, 0, "hello world"), better(uuid4(), 0, "who")))
    assert reader.transcript(call_id).utterances[0].revisions == ()
    assert record(database, ended).state == JobState.RUNNING


def test_back_off_grows_fourfold_up_to_an_hour() -> None:
    assert [back_off(attempt).total_seconds() for attempt in range(1, 6)] == [30, 120, 480, 1920, 3600]


def test_a_failed_job_waits_and_is_given_up_after_five_attempts(
    jobs: JobStore, database: Database, ended: JobIntent
) -> None:
    jobs.begin(ended.id)
    assert jobs.fail(ended.id, "The model is missing.") is True
    found = record(database, ended)
    assert (found.state, found.error, found.attempts) == (JobState.QUEUED, "The model is missing.", 1)
    assert found.started_at is not None
    assert timedelta(seconds=29) < found.due_at - found.started_at < timedelta(seconds=40)
    assert jobs.claim_due(10, 60) == ()
    assert jobs.begin(ended.id) is None
    assert [fail_once(database, ended.id, "It is still missing.") for _ in range(4)] == [True, True, True, False]
    found = record(database, ended)
    assert (found.state, found.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
    assert found.finished_at is not None


def test_a_hopeless_job_is_given_up_at_once_and_what_follows_from_it_becomes_due(
    jobs: JobStore, database: Database, ended: JobIntent
) -> None:
    work = jobs.begin(ended.id)
    assert work is not None
    after = JobIntent.of(work.call.id, JobKind.RECOVER)
    assert jobs.fail(ended.id, "Nobody knows the language.", hopeless=True, follow=(after,)) is False
    assert record(database, ended).state == JobState.FAILED
    assert record(database, after).state == JobState.QUEUED


def test_what_follows_from_a_job_waits_as_long_as_it_may_succeed(
    jobs: JobStore, database: Database, ended: JobIntent
) -> None:
    work = jobs.begin(ended.id)
    assert work is not None
    assert jobs.fail(ended.id, "Not yet.", follow=(JobIntent.of(work.call.id, JobKind.RECOVER),)) is True
    assert [count.state for count in JobLists(database).counts()] == [JobState.QUEUED]


def test_a_given_up_job_can_be_tried_again(jobs: JobStore, database: Database, ended: JobIntent) -> None:
    again = JobLists(database)
    assert again.retry(JobFilter(), [ended.id]) == 0
    for _ in range(MAX_ATTEMPTS):
        fail_once(database, ended.id, "No.")
    assert again.retry(JobFilter(), [ended.id]) == 1
    work = jobs.begin(ended.id)
    assert work is not None
    assert work.attempt == 1
    jobs.complete(ended.id)
    assert record(database, ended).error == ""


@pytest.mark.parametrize("over", [JobState.DONE, JobState.FAILED])
def test_a_call_is_bleeped_again_when_a_later_job_masks_more(
    jobs: JobStore, reader: CallReader, database: Database, ended: JobIntent, over: JobState
) -> None:
    call_id = call_of(database, ended)
    bleep, again = JobIntent.of(call_id, JobKind.BLEEP), JobIntent(uuid4(), JobKind.SECOND_PASS)
    assert jobs.complete(ended.id, follow=(bleep, again))
    assert jobs.begin(bleep.id) is not None
    jobs.complete(bleep.id) if over is JobState.DONE else jobs.fail(bleep.id, "No.", hopeless=True)
    assert record(database, bleep).state is over
    assert jobs.complete(again.id, revisions=(better(call_id, 0, "hello"),))
    assert record(database, bleep).state is over, "nothing is masked in it"
    last = JobIntent(uuid4(), JobKind.SECOND_PASS)
    CallStore(database).end_call(call_id, ENDED, None, (last,))
    masked = replace(better(call_id, 0, "[card]"), redactions=(Redaction("card", 0, 4000),))
    assert jobs.complete(last.id, revisions=(masked,))
    found = record(database, bleep)
    assert (found.state, found.attempts) == (JobState.QUEUED, 0)


def test_a_call_that_is_being_bleeped_is_bleeped_once_more_after_that(
    jobs: JobStore, reader: CallReader, database: Database, ended: JobIntent
) -> None:
    call_id = call_of(database, ended)
    bleep, follow = JobIntent.of(call_id, JobKind.BLEEP), JobIntent(uuid4(), JobKind.RECOVER)
    assert jobs.complete(ended.id, follow=(bleep, follow))
    assert jobs.begin(bleep.id) is not None
    assert jobs.complete(
        follow.id, finals=(replace(make_final(0, 20_000, "[pin]"), redactions=(Redaction("pin", 0, 9),)),)
    )
    states = [job.state for job in reader.jobs(call_id) if job.kind is JobKind.BLEEP]
    assert sorted(states) == [JobState.QUEUED, JobState.RUNNING]
