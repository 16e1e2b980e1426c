"""Webhooks against a receiver on loopback, over the real database."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from callscribe.config.webhooks import WebhookSettings
from callscribe.jobs.webhooks import NotDelivered, WebhookSender, post, retry_after_s, sign
from storage.calls import CallStore
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import DeliveryState, JobIntent, JobKind
from storage.scorecards import ScorecardStore
from storage.webhooks import Delivery, WebhookStore
from tests.storage.samples import ENDED, make_call, make_final, make_recording
from tests.webhooks import SECRET, Receiver, receiving

pytestmark = pytest.mark.integration


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def hook_of(receiver: Receiver, timeout_s: float = 10.0) -> WebhookSettings:
    return WebhookSettings("crm", receiver.url, SECRET, timeout_s=timeout_s)


@pytest.fixture
def call_id(database: Database) -> UUID:
    """A call of which nothing is left to do."""
    call = make_call()
    calls, jobs = CallStore(database), JobStore(database, lambda trunk: ("crm",))
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "zanzibar"))
    job = JobIntent.of(call.id, JobKind.EVALUATE)
    calls.end_call(call.id, ENDED, make_recording(call), (job,))
    assert jobs.begin(job.id)
    assert jobs.complete(job.id)
    return call.id


def sender_to(hook: WebhookSettings, database: Database) -> WebhookSender:
    return WebhookSender(hook, WebhookStore(database), CallReader(database), ScorecardStore(database))


def the_delivery(database: Database) -> Delivery:
    [delivery] = WebhookStore(database).deliveries().deliveries
    return delivery


def let_time_pass(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE webhook_deliveries SET due_at = now()"))


def test_the_signature_is_that_of_the_schemes_published_example() -> None:
    hook = WebhookSettings("crm", "https://crm.example.com", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(hook.keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_that_fails_once_gets_the_same_again_with_nothing_that_was_said(
    database: Database, receiver: Receiver, call_id: UUID
) -> None:
    receiver.statuses = [500, 200]
    sender = sender_to(hook_of(receiver), database)
    assert sender.send_next()
    waiting = the_delivery(database)
    assert (waiting.state, waiting.error) == (DeliveryState.QUEUED, "The receiver answered with status 500.")
    assert not sender.send_next()
    let_time_pass(database)
    assert sender.send_next()
    done = the_delivery(database)
    assert (done.state, done.attempts, done.error) == (DeliveryState.DONE, 2, "")
    assert not sender.send_next()
    assert sender.counters() == {"webhooks_sent:crm": 1, "webhooks_failed:crm": 1, "webhooks_dead:crm": 0}

    (_, first, body), (path, headers, again) = receiver.got
    assert (path, body, first["webhook-id"]) == ("/calls", again, headers["webhook-id"])
    told = json.loads(body)
    at = done.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert told == {
        "call_id": str(call_id), "at": at, "type": "call.processed",
        "done": ["evaluate"], "failed": [], "score": None, "failed_rules": [], "processing": 1, "trunk": "main",
        "outside_ids": {"sip-call-id": "abc@pbx", "siprec-session": "session-1", "siprec-group": "group-1",
                        "ucid": "00FA08"},
        "transcript": f"/api/v1/calls/{call_id}/transcript",
    }  # fmt: skip
    assert b"zanzibar" not in body
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(("status", "state"), [(410, DeliveryState.DEAD), (404, DeliveryState.QUEUED)])
def test_a_receiver_that_is_gone_is_left_alone_until_somebody_asks(
    database: Database, receiver: Receiver, call_id: UUID, status: int, state: DeliveryState
) -> None:
    receiver.statuses = [status]
    sender = sender_to(hook_of(receiver), database)
    assert sender.send_next()
    assert the_delivery(database).state is state
    assert WebhookStore(database).retry(the_delivery(database).id) is (state is DeliveryState.DEAD)
    assert sender.send_next() is (state is DeliveryState.DEAD)


def test_of_each_secret_there_is_a_signature(receiver: Receiver) -> None:
    old = "another one, which stood here before"
    post(WebhookSettings("crm", receiver.url, SECRET, (old,)), "1", b"{}")
    [(_, headers, _)] = receiver.got
    at = int(headers["webhook-timestamp"])
    one, other = (sign([secret.encode()], "1", at, b"{}") for secret in (SECRET, old))
    assert headers["webhook-signature"] == f"{one} {other}"


def test_a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_says(
    database: Database, receiver: Receiver, call_id: UUID
) -> None:
    receiver.statuses, receiver.retry_after = [429], "120"
    sender = sender_to(hook_of(receiver), database)
    assert sender.send_next()
    let_time_pass(database)
    assert not sender.send_next()
    assert WebhookStore(database).resume("crm")
    assert sender.send_next()
    assert the_delivery(database).state is DeliveryState.DONE


def test_when_to_come_again_is_told_in_seconds_or_as_a_time() -> None:
    now = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    told = {"120": 120, "0": 0, "Sun, 22 Nov 2026 08:01:00 GMT": 60, "Sun, 22 Nov 2026 07:00:00 -0000": 0}
    assert {text: retry_after_s(text, now) for text in told} == told
    beyond = (
        "Sun, 99 Nov 2026 08:00:00 GMT",
        f"Sun, 22 Nov {'9' * 20} 08:00:00 GMT",
        f"Sun, 22 Nov 2026 08:00:00 +{'9' * 14}",
    )
    assert [retry_after_s(text, now) for text in ("", "soon", "-1", "1.5", "²", *beyond)] == [None] * 8


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    for status in (302, 307):
        receiver.statuses = [status]
        with pytest.raises(NotDelivered, match=f"status {status}"):
            post(hook_of(receiver), "1", b"{}")
    assert [path for path, _, _ in receiver.got] == ["/calls", "/calls"]


def test_a_receiver_that_does_not_answer_is_not_waited_for_long(receiver: Receiver) -> None:
    receiver.statuses = [0]
    with pytest.raises(NotDelivered, match="it took too long"):
        post(hook_of(receiver, timeout_s=1), "1", b"{}")


def test_a_receiver_that_is_not_there_is_told_so() -> None:
    with pytest.raises(NotDelivered, match="could not be reached: Connection refused"):
        post(WebhookSettings("crm", "http://127.0.0.1:1/", SECRET), "1", b"{}")


def test_a_call_that_is_erased_while_it_is_sent_is_told_to_nobody(
    database: Database, receiver: Receiver, call_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks = WebhookStore(database)
    claimed = webhooks.claim("crm", "of the receiver", 60)
    monkeypatch.setattr(webhooks, "claim", lambda hook, address, lease_s: claimed)
    with database.transaction() as session:
        session.execute(text("DELETE FROM calls"))
    sender = WebhookSender(hook_of(receiver), webhooks, CallReader(database), ScorecardStore(database))
    assert sender.send_next()
    assert receiver.got == []
