"""The floor in lines: what it tells of each call, to whom, and what changes."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import redis

from callscribe.config.settings import Settings
from callscribe.domain.call import Party
from callscribe.domain.pause import Pause
from callscribe.events.schema import CallErased, CallUpdated
from tests.console.conftest import Console, serving
from tests.console.guarding import guarded_console, signed_in
from tests.console.listening import Heard, listening
from tests.console.switchboard import FakeCall, Switchboard, samples

pytestmark = pytest.mark.integration

ROWS = "/api/v1/live/rows"


class Watched:
    """What the messages of the floor make of each call."""

    def __init__(self, heard: Iterator[Heard]) -> None:
        self._heard = heard
        self.calls: dict[str, Any] = {}
        self.rows: dict[str, Any] = {}
        self.over: dict[str, str] = {}

    def take(self) -> None:
        told = next(self._heard).event
        if told["whole"]:
            self.calls, self.rows = {}, {}
        self.calls |= {call["id"]: call for call in told["calls"]}
        self.rows |= {row["id"]: row for row in told["rows"]}
        self.over |= {call_id: kind for kind in ("ended", "erased") for call_id in told[kind]}

    def until(self, holds: Callable[[], object]) -> None:
        until = time.monotonic() + 15
        while not holds():
            assert time.monotonic() < until, json.dumps(self.rows)
            self.take()

    def row(self, call: FakeCall) -> Any:
        return self.rows.get(str(call.id))


@contextmanager
def watching(client: httpx.Client) -> Iterator[Watched]:
    with listening(client, ROWS) as heard:
        watched = Watched(heard)
        watched.take()
        yield watched


def line(row: Any) -> str:
    return row["line"]["text"] if row and row["line"] else ""


def test_a_line_grows_with_what_is_said(console: Console, switchboard: Switchboard) -> None:
    with watching(console.client) as floor:
        call = switchboard.start()
        floor.until(lambda: floor.row(call))
        assert floor.calls[str(call.id)]["callee"]["name"] == "Anna Weber"
        assert (floor.row(call)["line"], floor.row(call)["alerts"]["newest"]) == (None, None)
        call.partial(0, 2000, "Good", "morning")
        floor.until(lambda: line(floor.row(call)) == "Good morning")
        row = floor.row(call)
        assert (row["line"]["final"], row["line"]["role"], row["line"]["party"]) == (False, "agent", "Anna Weber")
        assert (row["speaking"], row["agent_ms"], row["silence_ms"]) == ([0], 500, 2000)
        call.final(0, 2000, "Good morning.")
        call.final(1, 9000, "Hello, I want to cancel.")
        floor.until(lambda: line(floor.row(call)) == "Hello, I want to cancel.")
        row = floor.row(call)
        assert (row["line"]["final"], row["speaking"]) == (True, [])
        assert (row["agent_ms"], row["customer_ms"]) == (55 * 13, 55 * 24)
        assert (row["silence_ms"], row["until_ms"]) == (9000 - 2000 - 55 * 13, 9000 + 55 * 24)
        call.end()
        floor.until(lambda: floor.over.get(str(call.id)) == "ended")


def test_cards_and_pauses_are_in_the_line(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    name = call.final(1, 1000, "cancel it")
    with watching(console.client) as floor:
        floor.until(lambda: floor.row(call))
        call.card(1000, name, title="Offer a discount", severity="critical")
        call.card(3000, title="Say hello", severity="info")
        floor.until(lambda: floor.row(call)["alerts"]["info"])
        alerts = floor.row(call)["alerts"]
        assert (alerts["critical"], alerts["warning"], alerts["info"]) == (1, 0, 1)
        assert (alerts["newest"]["title"], alerts["newest"]["severity"]) == ("Say hello", "info")
        call.pause(Pause(0, samples(5000), None, "api", "card"))
        floor.until(lambda: floor.row(call)["paused"])
        call.pause(Pause(0, samples(5000), samples(65_000), "api", "card"))
        floor.until(lambda: not floor.row(call)["paused"])
        call.final(1, 65_000, "There you are.")
        floor.until(lambda: line(floor.row(call)) == "There you are.")
        assert floor.row(call)["silence_ms"] == 5000 - 1000 - 9 * 55


def test_who_comes_late_gets_what_was_said_from_the_database_too(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(published=False)
    for number in range(9):
        call.final(number % 2, number * 10_000, f"line {number}", published=False)
    call.card(81_000, title="Late", severity="warning", published=False)
    with serving(console.settings) as fresh, watching(fresh.client) as floor:
        row = floor.row(call)
        assert (row["agent_ms"], row["customer_ms"], line(row)) == (5 * 55 * 6, 4 * 55 * 6, "line 8")
        assert row["alerts"]["newest"]["title"] == "Late"
        live = {each["call"]["id"]: each for each in fresh.client.get("/api/v1/live?newest=0").json()["calls"]}
    assert live[str(call.id)]["row"] == row
    assert live[str(call.id)]["latest"] == []


def test_what_the_stream_lost_is_read_anew(console: Console, switchboard: Switchboard) -> None:
    with watching(console.client) as floor:
        before = switchboard.start()
        floor.until(lambda: floor.row(before))
        store = redis.Redis.from_url(console.settings.events.url)
        store.client_kill_filter(_type="normal", skipme=True)
        missed = switchboard.start()
        missed.final(0, 1000, "what nobody heard")
        switchboard.start()
        store.xtrim("callscribe:floor", maxlen=1, approximate=False)
        store.close()
        floor.until(lambda: line(floor.row(missed)) == "what nobody heard")
        assert floor.row(before)


def test_a_call_of_a_node_that_died_leaves(
    console: Console, switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.console.floor_hub.CHECK_S", 0.5)
    with watching(console.client) as floor:
        call = switchboard.start()
        floor.until(lambda: floor.row(call))
        publish, switchboard.publish = switchboard.publish, lambda _: None
        call.end(second_pass=False)
        switchboard.publish = publish
        floor.until(lambda: floor.over.get(str(call.id)) == "ended")


def test_each_sees_the_lines_of_their_calls(settings: Settings, switchboard: Switchboard) -> None:
    with (
        guarded_console(settings) as guarded,
        signed_in(guarded, "agent") as agent,
        signed_in(guarded, "other-agent") as other,
        watching(agent) as own,
        watching(other) as others,
    ):
        call = switchboard.start()
        hotline = switchboard.start(trunk="hotline")
        own.until(lambda: own.row(call))
        call.final(0, 1000, "mine")
        own.until(lambda: line(own.row(call)) == "mine")
        switchboard.publish(CallErased(call_id=hotline.id, at=datetime.now(UTC)))
        call.end(second_pass=False)
        own.until(lambda: own.over.get(str(call.id)) == "ended")
        assert own.over[str(hotline.id)] == "erased"
        switchboard.publish(CallErased(call_id=call.id, at=datetime.now(UTC)))
        own.until(lambda: own.over[str(call.id)] == "erased")
        stranger = switchboard.start()
        stranger.call = replace(stranger.call, callee=Party("sip:1099@pbx.example.com", "Ben Cole"))
        switchboard.calls.save_call(stranger.call, switchboard.node)
        switchboard.publish(CallUpdated.of(stranger.call, datetime.now(UTC)))
        others.until(lambda: others.row(stranger))
        assert (set(others.rows), others.over) == ({str(stranger.id)}, {})


def test_a_floor_that_cannot_be_read_says_so(lonely: Console) -> None:
    answer = lonely.client.get(ROWS)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
