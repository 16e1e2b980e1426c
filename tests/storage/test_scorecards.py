"""Scorecards, their versions, what they found, and calls that are evaluated again."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from callscribe.domain.call import Role
from callscribe.domain.errors import CallNotFound, ScorecardOutdated
from callscribe.domain.measures import CallMeasures, ChannelMeasures, Span
from callscribe.domain.scores import CardScore, Evaluation, Evidence, RuleResult
from callscribe.domain.transcript import PERSON, Revision, utterance_id
from callscribe.text.scorecard import Scorecard
from storage.calls import CallStore
from storage.corrections import CorrectionStore
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import CallFilter, JobIntent, JobKind, JobState
from storage.scorecards import BULK_PRIORITY, ScorecardStore
from tests.storage.samples import ENDED, STARTED, make_call, make_final

pytestmark = pytest.mark.integration

MEASURES = CallMeasures(
    (ChannelMeasures(0, Role.CUSTOMER, 1000, 3), ChannelMeasures(1, Role.AGENT, 4000, 12, (7500,))),
    Span(2000, 9000),
    250,
    3000,
    Span(2000, 4000),
)


def card(*phrases: str) -> Scorecard:
    return Scorecard.model_validate({"rules": [{"name": "greeting", "kind": "said", "phrases": phrases}]})


def found(call_id: UUID, *, passed: bool, version: int = 1) -> Evaluation:
    evidence = Evidence(1000, utterance_id(call_id, 1, 8000), "thank you")
    results = (
        RuleResult("greeting", 3, False, passed, "It was said at 1.0 s.", evidence),
        RuleResult("silence", 1, True, True, "7 is within bounds.", Evidence(2000)),
        RuleResult("order", 1, False, None, "What it must come before was not said."),
    )
    return Evaluation(MEASURES, (CardScore("service", version, results),))


@pytest.fixture
def scorecards(database: Database) -> ScorecardStore:
    return ScorecardStore(database)


@pytest.fixture
def evaluated(calls: CallStore, jobs: JobStore, scorecards: ScorecardStore) -> UUID:
    """A call that was evaluated by the scorecard "service", and failed its greeting."""
    scorecards.put("service", card("hello"), "ann")
    return evaluate(calls, jobs, passed=False)


def evaluate(calls: CallStore, jobs: JobStore, *, passed: bool, days: int = 0) -> UUID:
    call = make_call(started=STARTED + timedelta(days=days), sip_call_id=str(uuid4()))
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(1, 8000, "thank you"))
    job = JobIntent.of(call.id, JobKind.EVALUATE)
    calls.end_call(call.id, ENDED, None, (job,))
    assert run(jobs, job.id, found(call.id, passed=passed))
    return call.id


def run(jobs: JobStore, job_id: UUID, evaluation: Evaluation) -> bool:
    assert jobs.begin(job_id) is not None
    return jobs.complete(job_id, evaluation=evaluation)


def states(reader: CallReader, call_id: UUID) -> list[JobState]:
    return [job.state for job in reader.jobs(call_id)]


def test_a_change_makes_a_version_and_the_same_again_makes_none(scorecards: ScorecardStore) -> None:
    assert scorecards.put("service", card("hello"), "ann").version == 1
    assert scorecards.put("service", card("hello"), "bob").version == 1
    assert scorecards.put("service", card("good morning"), "bob").version == 2
    assert [(each.name, each.version, each.card) for each in scorecards.all()] == [("service", 2, card("good morning"))]
    first = scorecards.find("service", 1)
    assert first is not None
    assert first.card == card("hello")


def test_what_is_removed_scores_no_more_and_goes_on_counting_when_it_is_made_again(scorecards: ScorecardStore) -> None:
    scorecards.put("service", card("hello"), "ann")
    assert scorecards.delete("service", "ann")
    assert not scorecards.delete("service", "ann")
    assert (scorecards.all(), scorecards.find("service")) == ((), None)
    assert scorecards.put("service", card("hello"), "ann").version == 3


def test_what_somebody_else_has_changed_is_not_written_over(scorecards: ScorecardStore) -> None:
    for change in (
        lambda: scorecards.put("shared", card("late"), "bob", expects=lambda version: version == 1),
        lambda: scorecards.delete("shared", "bob", expects=lambda version: version == 1),
    ):
        scorecards.put("shared", card("hello"), "ann")
        scorecards.put("shared", card("good morning"), "ann")
        with pytest.raises(ScorecardOutdated, match="read it again"):
            change()
        assert [each.card for each in scorecards.all()] == [card("good morning")]
    assert scorecards.delete("shared", "ann")
    assert scorecards.put("shared", card("hello"), "ann", expects=lambda version: version == 0)


def test_changes_stand_in_the_audit_log_without_what_is_on_the_scorecard(
    scorecards: ScorecardStore, database: Database
) -> None:
    scorecards.put("audited", card("secretive"), "ann")
    scorecards.put("audited", card("secretive"), "bob")
    scorecards.delete("audited", "bob")
    with database.transaction() as session:
        query = text("SELECT action, by, detail::text FROM audit WHERE subject = 'audited' ORDER BY id")
        rows = [tuple(row) for row in session.execute(query)]
    assert rows == [("scorecards.changed", "ann", '{"version": 1}'), ("scorecards.deleted", "bob", '{"version": 2}')]


def test_an_evaluation_is_read_as_it_was_written(evaluated: UUID, scorecards: ScorecardStore) -> None:
    assert scorecards.evaluation(evaluated) == found(evaluated, passed=False)
    assert scorecards.evaluation(uuid4()) is None


def test_a_record_and_lists_tell_measures_and_score(evaluated: UUID, reader: CallReader) -> None:
    record, (summary,) = reader.call(evaluated), reader.list_calls().calls
    assert (record.measures, record.score) == (summary.measures, summary.score) == (MEASURES, 25.0)


def test_calls_are_found_by_score_and_by_failed_rule(
    evaluated: UUID, calls: CallStore, jobs: JobStore, reader: CallReader
) -> None:
    good = evaluate(calls, jobs, passed=True)

    def ids(**conditions: object) -> list[UUID]:
        return [each.call.id for each in reader.list_calls(CallFilter(**conditions)).calls]  # type: ignore[arg-type]

    assert ids(score_from=25.5) == [good]
    assert ids(score_to=25) == [evaluated]
    assert ids(failed_rule="greeting") == [evaluated]
    assert ids(failed_rule="order") == []


def test_a_second_evaluation_takes_the_place_of_the_first(
    evaluated: UUID, scorecards: ScorecardStore, jobs: JobStore, reader: CallReader
) -> None:
    scorecards.put("service", card("thank you"), "ann")
    scorecards.evaluate_again(evaluated)
    scorecards.evaluate_again(evaluated)
    (job,) = reader.jobs(evaluated)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert run(jobs, job.id, found(evaluated, passed=True, version=2))
    assert scorecards.evaluation(evaluated) == found(evaluated, passed=True, version=2)


def test_an_evaluation_that_runs_is_followed_by_another(
    evaluated: UUID, scorecards: ScorecardStore, jobs: JobStore, reader: CallReader
) -> None:
    scorecards.evaluate_again(evaluated)
    assert jobs.begin(reader.jobs(evaluated)[0].id) is not None
    scorecards.evaluate_again(evaluated)
    scorecards.evaluate_again(evaluated)
    first, second = reader.jobs(evaluated)
    assert [first.state, second.state] == [JobState.RUNNING, JobState.QUEUED]
    assert (jobs.claim_due(10, 60), jobs.begin(second.id)) == ((), None), "what the first read may be older"
    assert jobs.complete(first.id)
    assert jobs.claim_due(10, 60) == (second.id,)


def test_calls_since_a_date_are_evaluated_again_and_new_ones_need_not_wait(
    evaluated: UUID,
    scorecards: ScorecardStore,
    calls: CallStore,
    jobs: JobStore,
    reader: CallReader,
    database: Database,
) -> None:
    later = evaluate(calls, jobs, passed=True, days=2)
    active = make_call(started=STARTED + timedelta(days=3), sip_call_id="still going on")
    calls.save_call(active, "node-1")
    assert scorecards.evaluate_all(CallFilter(since=STARTED + timedelta(days=1))) == 1
    assert [states(reader, each) for each in (evaluated, later, active.id)] == [[JobState.DONE], [JobState.QUEUED], []]
    with database.transaction() as session:
        assert session.scalars(text("SELECT priority FROM jobs WHERE state = 'queued'")).all() == [BULK_PRIORITY]
    assert scorecards.evaluate_all(CallFilter(trunk="main")) == 2
    assert scorecards.evaluate_all(CallFilter(trunk="other")) == 0
    assert states(reader, evaluated) == [JobState.QUEUED]


def test_a_call_that_a_person_asks_for_need_not_wait_with_the_many(
    evaluated: UUID, scorecards: ScorecardStore, database: Database
) -> None:
    scorecards.evaluate_all(CallFilter())
    scorecards.evaluate_again(evaluated)
    scorecards.evaluate_all(CallFilter())
    with database.transaction() as session:
        assert session.scalars(text("SELECT priority FROM jobs")).all() == [0]


def test_a_call_that_is_still_to_be_evaluated_is_evaluated_once(
    scorecards: ScorecardStore, calls: CallStore, jobs: JobStore, reader: CallReader
) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    bleep, evaluation = JobIntent.of(call.id, JobKind.BLEEP), JobIntent.of(call.id, JobKind.EVALUATE)
    calls.end_call(call.id, ENDED, None, (bleep,))
    scorecards.evaluate_again(call.id)
    assert [job.id for job in reader.jobs(call.id)] == [bleep.id]
    assert jobs.complete(bleep.id, follow=(evaluation,))
    assert {job.id for job in reader.jobs(call.id)} == {bleep.id, evaluation.id}


def test_a_text_that_is_written_while_the_call_is_evaluated_is_evaluated_after_that(
    evaluated: UUID, scorecards: ScorecardStore, jobs: JobStore, calls: CallStore, reader: CallReader
) -> None:
    diarize = JobIntent.of(evaluated, JobKind.DIARIZE)
    calls.end_call(evaluated, ENDED, None, (diarize,))
    scorecards.evaluate_again(evaluated)
    assert jobs.begin(JobIntent.of(evaluated, JobKind.EVALUATE).id) is not None
    assert jobs.complete(diarize.id)
    kinds = [(job.kind, job.state) for job in reader.jobs(evaluated) if job.kind is JobKind.EVALUATE]
    assert sorted(kinds) == [(JobKind.EVALUATE, JobState.QUEUED), (JobKind.EVALUATE, JobState.RUNNING)]


def test_a_call_of_an_earlier_release_can_be_evaluated(
    scorecards: ScorecardStore, calls: CallStore, reader: CallReader
) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    with pytest.raises(CallNotFound):
        scorecards.evaluate_again(call.id)
    calls.end_call(call.id, ENDED, None)
    scorecards.evaluate_again(call.id)
    assert [(job.kind, job.state) for job in reader.jobs(call.id)] == [(JobKind.EVALUATE, JobState.QUEUED)]


def test_a_later_job_of_the_call_has_it_evaluated_again(evaluated: UUID, database: Database, jobs: JobStore) -> None:
    again = uuid4()
    with database.transaction() as session:
        insert = "INSERT INTO jobs (id, call_id, kind, ranges) VALUES (:id, :call, 'second-pass', '[]')"
        session.execute(text(insert), {"id": again, "call": evaluated})
    assert jobs.begin(again) is not None
    assert jobs.complete(again)
    with database.transaction() as session:
        assert session.scalars(text("SELECT kind FROM jobs WHERE state = 'queued'")).all() == ["evaluate"]


def test_a_call_that_a_person_corrects_is_evaluated_again(
    evaluated: UUID, database: Database, reader: CallReader
) -> None:
    said = reader.transcript(evaluated).utterances[0]
    CorrectionStore(database).write(evaluated, Revision(said.id, "hello", 1.0, "", PERSON, by="ann"), 0)
    assert states(reader, evaluated) == [JobState.QUEUED]


def test_what_was_found_goes_with_its_call(evaluated: UUID, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM calls"))
        left = (session.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("call_measures", "rule_results"))
        assert list(left) == [0, 0]
