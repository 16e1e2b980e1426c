"""Deliveries to webhooks: one for each webhook and processing, written with the end of the last job."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from storage.calls import CallStore
from storage.database import Database
from storage.jobs import JobStore
from storage.records import DeliveryState, JobIntent, JobKind
from storage.webhooks import MAX_ATTEMPTS, Delivery, Hold, WebhookStore, back_off
from tests.storage.samples import ENDED, make_call, make_recording

pytestmark = pytest.mark.integration

ADDRESS = "of the receiver"
HOOKS = {"main": ("crm", "archive"), "other": ()}


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database, HOOKS.__getitem__)


@pytest.fixture
def webhooks(database: Database) -> WebhookStore:
    return WebhookStore(database)


def end(calls: CallStore, *kinds: JobKind, trunk: str = "main") -> UUID:
    """A call that has ended with these jobs."""
    call = make_call(trunk=trunk)
    calls.save_call(call, "node-1")
    calls.end_call(call.id, ENDED, make_recording(call), tuple(JobIntent.of(call.id, kind) for kind in kinds))
    return call.id


def job(call_id: UUID, kind: JobKind = JobKind.EVALUATE) -> UUID:
    return JobIntent.of(call_id, kind).id


def processed(calls: CallStore, jobs: JobStore) -> UUID:
    """A call of which nothing is left to do."""
    call_id = end(calls, JobKind.EVALUATE)
    assert jobs.begin(job(call_id))
    assert jobs.complete(job(call_id))
    return call_id


def let_time_pass(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE webhook_deliveries SET due_at = now(), lease_until = NULL"))


def told(webhooks: WebhookStore) -> set[tuple[str, UUID, int]]:
    return {(one.hook, one.call_id, one.processing) for one in webhooks.deliveries().deliveries}


def test_the_end_of_the_last_job_tells_every_webhook_of_the_trunk_once(
    calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    call_id = end(calls, JobKind.SECOND_PASS, JobKind.BLEEP)
    assert jobs.begin(job(call_id, JobKind.BLEEP))
    assert jobs.begin(job(call_id, JobKind.SECOND_PASS))
    assert jobs.complete(job(call_id, JobKind.SECOND_PASS))
    assert told(webhooks) == set()
    assert not jobs.fail(job(call_id, JobKind.BLEEP), "It broke.", hopeless=True)
    assert told(webhooks) == {("crm", call_id, 1), ("archive", call_id, 1)}
    assert not jobs.complete(job(call_id, JobKind.SECOND_PASS))
    assert len(webhooks.deliveries().deliveries) == 2
    other = end(calls, JobKind.EVALUATE, trunk="other")
    assert jobs.begin(job(other))
    assert jobs.complete(job(other))
    assert len(webhooks.deliveries().deliveries) == 2


def test_of_jobs_that_end_together_one_is_the_last(calls: CallStore, jobs: JobStore, webhooks: WebhookStore) -> None:
    kinds = (JobKind.SECOND_PASS, JobKind.DIARIZE, JobKind.BLEEP, JobKind.EVALUATE)
    ended = [end(calls, *kinds) for _ in range(5)]
    todo = [job(call_id, kind) for call_id in ended for kind in kinds]
    for one in todo:
        assert jobs.begin(one)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: jobs.fail(one, "It broke.", hopeless=True), todo))
    found = webhooks.deliveries().deliveries
    assert sorted(one.call_id for one in found if one.hook == "crm") == sorted(ended)
    assert {one.processing for one in found} == {1}


def test_a_job_that_follows_or_comes_again_is_waited_for(
    calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    call_id = end(calls, JobKind.BLEEP)
    assert jobs.begin(job(call_id, JobKind.BLEEP))
    assert jobs.complete(job(call_id, JobKind.BLEEP), follow=(JobIntent.of(call_id, JobKind.EVALUATE),))
    assert jobs.begin(job(call_id))
    assert jobs.fail(job(call_id), "Later.")
    assert told(webhooks) == set()


def test_a_job_that_every_worker_was_lost_with_is_told_too(
    database: Database, calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    call_id = end(calls, JobKind.EVALUATE)
    assert jobs.begin(job(call_id))
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET attempts = 5, lease_until = now()"))
    for lost in jobs.claim_due(10, 60):
        assert jobs.begin(lost)
        assert not jobs.fail(lost, "The worker was lost.")
    assert told(webhooks) == {("crm", call_id, 1), ("archive", call_id, 1)}


def test_another_evaluation_is_another_delivery(
    database: Database, calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    call_id = processed(calls, jobs)
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET state = 'queued', finished_at = NULL"))
    assert jobs.begin(job(call_id))
    assert jobs.complete(job(call_id))
    assert told(webhooks) == {(hook, call_id, number) for hook in ("crm", "archive") for number in (1, 2)}


def test_a_delivery_is_claimed_by_one_and_sent_once(calls: CallStore, jobs: JobStore, webhooks: WebhookStore) -> None:
    processed(calls, jobs)
    delivery = webhooks.claim("crm", ADDRESS, 60)
    assert delivery is not None
    assert webhooks.claim("crm", ADDRESS, 60) is None
    webhooks.note_sent(delivery.id)
    webhooks.note_sent(delivery.id)
    [done] = webhooks.deliveries(DeliveryState.DONE).deliveries
    assert (done.id, done.attempts, done.error, done.finished_at is None) == (delivery.id, 1, "", False)
    assert not webhooks.retry(delivery.id)


def test_a_lost_workers_delivery_is_claimed_again(calls: CallStore, jobs: JobStore, webhooks: WebhookStore) -> None:
    processed(calls, jobs)
    lost = webhooks.claim("crm", ADDRESS, 0)
    again = webhooks.claim("crm", ADDRESS, 60)
    assert lost is not None
    assert again is not None
    assert again.id == lost.id


def test_a_delivery_is_given_up_after_its_attempts_and_can_be_tried_again(
    database: Database, calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    processed(calls, jobs)
    answers = []
    for _ in range(MAX_ATTEMPTS):
        let_time_pass(database)
        delivery = webhooks.claim("crm", ADDRESS, 60)
        assert delivery is not None
        answers.append(webhooks.note_failed(delivery.id, "The receiver answered with status 500."))
        assert webhooks.claim("crm", ADDRESS, 60) is None
    assert answers == [True] * (MAX_ATTEMPTS - 1) + [False]
    [dead] = webhooks.deliveries(DeliveryState.DEAD).deliveries
    assert (dead.attempts, dead.error) == (MAX_ATTEMPTS, "The receiver answered with status 500.")
    assert webhooks.retry(dead.id)
    again = webhooks.claim("crm", ADDRESS, 60)
    assert again is not None
    assert (again.id, again.attempts) == (dead.id, 0)
    assert not webhooks.note_failed(again.id, "The receiver answered with status 410.", hopeless=True)


def due_in_s(database: Database, webhooks: WebhookStore) -> float:
    """Until the crm's delivery is due."""
    [queued] = [one for one in webhooks.deliveries(DeliveryState.QUEUED).deliveries if one.hook == "crm"]
    return (queued.due_at - datetime.now(UTC)).total_seconds()


def test_a_receiver_that_asks_for_time_gets_nothing_meanwhile(
    database: Database, calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    processed(calls, jobs)
    delivery = webhooks.claim("crm", ADDRESS, 60)
    assert delivery is not None
    assert webhooks.note_failed(delivery.id, "The receiver answered with status 429.", hold=Hold(ADDRESS, 100.0))
    assert 95 < due_in_s(database, webhooks) < 101
    processed(calls, jobs)
    assert webhooks.claim("crm", ADDRESS, 60) is None
    [held] = webhooks.held()
    assert (held.hook, held.reason, held.queued) == ("crm", "The receiver answered with status 429.", 2)
    assert held.until is not None
    # Other webhooks, and another address of this one, did not ask for it.
    assert webhooks.claim("archive", ADDRESS, 60) is not None
    other = webhooks.claim("crm", "elsewhere", 60)
    assert other is not None
    with database.transaction() as session:
        session.execute(text("UPDATE webhook_holds SET until = now()"))
    assert webhooks.held() == ()


def test_a_held_webhook_that_goes_on_sends_at_once_what_waited(
    calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    processed(calls, jobs)
    delivery = webhooks.claim("crm", ADDRESS, 60)
    assert delivery is not None
    assert webhooks.note_failed(delivery.id, "Later.", hold=Hold(ADDRESS, 80_000.0))
    assert webhooks.claim("crm", ADDRESS, 60) is None
    assert webhooks.resume("crm")
    again = webhooks.claim("crm", ADDRESS, 60)
    assert again is not None
    assert again.id == delivery.id


def test_what_was_under_way_when_a_receiver_went_does_not_bring_it_back(
    calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    for _ in range(2):
        processed(calls, jobs)
    busy, gone = webhooks.claim("crm", ADDRESS, 60), webhooks.claim("crm", ADDRESS, 60)
    assert busy is not None
    assert gone is not None
    assert not webhooks.note_failed(gone.id, "Gone.", hopeless=True, hold=Hold(ADDRESS))
    assert webhooks.note_failed(busy.id, "Later.", hold=Hold(ADDRESS, 1.0))
    [held] = webhooks.held()
    assert (held.until, held.reason) == (None, "Gone.")


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(1.0, 25, 31), (1e12, 86_000, 86_401)])
def test_no_receiver_is_asked_sooner_than_usual_or_later_than_in_a_day(
    database: Database,
    calls: CallStore,
    jobs: JobStore,
    webhooks: WebhookStore,
    asked_s: float,
    least_s: float,
    most_s: float,
) -> None:
    processed(calls, jobs)
    delivery = webhooks.claim("crm", ADDRESS, 60)
    assert delivery is not None
    assert webhooks.note_failed(delivery.id, "Later.", hold=Hold(ADDRESS, asked_s))
    assert least_s < due_in_s(database, webhooks) < most_s


def test_a_receiver_that_is_gone_gets_nothing_until_somebody_has_it_go_on(
    calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    def refuse() -> Delivery:
        delivery = webhooks.claim("crm", ADDRESS, 60)
        assert delivery is not None
        assert not webhooks.note_failed(delivery.id, "Gone.", hopeless=True, hold=Hold(ADDRESS))
        assert webhooks.claim("crm", ADDRESS, 60) is None
        return delivery

    for _ in range(3):
        processed(calls, jobs)
    refuse()
    [held] = webhooks.held()
    assert (held.until, held.queued) == (None, 2)
    assert webhooks.resume("crm")
    assert not webhooks.resume("crm")
    dead = refuse()
    assert webhooks.retry(dead.id)
    assert webhooks.held() == ()
    assert webhooks.claim("crm", ADDRESS, 60) is not None


def test_new_calls_are_told_before_those_that_are_evaluated_again_in_bulk(
    database: Database, calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    old = [processed(calls, jobs) for _ in range(3)]
    with database.transaction() as session:
        session.execute(text("UPDATE webhook_deliveries SET state = 'done', finished_at = now()"))
        session.execute(text("UPDATE jobs SET state = 'queued', priority = 5, finished_at = NULL"))
    for call_id in old:
        assert jobs.begin(job(call_id))
        assert jobs.complete(job(call_id))
    new = processed(calls, jobs)
    claimed = [webhooks.claim("crm", ADDRESS, 60) for _ in range(5)]
    assert [each and each.call_id for each in claimed] == [new, *old, None]


def test_attempts_are_spread_over_a_day_and_a_half() -> None:
    waits = [back_off(attempt).total_seconds() for attempt in range(1, MAX_ATTEMPTS)]
    assert waits == [30, 120, 480, 1920, 7680, 30_720, 86_400]


def test_deliveries_are_listed_by_pages_and_go_with_their_call(
    database: Database, calls: CallStore, jobs: JobStore, webhooks: WebhookStore
) -> None:
    processed(calls, jobs)
    first = webhooks.deliveries(limit=1)
    assert first.cursor is not None
    second = webhooks.deliveries(limit=1, cursor=first.cursor)
    assert second.cursor is None
    assert first.deliveries[0].id > second.deliveries[0].id
    with pytest.raises(ValueError, match="cursor"):
        webhooks.deliveries(cursor="x")
    with database.transaction() as session:
        session.execute(text("DELETE FROM calls"))
    assert webhooks.deliveries().deliveries == ()
