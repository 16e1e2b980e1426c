"""Notes, comments and pins through the API: who may, who is told, what is kept."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from callscribe.config.settings import Settings
from callscribe.domain.access import Permission
from tests.console.conftest import Console, serving
from tests.console.guarding import guarded_console, signed_in, token_for
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


@pytest.fixture
def call(switchboard: Switchboard) -> Iterator[FakeCall]:
    made = switchboard.start()
    yield made
    made.end(second_pass=False)


def add(client: httpx.Client, call: FakeCall, **order: object) -> httpx.Response:
    return client.post(f"/api/v1/calls/{call.id}/notes", json=order)


def notes(client: httpx.Client, call: FakeCall) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/calls/{call.id}/notes").json()["notes"]
    return found


def told(client: httpx.Client, call: FakeCall) -> list[dict[str, Any]]:
    """The notes' events, up to the call's end."""
    events: list[dict[str, Any]] = []
    with client.stream("GET", f"/api/v1/calls/{call.id}/events") as answer:
        for line in answer.iter_lines():
            event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if event.get("type") == "call.ended":
                break
            events += [event] if event.get("type") == "call.noted" else []
    return events


def test_a_note_a_comment_and_a_pin_are_kept_and_told(console: Console, call: FakeCall) -> None:
    said = call.final(1, 1000, "my card is lost")
    note = add(console.client, call, text="  Wants a new card.\nCalls back. ", by="Ann")
    assert note.status_code == 201
    comment = add(console.client, call, text="good", at_ms=1500).json()
    pin = add(console.client, call, utterance_id=str(said)).json()
    assert note.json()["text"] == "Wants a new card.\nCalls back."
    assert (comment["at_ms"], pin["utterance_id"], pin["text"]) == (1500, str(said), "")
    assert notes(console.client, call) == [note.json(), comment, pin]
    path = f"/api/v1/calls/{call.id}/notes/{comment['id']}"
    changed = console.client.patch(path, json={"text": "very good"}).json()
    assert (changed["text"], changed["at_ms"]) == ("very good", 1500)
    assert console.client.delete(f"/api/v1/calls/{call.id}/notes/{pin['id']}").status_code == 204
    assert notes(console.client, call) == [note.json(), changed]
    call.end()
    events = told(console.client, call)
    assert [(event["note_id"], event["removed"]) for event in events] == [
        (note.json()["id"], False), (comment["id"], False), (pin["id"], False), (comment["id"], False),
        (pin["id"], True),
    ]  # fmt: skip
    assert [events[0]["note"], events[3]["note"], events[4]["note"]] == [note.json(), changed, None]
    call.second_pass([])
    assert [event["note"] for event in told(console.client, call)] == [note.json(), changed]


@pytest.mark.parametrize(
    "order",
    [{}, {"text": " "}, {"text": "x" * 4001}, {"text": "x", "at_ms": -1}, {"text": "x", "at_ms": 2**31}, {"note": "x"}],
)
def test_what_says_nothing_or_too_much_is_refused(console: Console, call: FakeCall, order: dict[str, object]) -> None:
    assert add(console.client, call, **order).status_code == 422
    assert notes(console.client, call) == []


def test_there_is_nothing_to_change_where_there_is_no_note_or_call(console: Console, call: FakeCall) -> None:
    assert console.client.patch(f"/api/v1/calls/{call.id}/notes/{uuid4()}", json={"text": "x"}).status_code == 404
    assert console.client.delete(f"/api/v1/calls/{call.id}/notes/{uuid4()}").status_code == 404
    assert console.client.get(f"/api/v1/calls/{uuid4()}/notes").status_code == 404
    note = add(console.client, call, text="x").json()["id"]
    assert console.client.patch(f"/api/v1/calls/{call.id}/notes/{note}", json={"text": " "}).status_code == 422


def test_what_is_typed_is_masked_as_what_is_said(settings: Settings, switchboard: Switchboard) -> None:
    trunk = replace(settings.trunks[0], name="masked", redaction=("card",))
    call = switchboard.start(trunk="masked")
    with serving(replace(settings, trunks=(*settings.trunks, trunk))) as console:
        note = add(console.client, call, text="card number 4111 1111 1111 1111, lost").json()
        assert note["text"] == "card number [card], lost"
        path = f"/api/v1/calls/{call.id}/notes/{note['id']}"
        changed = console.client.patch(path, json={"text": "it is card 4111-1111-1111-1111"}).json()
        assert "1111" not in changed["text"]
    call.end(second_pass=False)


def test_people_note_on_calls_they_see_under_their_own_name(guarded: Console, call: FakeCall) -> None:
    with signed_in(guarded, "agent") as agent, signed_in(guarded, "lead") as lead:
        mine = add(agent, call, text="mine", by="somebody else").json()
        assert mine["by"] == "agent"
        path = f"/api/v1/calls/{call.id}/notes/{mine['id']}"
        assert lead.patch(path, json={"text": "changed"}).status_code == 403
        refused = lead.delete(path)
        assert (refused.status_code, "administrator" in refused.json()["detail"]) == (403, True)
        assert add(lead, call, text="theirs").json()["by"] == "lead"
        assert agent.patch(path, json={"text": "still mine"}).json()["text"] == "still mine"
        with signed_in(guarded, "root") as root:
            assert root.delete(path).status_code == 204
        assert [note["text"] for note in notes(agent, call)] == ["theirs"]
    with signed_in(guarded, "other-agent") as stranger:
        assert stranger.get(f"/api/v1/calls/{call.id}/notes").status_code == 404
        assert add(stranger, call, text="unseen").status_code == 404


def test_a_token_needs_the_scope_and_reads_are_in_the_audit_log(guarded: Console, call: FakeCall) -> None:
    path = f"/api/v1/calls/{call.id}/notes"
    reader = token_for(guarded, "qa", Permission.CALLS_READ)
    assert guarded.client.get(path, headers=reader).json() == {"notes": []}
    assert guarded.client.post(path, headers=reader, json={"text": "x"}).status_code == 403
    writer = token_for(guarded, "qa", Permission.CALLS_READ, Permission.NOTES_WRITE)
    assert guarded.client.post(path, headers=writer, json={"text": "x"}).status_code == 201
    root = token_for(guarded, "root")
    query = {"action": "call.read", "subject": str(call.id)}
    entries = guarded.client.get("/api/v1/audit", headers=root, params=query).json()["entries"]
    assert {entry["by"] for entry in entries} == {"qa"}
