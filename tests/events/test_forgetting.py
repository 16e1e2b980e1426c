"""Erased calls are gone from the streams, and only they."""

import time
from contextlib import suppress
from pathlib import Path

import pytest

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.forgetting import StoredEvents
from callscribe.events.publisher import publish_now
from callscribe.events.streams import FLOOR, call_stream, connect_sync
from tests.events.calls import a_call, a_final

pytestmark = pytest.mark.integration


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
    events = StoredEvents(valkey.url)
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


def test_a_store_that_is_away_is_told() -> None:
    with pytest.raises(EventsUnavailable):
        StoredEvents("redis://127.0.0.1:1/0").forget([a_call().id])


def test_a_file_that_is_written_anew_already_is_asked_for_again(valkey: EmbeddedValkey) -> None:
    events = StoredEvents(valkey.url)
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
        assert StoredEvents(f"{valkey.url}?username=guest&password=x").renew_file()
    finally:
        with connect_sync(valkey.url) as client:
            client.acl_deluser("guest")
