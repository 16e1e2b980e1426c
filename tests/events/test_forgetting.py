"""Erased calls are gone from the streams, and only they."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.forgetting import ERASED_TTL_S, StoredEvents
from callscribe.events.publisher import publish_now
from callscribe.events.schema import CallErased, Event, from_json
from callscribe.events.streams import FIELD, FLOOR, call_stream, connect_sync
from tests.events.calls import a_call, a_final

pytestmark = pytest.mark.integration

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def renewed(events: StoredEvents) -> bool:
    """Whether the store took it on to write its file anew, within a minute."""
    deadline = time.monotonic() + 60
    while not (begun := events.renew_file()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return begun


def content(path: Path) -> bytes:
    """Nothing of a folder, a socket, or a file that was just renamed."""
    with suppress(OSError):
        return path.read_bytes()
    return b""


def test_a_call_is_gone_from_its_stream_the_floors_and_the_stores_file(valkey: EmbeddedValkey) -> None:
    erased, other = a_call(), a_call()
    for number in range(3):
        publish_now(valkey.url, [a_final(erased, f"zanzibar {number}"), a_final(other, f"madagascar {number}")], 1000)
    events = StoredEvents(valkey.url, 1000)
    assert events.forget([erased.id]) == 4
    client = connect_sync(valkey.url)
    assert not client.exists(call_stream(erased.id))
    assert client.xlen(call_stream(other.id)) == 3
    told = str(client.xrange(FLOOR))
    assert "zanzibar" not in told
    assert told.count("madagascar") == 3
    assert renewed(events)
    folder = valkey._folder
    deadline = time.monotonic() + 60
    while any(b"zanzibar" in content(path) for path in folder.rglob("*")):
        assert time.monotonic() < deadline, "the store's files were never written anew"
        time.sleep(0.05)
    assert events.forget([erased.id]) == 0
    assert events.forget([]) == 0
    client.close()


def test_who_follows_an_erased_call_or_the_floor_is_told_and_reads_nothing_else_of_it(valkey: EmbeddedValkey) -> None:
    erased, other = a_call(), a_call()
    for call in (erased, other):
        publish_now(valkey.url, [a_final(call, "zanzibar")], 1000)
    events = StoredEvents(valkey.url, 1000)
    assert events.erase([erased.id], AT) == 2
    told = CallErased(call_id=erased.id, at=AT)
    with connect_sync(valkey.url) as client:

        def left(stream: str) -> list[Event]:
            entries = client.xrange(stream)
            return [from_json(fields[FIELD]) for _, fields in entries if str(erased.id) in fields[FIELD]]

        assert left(call_stream(erased.id)) == left(FLOOR) == [told]
        assert 0 < client.ttl(call_stream(erased.id)) <= ERASED_TTL_S
        # The sweep looks for what came of it since, and leaves what tells that it was erased to who comes back.
        assert events.forget([erased.id]) == 1
        assert (left(call_stream(erased.id)), left(FLOOR)) == ([], [told])
        assert client.xlen(call_stream(other.id)) == 1
    assert events.erase([], AT) == 0


def test_what_still_comes_of_an_erased_call_goes_and_nobody_is_told_of_it_twice(valkey: EmbeddedValkey) -> None:
    first, second = a_call(), a_call()
    events = StoredEvents(valkey.url, 1000)
    events.erase([first.id], AT)
    publish_now(valkey.url, [a_final(first, "zanzibar")], 1000)
    events.erase([first.id, second.id], AT)
    events.erase([second.id, first.id], AT)
    with connect_sync(valkey.url) as client:
        told = [from_json(fields[FIELD]) for _, fields in client.xrange(FLOOR)]
        theirs = [event for event in told if event.call_id in (first.id, second.id)]
        assert theirs == [CallErased(call_id=call.id, at=AT) for call in (first, second)]
        assert not client.exists(call_stream(first.id))


def test_a_store_that_is_away_is_told() -> None:
    with pytest.raises(EventsUnavailable):
        StoredEvents("redis://127.0.0.1:1/0", 1000).forget([a_call().id])


def test_a_file_that_is_written_anew_already_is_asked_for_again(valkey: EmbeddedValkey) -> None:
    events = StoredEvents(valkey.url, 1000)
    assert renewed(events)
    with connect_sync(valkey.url) as client:
        # The next one lasts until it is ended: each key takes the child a second.
        client.config_set("rdb-key-save-delay", 1_000_000)
        for number in range(100):
            client.set(f"key-{number}", "x")
        try:
            assert renewed(events)
            assert not events.renew_file()
        finally:
            client.config_set("rdb-key-save-delay", 0)
            client.flushdb()


def test_a_store_that_lets_nobody_ask_is_done(valkey: EmbeddedValkey) -> None:
    with connect_sync(valkey.url) as client:
        client.acl_setuser("guest", enabled=True, nopass=True, categories=["+@all"], commands=["-bgrewriteaof"])
    try:
        assert StoredEvents(f"{valkey.url}?username=guest&password=x", 1000).renew_file()
    finally:
        with connect_sync(valkey.url) as client:
            client.acl_deluser("guest")
