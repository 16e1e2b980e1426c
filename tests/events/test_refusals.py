"""The board of refusals."""

import asyncio
from datetime import UTC, datetime

import pytest

from callscribe.domain.errors import EventsUnavailable
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.refusals import RefusalBoard
from callscribe.events.streams import connect_sync

pytestmark = pytest.mark.integration

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
REFUSED = RefusedRequest(AT, "192.0.2.7", "udp", "pbx", "INVITE", 488, "offers_without_audio", "offered G729", 3)


async def test_what_a_node_refused_is_read_as_it_was_posted(valkey: EmbeddedValkey) -> None:
    board = RefusalBoard(valkey.url)
    await board.post("node-1", (REFUSED,))
    assert await board.read("node-1") == (REFUSED,)
    assert await board.read("node-2") == ()
    await board.close()


async def test_a_change_is_posted_within_a_second_or_so(valkey: EmbeddedValkey) -> None:
    board = RefusalBoard(valkey.url)
    kept: list[RefusedRequest] = []
    posting = asyncio.create_task(board.keep_posting("node-3", lambda: tuple(kept)))
    kept.append(REFUSED)
    async with asyncio.timeout(5):
        while await board.read("node-3") != (REFUSED,):
            await asyncio.sleep(0.05)
    posting.cancel()
    await board.close()


async def test_a_node_that_starts_anew_has_refused_nobody(valkey: EmbeddedValkey) -> None:
    board = RefusalBoard(valkey.url)
    await board.post("node-5", (REFUSED,))
    posting = asyncio.create_task(board.keep_posting("node-5", tuple))
    async with asyncio.timeout(5):
        while await board.read("node-5"):
            await asyncio.sleep(0.05)
    posting.cancel()
    await board.close()


async def test_what_another_release_posted_is_as_nothing(valkey: EmbeddedValkey) -> None:
    client = connect_sync(valkey.url)
    client.set("callscribe:refusals:node-4", '[{"who": "x"}]')
    client.close()
    board = RefusalBoard(valkey.url)
    assert await board.read("node-4") == ()
    await board.close()


async def test_a_store_that_is_away_says_so() -> None:
    board = RefusalBoard("redis://127.0.0.1:1/0")
    with pytest.raises(EventsUnavailable):
        await board.read("node-1")
    with pytest.raises(EventsUnavailable):
        await board.post("node-1", ())
    await board.close()
