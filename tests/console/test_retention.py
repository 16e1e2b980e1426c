"""Holds, erasures and the audit log by the API."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest
from websockets.sync.client import connect

from callscribe.domain.call import CallEnd, OutsideIds, Party
from callscribe.events.streams import FIELD, FLOOR, call_stream, connect_sync
from storage.database import Database
from storage.erasure import ErasureStore
from storage.party_erasures import PartyErasureStore
from tests.console.conftest import Console
from tests.console.switchboard import FakeCall, Switchboard
from tests.console.test_live import received, socket_url

pytestmark = pytest.mark.integration

CALLS = "/api/v1/calls"
WHY = {"by": "Ann Baker", "reason": "case 17"}


_days = count(1000)


def started(switchboard: Switchboard) -> FakeCall:
    """A call on a day of its own, so that it records no other's conversation."""
    return switchboard.start(started_at=datetime.now(UTC) - timedelta(days=next(_days)))


def ended(switchboard: Switchboard) -> FakeCall:
    call = started(switchboard)
    call.final(0, 2000, "zanzibar")
    call.end(second_pass=False, recording=call.record(1))
    return call


def test_a_held_call_is_listed_and_not_erased_until_it_is_released(console: Console, switchboard: Switchboard) -> None:
    call = ended(switchboard)
    held = console.client.put(f"{CALLS}/{call.id}/hold", json=WHY)
    assert (held.status_code, held.json()["call_id"], held.json()["by"]) == (200, str(call.id), "Ann Baker")
    assert console.client.get("/api/v1/holds", params={"limit": 1}).json()["holds"] == [held.json()]
    assert console.client.get(f"{CALLS}/{call.id}").json()["held"] is True
    refused = console.client.delete(f"{CALLS}/{call.id}", params=WHY)
    assert refused.status_code == 409
    assert "release it" in refused.json()["detail"]
    assert console.client.delete(f"{CALLS}/{call.id}/hold", params=WHY).status_code == 204
    again = console.client.delete(f"{CALLS}/{call.id}/hold", params=WHY)
    assert (again.status_code, "/api/v1/holds" in again.json()["detail"]) == (404, True)
    assert console.client.delete(f"{CALLS}/{call.id}", params=WHY).json()["calls"] == [str(call.id)]


def test_an_erased_call_is_gone_from_api_disk_and_streams(console: Console, switchboard: Switchboard) -> None:
    call = ended(switchboard)
    tried = console.client.delete(f"{CALLS}/{call.id}", params={**WHY, "dry_run": True}).json()
    assert (tried["dry_run"], tried["calls"], tried["utterances"], tried["files"]) == (True, [str(call.id)], 1, 0)
    done = console.client.delete(f"{CALLS}/{call.id}", params=WHY).json()
    assert (done["utterances"], done["files"], done["bytes"] > 16_000) == (1, 1, True)
    assert console.client.get(f"{CALLS}/{call.id}").status_code == 404
    assert list(console.settings.recordings_folder.rglob(f"{call.id}*")) == []
    with connect_sync(console.settings.events.url) as store:
        left = [fields[FIELD] for name in (call_stream(call.id), FLOOR) for _, fields in store.xrange(name)]
    theirs = [json.loads(event) for event in left if str(call.id) in event]
    assert [(event["type"], set(event)) for event in theirs] == [("call.erased", {"type", "call_id", "at"})] * 2
    [entry] = console.client.get("/api/v1/audit", params={"subject": str(call.id)}).json()["entries"]
    assert (entry["by"], entry["action"], entry["detail"]["reason"]) == ("Ann Baker", "call.erased", "case 17")


def test_who_follows_a_call_or_the_floor_when_it_is_erased_is_told_to_drop_it(
    console: Console, switchboard: Switchboard
) -> None:
    call = started(switchboard)
    call.final(0, 2000, "zanzibar")
    url = f"{CALLS}/{call.id}/ws"
    with (
        connect(socket_url(console, url), proxy=None) as own,
        connect(socket_url(console, "/api/v1/live/ws"), proxy=None) as floor,
    ):
        first = [json.loads(own.recv(timeout=20))["type"] for _ in range(2)]
        call.end()
        assert console.client.delete(f"{CALLS}/{call.id}", params=WHY).status_code == 200
        assert first + [event["type"] for event in received(own)] == [
            "call.started", "utterance.final", "call.ended", "call.erased",
        ]  # fmt: skip
        while (event := json.loads(floor.recv(timeout=20)))["type"] != "call.erased":
            pass
        assert event["call_id"] == str(call.id)
    # Who had lost the connection hears it, too.
    with connect(socket_url(console, url), proxy=None) as late:
        assert [event["type"] for event in received(late)] == ["call.erased"]


def test_a_call_that_shares_an_id_with_too_many_is_erased_with_them_where_wanted(
    console: Console, switchboard: Switchboard
) -> None:
    day = datetime.now(UTC) - timedelta(days=next(_days))
    shared = f"{uuid4()}@sbc"
    theirs = [switchboard.start(sip_call_id=shared, started_at=day) for _ in range(10)]
    for call in theirs:
        call.end(second_pass=False)
    tried = console.client.delete(f"{CALLS}/{theirs[0].id}", params={**WHY, "dry_run": True}).json()
    assert (len(tried["calls"]), len(tried["alike"])) == (8, 2)
    done = console.client.delete(f"{CALLS}/{theirs[0].id}", params={**WHY, "alike": True}).json()
    assert (set(done["calls"]), done["alike"]) == ({str(call.id) for call in theirs}, [])


def test_a_call_that_goes_on_is_refused(console: Console, switchboard: Switchboard) -> None:
    call = started(switchboard)
    refused = console.client.delete(f"{CALLS}/{call.id}", params=WHY)
    assert (refused.status_code, "once it has ended" in refused.json()["detail"]) == (409, True)
    call.end(second_pass=False)


def test_a_party_that_nobody_has_erases_nothing(console: Console) -> None:
    body = {**WHY, "party": f"nobody {uuid4()}", "dry_run": False}
    answer = console.client.post("/api/v1/erasures", json=body).json()
    assert (answer["found"], answer["erased"], answer["held"], answer["active"]) == (0, 0, [], [])


def test_an_erasure_of_a_party_tells_how_far_it_is(console: Console, switchboard: Switchboard) -> None:
    call, body = ended(switchboard), {**WHY, "party": f"nobody {uuid4()}", "dry_run": False}
    caller = f"sip:{uuid4()}@pbx.example"
    theirs = replace(call.call, id=uuid4(), caller=Party(caller), outside_ids=OutsideIds(f"{uuid4()}@sbc"))
    switchboard.calls.save_call(theirs, "node-1")
    switchboard.calls.end_call(theirs.id, CallEnd(theirs.started_at, 0, "bye"), None)
    begun = console.client.post("/api/v1/erasures", json={**body, "party": caller})
    assert (begun.status_code, begun.json()["found"], begun.json()["waiting"]) == (202, 1, 1)
    where = begun.headers["Location"]
    assert where == f"/api/v1/erasures/{begun.json()['id']}"
    assert console.client.get(where).json() == begun.json()
    assert caller not in console.client.get("/api/v1/erasures").text
    with closing(Database(console.settings.database.url)) as database:
        store = PartyErasureStore(database, ErasureStore(database, console.settings.recordings_folder))
        while store.work() is not None:
            pass
    done = console.client.get(where).json()
    assert (done["waiting"], done["erased"], done["finished_at"] is not None) == (0, 1, True)
    assert console.client.get("/api/v1/erasures", params={"limit": 1}).json() == [done]
    assert console.client.get(f"/api/v1/erasures/{uuid4()}").status_code == 404


@pytest.mark.parametrize("asked", [{"party": "x"}, {"dry_run": True}, {"party": "x", "name": "y", "dry_run": True}])
def test_whom_an_erasure_means_and_whether_it_is_only_tried_must_be_told(
    console: Console, asked: dict[str, object]
) -> None:
    assert console.client.post("/api/v1/erasures", json={**WHY, **asked}).status_code == 422


def test_a_party_is_tried_before_it_is_erased(console: Console, switchboard: Switchboard) -> None:
    call = ended(switchboard)
    told = console.client.get(f"{CALLS}/{call.id}").json()
    caller = next(party for party in told["parties"] if party["address"])
    body = {**WHY, "party": caller["address"], "trunk": told["trunk"], "dry_run": True}
    tried = console.client.post("/api/v1/erasures", json=body).json()
    assert str(call.id) in tried["calls"]
    assert (tried["addresses"], tried["trunks"]) == ([caller["address"]], [told["trunk"]])
    assert console.client.post("/api/v1/erasures", json={**body, "trunk": "no-such"}).json()["calls"] == []


@pytest.mark.parametrize(
    "asked", [{}, {"by": "Ann"}, {"by": " ", "reason": "x"}, {"by": "Ann", "reason": "a\nb"}, {**WHY, "force": "1"}]
)
def test_who_asks_and_why_must_be_told(console: Console, asked: dict[str, str]) -> None:
    nowhere = uuid4()
    assert console.client.delete(f"{CALLS}/{nowhere}", params=asked).status_code == 422
    assert console.client.put(f"{CALLS}/{nowhere}/hold", json=asked).status_code == 422
    assert console.client.post("/api/v1/erasures", json={"party": "x", "dry_run": True, **asked}).status_code == 422


def test_what_is_not_there_is_not_found(console: Console) -> None:
    nowhere = f"{CALLS}/{uuid4()}"
    assert console.client.put(f"{nowhere}/hold", json=WHY).status_code == 404
    assert console.client.delete(f"{nowhere}/hold", params=WHY).status_code == 404
    assert console.client.delete(nowhere, params=WHY).status_code == 404


@pytest.mark.parametrize("listed", ["audit", "holds"])
def test_a_cursor_that_no_page_gave_is_refused(console: Console, listed: str) -> None:
    answer = console.client.get(f"/api/v1/{listed}", params={"cursor": "x"})
    assert (answer.status_code, "begin again without one" in answer.json()["detail"]) == (422, True)


def test_without_a_database_nothing_is_erased(lonely: Console) -> None:
    assert lonely.client.delete(f"{CALLS}/{uuid4()}", params=WHY).status_code == 503
    assert lonely.client.get("/api/v1/audit").status_code == 503
