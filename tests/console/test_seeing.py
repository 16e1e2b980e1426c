"""Whose calls somebody sees: in lists, by any id, in searches and exports, and live."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import connect

from callscribe.config.settings import Settings
from callscribe.domain.call import Party
from callscribe.events.schema import CallStarted
from storage.database import Database
from storage.search_index import SearchIndex
from tests.console.conftest import Console
from tests.console.guarding import guarded_console, signed_in, token_for
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration

AGENTS_CALL, OTHERS_CALL = "zanzibar", "quagmire"
"""What is said on a call of agent 1042 ("agent", team sales), and on one of 1099 ("other-agent", team support)."""
SEES = {
    "agent": {"own"},
    "other-agent": {"others"},
    "idle-agent": set[str](),
    "sales-lead": {"own"},
    "support-lead": {"others", "hotline"},
    "lead": {"own", "others", "hotline"},
    "qa": {"own", "others", "hotline"},
    "root": {"own", "others", "hotline"},
}


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


def other_party(call: FakeCall, address: str) -> FakeCall:
    """The same call with another agent."""
    agent = Party(address, "Ben Cole")
    channels = (replace(call.call.channels[0], party=agent), call.call.channels[1])
    call.call = replace(call.call, callee=agent, channels=channels)
    return call


def start(board: Switchboard, address: str, *, trunk: str = "sbc", outside_id: str = "", words: str = "") -> FakeCall:
    """A call with that agent."""
    call = other_party(
        board.start(trunk=trunk, sip_call_id=outside_id or f"{uuid4()}@sbc", stored=False, published=False), address
    )
    board.calls.save_call(call.call, board.node)
    board.publish(CallStarted.of(call.call, datetime.now(UTC)))
    if words:
        call.final(0, 0, words)
    return call


@pytest.fixture
def calls(switchboard: Switchboard, settings: Settings) -> Iterator[dict[str, FakeCall]]:
    made = {
        "own": start(switchboard, "sip:1042@pbx.example.com", words=f"{AGENTS_CALL} island"),
        "others": start(switchboard, "sip:1099@pbx.example.com", words=f"{OTHERS_CALL} island"),
        "hotline": start(switchboard, "sip:1500@pbx.example.com", trunk="hotline", words="hotline island"),
    }
    database = Database(settings.database.url)
    while SearchIndex(database).catch_up():
        pass
    database.close()
    yield made
    for call in made.values():
        call.end(second_pass=False)


def seen(calls: dict[str, FakeCall], ids: set[str]) -> set[str]:
    return {kind for kind, call in calls.items() if str(call.id) in ids}


@pytest.mark.parametrize("name", SEES)
def test_everybody_sees_their_calls_everywhere_and_no_others(
    guarded: Console, calls: dict[str, FakeCall], name: str
) -> None:
    headers, client, wanted = token_for(guarded, name), guarded.client, SEES[name]

    def get(path: str) -> httpx.Response:
        return client.get(f"/api/v1{path}", headers=headers)

    listed = {call["id"] for call in get("/calls?limit=500").json()["calls"]}
    assert seen(calls, listed) == wanted
    floor = {entry["call"]["id"] for entry in get("/live").json()["calls"]}
    assert seen(calls, floor) == wanted
    found = {call["id"] for call in get("/search?q=island&limit=500").json()["calls"]}
    assert seen(calls, found) == wanted
    for path in ("", "/transcript", "/scores"):
        answers = {kind: get(f"/calls/{call.id}{path}").status_code for kind, call in calls.items()}
        assert answers == {kind: 200 if kind in wanted else 404 for kind in calls}, path
    for path in ("/audio", "/events"):
        refused = {
            kind: get(f"/calls/{call.id}{path}").json()["detail"] for kind, call in calls.items() if kind not in wanted
        }
        assert all("no call with this id" in detail for detail in refused.values()), path
    pages = {k: client.get(f"/calls/{c.id}", headers={**headers, "accept": "text/html"}) for k, c in calls.items()}
    assert {kind for kind, page in pages.items() if page.status_code == 200} == wanted


@pytest.mark.parametrize("name", ["sales-lead", "support-lead", "qa"])
def test_exports_hold_what_the_one_who_asks_sees(guarded: Console, switchboard: Switchboard, name: str) -> None:
    made = {
        "own": start(switchboard, "sip:1042@pbx.example.com", words="exported zanzibar"),
        "others": start(switchboard, "sip:1099@pbx.example.com", words="exported quagmire"),
    }
    for call in made.values():
        call.end(second_pass=False)
    headers = token_for(guarded, name)
    lines = guarded.client.get("/api/v1/export", headers=headers).text.splitlines()
    exported = {str(line["call"]["id"] if "call" in line else line["id"]) for line in map(json.loads, lines)}
    assert seen(made, exported) == SEES[name] & set(made)
    archive = zipfile.ZipFile(BytesIO(guarded.client.get("/api/v1/export?format=txt", headers=headers).content))
    text = "".join(archive.read(file).decode() for file in archive.namelist())
    assert ("exported zanzibar" in text) == ("own" in SEES[name])
    assert ("exported quagmire" in text) == ("others" in SEES[name])


def test_pausing_a_call_of_somebody_else_is_as_if_there_were_none(guarded: Console, calls: dict[str, FakeCall]) -> None:
    headers = token_for(guarded, "agent")
    for key in (str(calls["others"].id), calls["others"].call.outside_ids.sip_call_id):
        answer = guarded.client.post(f"/api/v1/calls/{key}/pause", headers=headers)
        assert answer.status_code == 404
        assert "no call with this id" in answer.json()["detail"]


def test_of_calls_with_one_outside_id_each_finds_their_own(guarded: Console, switchboard: Switchboard) -> None:
    own = start(switchboard, "sip:1042@pbx.example.com", outside_id="shared/id@sbc", words=AGENTS_CALL)
    newer = start(switchboard, "sip:1099@pbx.example.com", outside_id="shared/id@sbc", words=OTHERS_CALL)
    for name, call in (("agent", own), ("other-agent", newer), ("qa", newer)):
        headers = token_for(guarded, name)
        found = guarded.client.get("/api/v1/calls/shared%2Fid%40sbc", headers=headers).json()
        assert found["id"] == str(call.id), name
        text = guarded.client.get("/api/v1/calls/shared%2Fid%40sbc/transcript?format=txt", headers=headers).text
        assert (AGENTS_CALL in text) == (call is own)
    own.end(second_pass=False)
    newer.end(second_pass=False)


def test_the_floors_events_are_those_of_calls_that_are_seen(guarded: Console, switchboard: Switchboard) -> None:
    shared = f"{uuid4()}@sbc"
    before = start(switchboard, "sip:1042@pbx.example.com", outside_id=shared)
    others_before = start(switchboard, "sip:1099@pbx.example.com", outside_id=shared)
    url = guarded.url.replace("http", "ws") + "/api/v1/live/ws"
    with signed_in(guarded, "agent") as client:
        headers = {"cookie": f"callscribe={client.cookies['callscribe']}", "origin": guarded.url}
        with connect(url, additional_headers=headers) as socket:
            others_before.final(0, 0, "not yours, begun before")
            start(switchboard, "sip:1099@pbx.example.com", words="not yours").end(second_pass=False)
            before.final(0, 0, "yours, begun before")
            own = start(switchboard, "sip:1042@pbx.example.com", outside_id=shared, words="yours")
            events = [json.loads(socket.recv(timeout=20)) for _ in range(3)]
            for call in (before, others_before, own):
                call.end(second_pass=False)
            ended = {json.loads(socket.recv(timeout=20))["call_id"] for _ in range(2)}
            # They share an id, and so record one conversation.
            erased = guarded.client.delete(
                f"/api/v1/calls/{others_before.id}?by=Ann&reason=letter", headers=token_for(guarded, "root")
            )
            assert {str(call.id) for call in (before, others_before, own)} <= set(erased.json()["calls"])
            last = [json.loads(socket.recv(timeout=20)) for _ in range(2)]
    assert [(event["call_id"], event["type"]) for event in events] == [
        (str(before.id), "utterance.final"),
        (str(own.id), "call.started"),
        (str(own.id), "utterance.final"),
    ]
    assert {event["type"] for event in last} == {"call.erased"}
    assert {event["call_id"] for event in last} == ended == {str(before.id), str(own.id)}
