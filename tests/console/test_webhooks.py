"""Deliveries to webhooks by the API."""

from datetime import UTC, datetime

import pytest

from tests.console.conftest import Console
from tests.console.switchboard import Switchboard
from tests.console.undelivered import refuse_delivery

pytestmark = pytest.mark.integration

DELIVERIES = "/api/v1/webhooks/deliveries"


def test_what_could_not_be_delivered_is_listed_and_tried_again(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(trunk="hooked", started_at=datetime(2019, 3, 1, tzinfo=UTC))
    refuse_delivery(switchboard, call, "The receiver answered with status 410.")

    [held] = console.client.get("/api/v1/webhooks/held").json()
    assert (held["webhook"], held["until"], held["queued"]) == ("crm", None, 0)
    assert console.client.post("/api/v1/webhooks/crm/resume").status_code == 202
    refused = console.client.post("/api/v1/webhooks/crm/resume")
    assert (refused.status_code, "webhooks/held" in refused.json()["detail"]) == (409, True)
    [dead] = console.client.get(DELIVERIES, params={"state": "dead"}).json()["deliveries"]
    assert (dead["webhook"], dead["call_id"], dead["attempts"]) == ("crm", str(call.id), 1)
    assert dead["error"] == "The receiver answered with status 410."
    assert console.client.post(f"{DELIVERIES}/{dead['id']}/retry").status_code == 202
    assert console.client.get(DELIVERIES, params={"state": "dead"}).json()["deliveries"] == []
    [queued] = console.client.get(DELIVERIES, params={"state": "queued"}).json()["deliveries"]
    assert (queued["id"], queued["attempts"]) == (dead["id"], 0)
    refused = console.client.post(f"{DELIVERIES}/{dead['id']}/retry")
    assert (refused.status_code, "state=dead" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize("query", ["cursor=x", "state=lost", "limit=0"])
def test_a_list_that_cannot_be_is_refused(console: Console, query: str) -> None:
    assert console.client.get(f"{DELIVERIES}?{query}").status_code == 422


def test_openapi_tells_what_a_receiver_gets(console: Console) -> None:
    document = console.client.get("/api/v1/openapi.json").json()
    told = document["webhooks"]["call.processed"]["post"]
    assert {each["name"] for each in told["parameters"]} == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert told["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/ProcessedNotice")
    assert {"410", "2XX"} <= set(told["responses"])
    assert "call.processed" not in "".join(document["paths"])
