"""A call that is processed is told to another system, which may be away for a while."""

import json
import urllib.request
from pathlib import Path

import pytest

from callscribe.jobs.webhooks import sign
from tests.acceptance.conftest import HOOKED_ADDRESS
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.webhooks import OLD_SECRET, SECRET, Receiver

pytestmark = pytest.mark.acceptance

DELIVERIES = "/api/v1/webhooks/deliveries"


def test_a_webhook_is_told_of_a_call_and_of_what_it_refused_once_that_is_tried_again(
    service: RunningService, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.statuses = [410]
    session = start_session(service, tmp_path, excerpt(1), options=("-i", HOOKED_ADDRESS))
    session.finish()
    call = service.wait_call(session.sip_call_id)

    def refused() -> Json | None:
        dead = service.get(f"{DELIVERIES}?state=dead")["deliveries"]
        return next((found for found in dead if found["call_id"] == call["id"]), None)

    dead = wait_for(refused, "the dead delivery", seconds=180)
    assert (dead["webhook"], dead["attempts"]) == ("crm", 1)
    assert "410" in dead["error"]
    [held] = json.loads(service.text("/api/v1/webhooks/held"))
    assert (held["webhook"], held["until"]) == ("crm", None)
    again = urllib.request.Request(f"{service.web}{DELIVERIES}/{dead['id']}/retry", method="POST")
    with urllib.request.urlopen(again, timeout=10) as answer:
        assert answer.status == 202
    wait_for(lambda: len(receiver.got) > 1 or None, "the second attempt")

    (_, first, _), (path, headers, body) = receiver.got
    assert (path, headers["webhook-id"]) == ("/calls", first["webhook-id"])
    keys = (SECRET.encode(), OLD_SECRET.encode())
    signature = sign(keys, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == signature
    told = json.loads(body)
    described = service.get("/api/v1/openapi.json")["components"]["schemas"]["ProcessedNotice"]
    assert set(told) == set(described["properties"]) == set(described["required"])
    assert (told["type"], told["call_id"], told["trunk"], told["processing"]) == (
        "call.processed", call["id"], "hooked", 1,
    )  # fmt: skip
    assert told["done"][-1] == "evaluate"
    assert session.sip_call_id in told["outside_ids"].values()
    assert "thank you for calling" not in body.decode().lower()
    assert "thank you for calling" in service.text(f"{told['transcript']}?format=txt").lower()
    wait_for(lambda: service.counter("callscribe_webhooks_sent") or None, "the metric")
