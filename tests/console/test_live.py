"""The floor: every call that goes on, and everything that happens."""

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.console.conftest import Console
from tests.console.listening import Heard, listening
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration


def live(console: Console, call: FakeCall) -> dict[str, object] | None:
    calls = console.client.get("/api/v1/live").json()["calls"]
    return next((each for each in calls if each["call"]["id"] == str(call.id)), None)


def texts_of(told: dict[str, object] | None) -> list[str]:
    assert told is not None
    latest = told["latest"]
    assert isinstance(latest, list)
    return [event["text"] for event in latest]


def of(heard: Iterator[Heard], call: FakeCall) -> Iterator[Heard]:
    return (each for each in heard if each.event.get("call_id") == str(call.id))


def test_the_floor_shows_calls_with_what_was_said_last(console: Console, switchboard: Switchboard) -> None:
    call, other = switchboard.start(), switchboard.start()
    for number in range(12):
        call.final(number % 2, 1000 * number, f"line {number}")
    call.partial(0, 13_000, "and now", "som")
    call.partial(0, 13_000, "and now", "something")
    assert texts_of(live(console, call)) == [*(f"line {number}" for number in range(4, 12)), "and now something"]
    assert texts_of(live(console, other)) == []
    call.final(0, 13_000, "and now something")
    assert texts_of(live(console, call))[-2:] == ["line 11", "and now something"]
    call.end()
    assert live(console, call) is None


def test_a_call_that_is_not_in_the_database_yet_is_on_the_floor(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(stored=False)
    call.final(1, 500, "hello", stored=False)
    told = live(console, call)
    assert texts_of(told) == ["hello"]


def test_the_floor_is_followed_from_where_it_was_read(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    cursor = console.client.get("/api/v1/live").json()["cursor"]
    call.final(0, 1000, "one")
    with listening(console.client, f"/api/v1/live/events?last_event_id={cursor}") as heard:
        first = next(of(heard, call))
        call.final(0, 2000, "two")
        second = next(of(heard, call))
    assert [first.event["text"], second.event["text"]] == ["one", "two"]
    call.final(0, 3000, "three")
    with listening(console.client, "/api/v1/live/events", second.id) as heard:
        assert next(of(heard, call)).event["text"] == "three"


def test_who_missed_events_is_told_to_read_the_floor_again(console: Console, switchboard: Switchboard) -> None:
    switchboard.start()
    with listening(console.client, "/api/v1/live/events", "1-1") as heard:
        everything = list(heard)
    assert [each.type for each in everything] == ["resync"]


def socket_url(console: Console, path: str) -> str:
    return console.url.replace("http://", "ws://") + path


def received(socket: ClientConnection) -> list[dict[str, object]]:
    found = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=20)))
    except ConnectionClosed:
        return found


def test_a_call_is_followed_by_websocket_to_its_end(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "helo")
    with connect(socket_url(console, f"/api/v1/calls/{call.id}/ws"), proxy=None) as socket:
        first = [json.loads(socket.recv(timeout=20)) for _ in range(2)]
        call.end()
        call.second_pass([(next(iter(call.said)), "Hello.")])
        rest = received(socket)
        assert socket.close_code == 1000
    assert [event["type"] for event in first + rest] == [
        "call.started", "utterance.final", "call.ended", "utterance.revised", "call.processed",
    ]  # fmt: skip
    with connect(
        socket_url(console, f"/api/v1/calls/{call.id}/ws?last_event_id={first[1]['id']}"), proxy=None
    ) as socket:
        assert "utterance.final" not in [event["type"] for event in received(socket)]


def test_the_floor_is_followed_by_websocket(console: Console, switchboard: Switchboard) -> None:
    with connect(socket_url(console, "/api/v1/live/ws"), proxy=None) as socket:
        call = switchboard.start()
        while json.loads(socket.recv(timeout=20))["call_id"] != str(call.id):
            pass
    with connect(socket_url(console, "/api/v1/live/ws?last_event_id=1-1"), proxy=None) as socket:
        assert received(socket) == []
        assert socket.close_code == 4001


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/calls/nobody/ws", 404), ("/api/v1/live/ws?last_event_id=x", 422)]
)
def test_a_websocket_that_cannot_be_served_is_refused_with_a_problem(console: Console, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(socket_url(console, path), proxy=None):
        pass
    assert refused.value.response.status_code == status
    body = refused.value.response.body
    assert body is not None
    assert json.loads(body)["detail"]


def test_a_page_of_another_site_cannot_listen(console: Console) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(socket_url(console, "/api/v1/live/ws"), origin=Origin("https://evil.example"), proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 403
