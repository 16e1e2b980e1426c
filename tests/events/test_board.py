import asyncio
from pathlib import Path

import pytest
import redis

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.board import EXPIRY_S, TOTALS_EXPIRY_S, CounterBoard, add_now, post_now, posting_now
from callscribe.events.embedded import EmbeddedValkey

pytestmark = pytest.mark.integration


async def test_what_processes_posted_last_is_read_together(valkey: EmbeddedValkey) -> None:
    board = CounterBoard(valkey.url)
    await board.post("node-1/sip", {"calls_active": 3, "invites_refused_busy": 1})
    await board.post("node-1/sip", {"calls_active": 2})
    await asyncio.to_thread(post_now, valkey.url, "node-1/worker", {"jobs_done": 7, "load": 0.25})
    read = await board.read_all()
    await board.close()
    assert read == {"node-1/sip": {"calls_active": 2.0}, "node-1/worker": {"jobs_done": 7.0, "load": 0.25}}


async def test_a_process_that_posts_no_more_leaves_the_board(valkey: EmbeddedValkey) -> None:
    board = CounterBoard(valkey.url)
    await board.post("gone", {"calls_active": 1})
    with redis.Redis.from_url(valkey.url) as client:
        assert 0 < client.ttl("callscribe:board:gone") <= EXPIRY_S
        client.delete("callscribe:board:gone")
    assert "gone" not in await board.read_all()
    await board.close()


async def test_what_processes_add_to_one_name_is_added_up_and_stays_when_they_end(valkey: EmbeddedValkey) -> None:
    for cost in (0.25, 0.5):
        add_now(valkey.url, "jobs-node-1", {"recognition_cost:google": cost, "done": 1})
    board = CounterBoard(valkey.url)
    assert (await board.read_all())["jobs-node-1"] == {"recognition_cost:google": 0.75, "done": 2.0}
    await board.close()
    with redis.Redis.from_url(valkey.url) as client:
        assert EXPIRY_S < client.ttl("callscribe:board:jobs-node-1") <= TOTALS_EXPIRY_S


async def test_posting_goes_on_until_cancelled(valkey: EmbeddedValkey) -> None:
    board = CounterBoard(valkey.url)
    seconds = iter(range(100))
    task = asyncio.create_task(board.keep_posting("ticking", lambda: {"second": next(seconds)}))
    await asyncio.sleep(1.5)
    task.cancel()
    assert (await board.read_all())["ticking"] == {"second": 1.0}
    await board.close()


async def test_a_store_that_is_away_is_told(tmp_path: Path) -> None:
    board = CounterBoard(f"unix://{tmp_path}/none.sock")
    with pytest.raises(EventsUnavailable):
        await board.post("node-1", {"calls_active": 1})
    with pytest.raises(EventsUnavailable):
        await board.read_all()
    await board.close()


def test_who_posted_lately_is_known_from_synchronous_code(valkey: EmbeddedValkey) -> None:
    post_now(valkey.url, "sip-here", {"calls_active": 1})
    post_now(valkey.url, "sip-gone", {"calls_active": 1})
    with redis.Redis.from_url(valkey.url) as client:
        client.delete("callscribe:board:sip-gone")
    assert {"sip-here", "sip-gone"} & posting_now(valkey.url) == {"sip-here"}
    with pytest.raises(EventsUnavailable):
        posting_now("redis://127.0.0.1:1/0")
