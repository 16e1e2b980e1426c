"""Calls of which a webhook's receiver does not want to hear."""

from storage.jobs import JobStore
from storage.records import JobIntent, JobKind
from storage.webhooks import Hold, WebhookStore
from tests.console.switchboard import FakeCall, Switchboard


def refuse_delivery(switchboard: Switchboard, call: FakeCall, why: str) -> int:
    """End a call, whose receiver then refuses to be told and holds its webhook, crm. The delivery that died of it."""
    call.end()
    jobs = JobStore(switchboard.database, lambda trunk: ("crm",))
    job = JobIntent.of(call.id, JobKind.SECOND_PASS).id
    assert jobs.begin(job)
    assert jobs.complete(job)
    webhooks = WebhookStore(switchboard.database)
    while delivery := webhooks.claim("crm", "of the receiver", 60):
        if delivery.call_id == call.id:
            webhooks.note_failed(delivery.id, why, hopeless=True, hold=Hold("of the receiver"))
            return delivery.id
        # What another test left.
        webhooks.note_sent(delivery.id)
    raise AssertionError("nothing is to be delivered of the call")
