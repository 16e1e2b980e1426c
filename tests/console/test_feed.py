"""The events of one call: history, the stream, resumption and the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import redis

from callscribe.config.settings import Settings
from callscribe.console.feed import CallFeed
from callscribe.console.sources import Sources
from tests.console.conftest import Console
from tests.console.listening import Heard, listening, take_until, texts
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration


@contextmanager
def following(console: Console, call: FakeCall, last_event_id: str = "") -> Iterator[Iterator[Heard]]:
    with listening(console.client, f"/api/v1/calls/{call.id}/events", last_event_id) as heard:
        yield heard


def trim(console: Console, call: FakeCall, keep: int) -> None:
    """Leave only the newest events in the call's stream, as a long call does."""
    client = redis.Redis.from_url(console.settings.events.url)
    client.xtrim(f"callscribe:call:{call.id}", maxlen=keep, approximate=False)
    client.close()


def test_a_subscriber_gets_what_was_said_and_then_what_is_said(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "good morning")
    with following(console, call) as heard:
        first = take_until(heard, "utterance.final")
        call.partial(1, 2000, "my", "name is")
        call.final(1, 2000, "my name is tom")
        then = take_until(heard, "utterance.final")
    assert [each.type for each in first] == ["call.started", "utterance.final"]
    assert texts(first) == ["good morning"]
    assert [each.type for each in then] == ["utterance.partial", "utterance.final"]
    assert then[0].event["committed"] == "my"
    assert then[0].event["tentative"] == "name is"
    assert texts(then) == ["my name is tom"]


def test_every_event_names_the_place_to_go_on_from(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "one")
    with following(console, call) as heard:
        for each in take_until(heard, "utterance.final"):
            assert each.id
            assert each.event["id"] == each.id
            assert each.event["call_id"] == str(call.id)


def test_of_partials_only_the_latest_of_each_channel_is_sent_to_a_newcomer(
    console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    call.partial(0, 500, "", "said and over")
    call.final(0, 500, "said and over")
    for count in range(1, 6):
        call.partial(0, 4000, "word " * count)
        call.partial(1, 4100, "other " * count)
    with following(console, call) as heard:
        first = [next(heard) for _ in range(4)]
    assert [each.type for each in first[:2]] == ["call.started", "utterance.final"]
    assert [each.event["committed"] for each in first[2:]] == ["word " * 5, "other " * 5]


@pytest.mark.parametrize("broken_off", range(1, 9))
def test_a_subscriber_that_comes_back_gets_every_final_exactly_once(
    console: Console, switchboard: Switchboard, broken_off: int
) -> None:
    call = switchboard.start()
    said = [f"sentence {number}" for number in range(6)]
    for number in range(4):
        call.final(number % 2, 1000 * number, said[number])
    call.partial(0, 9000, "being said")
    with following(console, call) as heard:
        first = [next(heard) for _ in range(min(broken_off, 6))]
    call.final(0, 4000, said[4])
    call.final(1, 5000, said[5])
    with following(console, call, first[-1].id) as heard:
        second: list[Heard] = []
        while not texts(second) or texts(second)[-1] != said[5]:
            second.append(next(heard))
    assert sorted(texts(first) + texts(second)) == said
    assert [each.type for each in first + second].count("call.started") == 1


def test_finals_that_the_stream_has_lost_come_from_the_database(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "one")
    call.final(1, 2000, "two")
    with following(console, call) as heard:
        take_until(heard, "utterance.final")
        last = next(heard)
    assert last.event["text"] == "two"
    for number in range(3, 9):
        call.final(number % 2, 1000 * number, f"number {number}")
    trim(console, call, keep=2)
    with following(console, call, last.id) as heard:
        back = [next(heard) for _ in range(6)]
    assert texts(back) == [f"number {number}" for number in range(3, 9)]
    with following(console, call) as heard:
        fresh = [next(heard) for _ in range(9)]
    assert texts(fresh) == ["one", "two", *(f"number {number}" for number in range(3, 9))]


def test_a_final_that_is_not_in_the_database_yet_is_sent_once(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "stored")
    call.final(0, 2000, "only published", stored=False)
    call.final(1, 2500, "only stored", published=False)
    call.end()
    call.second_pass([])
    with following(console, call) as heard:
        everything = take_until(heard, "end")
    assert sorted(texts(everything)) == ["only stored", "stored"]


def test_a_call_that_the_database_has_not_yet_is_followed_by_its_stream(
    console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(stored=False)
    call.final(0, 1000, "hello", stored=False)
    with following(console, call) as heard:
        first = take_until(heard, "utterance.final")
    assert [each.type for each in first] == ["call.started", "utterance.final"]


def test_an_event_that_was_published_twice_is_sent_once(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    with following(console, call) as heard:
        heard_all = [next(heard)]
        call.final(0, 1000, "once")
        call.final(0, 1000, "once")
        call.final(0, 2000, "then")
        while "then" not in texts(heard_all):
            heard_all.append(next(heard))
    assert sorted(texts(heard_all)) == ["once", "then"]


def test_the_events_end_after_the_call_is_processed(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    name = call.final(0, 1000, "helo")
    with following(console, call) as heard:
        take_until(heard, "utterance.final")
        call.end()
        call.second_pass([(name, "Hello.")])
        rest = list(heard)
    assert [each.type for each in rest] == ["call.ended", "utterance.revised", "call.processed", "end"]
    assert rest[1].event["text"] == "Hello."
    assert rest[1].event["replaces"] == "final"
    assert rest[2].event["done"] == ["second-pass"]


def test_a_call_that_is_over_is_told_whole_and_ends(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(published=False)
    name = call.final(0, 1000, "helo", published=False)
    call.final(1, 2000, "hi", published=False)
    call.end()
    call.second_pass([(name, "Hello.")])
    with following(console, call) as heard:
        everything = list(heard)
    assert [each.type for each in everything] == [
        "call.started", "utterance.final", "utterance.final", "utterance.revised",
        "call.ended", "call.processed", "end",
    ]  # fmt: skip
    assert texts(everything) == ["helo", "hi"]
    assert everything[4].event["duration_ms"] == 60_000


def test_who_has_heard_the_end_is_told_not_to_come_back(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.end(second_pass=False)
    with following(console, call) as heard:
        end = take_until(heard, "end")[-1]
    again = console.client.get(f"/api/v1/calls/{call.id}/events", headers={"last-event-id": end.id})
    assert again.status_code == 204


def test_a_call_without_jobs_ends_though_nobody_says_that_it_is_processed(
    console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    call.final(0, 1000, "hello")
    call.end(second_pass=False)
    with following(console, call) as heard:
        everything = take_until(heard, "end")
    assert texts(everything) == ["hello"]


def test_finals_that_the_node_sends_after_the_worker_is_done_come_before_the_end(
    console: Console, switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = switchboard.start()
    with following(console, call) as heard:
        take_until(heard, "call.started")
        with monkeypatch.context() as node:
            node.setattr(switchboard, "publish", lambda event: None)
            name = call.final(0, 1000, "helo")
            call.end()
        call.second_pass([(name, "Hello.")])
        rest = list(heard)
    assert texts(rest) == ["helo"]
    ends = [each.type for each in rest if each.type not in {"utterance.final", "utterance.revised"}]
    assert ends == ["call.processed", "call.ended", "call.processed", "end"]


def test_a_retried_job_keeps_the_events_open(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    name = call.final(0, 1000, "helo")
    call.end()
    job = call.fail_second_pass("The model is missing.")
    assert console.client.post(f"/api/v1/jobs/{job}/retry").status_code == 202
    with following(console, call) as heard:
        take_until(heard, "call.processed")
        call.second_pass([(name, "Hello.")])
        rest = list(heard)
    assert [each.type for each in rest] == ["utterance.revised", "call.processed", "end"]


def test_the_last_event_id_may_also_stand_in_the_address(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.final(0, 1000, "one")
    call.final(0, 2000, "two")
    with following(console, call) as heard:
        first = take_until(heard, "utterance.final")[-1]
    with listening(console.client, f"/api/v1/calls/{call.id}/events?last_event_id={first.id}") as heard:
        assert next(heard).event["text"] == "two"


@pytest.mark.parametrize("mark", ["nonsense", "1-2~x", "~end", "١-0", "1-1" + "~1.1" * 300])
def test_an_id_that_was_never_given_is_refused(console: Console, switchboard: Switchboard, mark: str) -> None:
    call = switchboard.start()
    answer = console.client.get(f"/api/v1/calls/{call.id}/events", params={"last_event_id": mark})
    assert answer.status_code == 422
    assert "Last-Event-ID" in answer.json()["detail"]


def test_a_call_that_nobody_knows_has_no_events(console: Console) -> None:
    for key in (str(uuid4()), "nobody@nowhere"):
        assert console.client.get(f"/api/v1/calls/{key}/events").status_code == 404


async def test_a_call_whose_end_was_not_published_ends_by_the_database(
    settings: Settings, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    call.final(0, 1000, "hello")
    sources = Sources.open(settings)
    feed = CallFeed(sources, call.id, None, idle_s=0.3)
    await feed.prepare()
    messages = feed.messages()
    assert [(await anext(messages)).type for _ in range(2)] == ["call.started", "utterance.final"]
    switchboard.publish = lambda event: None
    call.final(1, 2000, "lost on the way")
    call.end(second_pass=False)
    rest = [message async for message in messages if message.json]
    assert [message.type for message in rest] == ["utterance.final", "call.ended", "call.processed", "end"]
    assert "lost on the way" in rest[0].json
    await sources.close()


def test_cards_come_once_to_a_connection_also_those_that_the_stream_has_lost(
    console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    said = call.final(1, 1000, "cancel it")
    lost = call.card(1200, said, title="Offer a discount", severity="warning")
    trim(console, call, 0)
    kept = call.card(9000, title="Say something")
    with following(console, call) as heard:
        cards = [each.event for each in take_until(heard, "assist.card")]
        cards += [each.event for each in take_until(heard, "assist.card")]
        call.final(1, 20_000, "hello")
        rest = take_until(heard, "utterance.final")
    told = [card for card in cards if card["type"] == "assist.card"]
    assert [card["card_id"] for card in told] == [str(lost.id), str(kept.id)]
    assert [(card["title"], card["role"], card["start_ms"]) for card in told] == [
        ("Offer a discount", "customer", 1200),
        ("Say something", "unknown", 9000),
    ]
    assert [each.type for each in rest] == ["utterance.final"]
