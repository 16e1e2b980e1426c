"""Requests to nodes and their answers, over a real store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import redis
import redis.asyncio

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.control import (
    ANSWER_EXPIRY_S,
    CHANNEL,
    Asked,
    ControlDesk,
    PauseAnswer,
    PausedCall,
    PauseRequest,
    ask,
)
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.parts import EventPause

pytestmark = pytest.mark.integration

REQUEST = PauseRequest(("abc@pbx",), "pause", (0, 1), "card payment")
PAUSED = PausedCall(uuid4(), (), (EventPause(0, 1000, None, "api", "card payment"),))


@asynccontextmanager
async def nodes(url: str, *takers: Callable[[PauseRequest], PauseAnswer]) -> AsyncIterator[None]:
    """Nodes that listen."""
    tasks = [asyncio.create_task(ControlDesk(url, take).run()) for take in takers]
    async with redis.asyncio.Redis.from_url(url) as client, asyncio.timeout(10):
        while dict(await client.pubsub_numsub(CHANNEL))[CHANNEL.encode()] < len(takers):
            await asyncio.sleep(0.01)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_every_node_is_asked_and_what_any_has_done_is_told(valkey: EmbeddedValkey) -> None:
    seen: list[PauseRequest] = []

    def take(request: PauseRequest) -> PauseAnswer:
        seen.append(request)
        return PauseAnswer((PAUSED,))

    async with nodes(valkey.url, lambda _: PauseAnswer(()), take):
        assert await ask(valkey.url, REQUEST, 30.0) == Asked((PAUSED,), complete=True)
    assert seen == [REQUEST]


async def test_a_node_tells_of_calls_that_have_ended_there_and_leaves_out_what_the_release_before_does_not_know(
    valkey: EmbeddedValkey,
) -> None:
    async with nodes(valkey.url, lambda _: PauseAnswer((), (PAUSED.id,))):
        assert await ask(valkey.url, REQUEST, 30.0) == Asked((), complete=True, over=(PAUSED.id,))
    async with nodes(valkey.url, lambda _: PauseAnswer(())), redis.asyncio.Redis.from_url(valkey.url) as client:
        await client.publish(CHANNEL, '{"id":"y","request":{"calls":["a"],"action":"pause"}}')
        told = await client.blpop(["callscribe:control:y"], timeout=4)
    assert told == (b"callscribe:control:y", b'{"calls":[]}')


async def test_who_waits_for_a_desk_goes_on_when_it_hears_or_when_the_store_is_away(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    for url, listening in ((valkey.url, True), (f"unix://{tmp_path}/none.sock", False)):
        desk = ControlDesk(url, lambda _: PauseAnswer(()))
        running = asyncio.create_task(desk.run())
        async with asyncio.timeout(10):
            await desk.tried(60.0)
        if listening:
            assert await ask(url, REQUEST, 30.0) == Asked((), complete=True)
        running.cancel()
        await asyncio.wait((running,))
    await ControlDesk(valkey.url, lambda _: PauseAnswer(())).tried(0.01)


async def test_without_a_node_nothing_is_known_and_nothing_waits(valkey: EmbeddedValkey) -> None:
    assert await ask(valkey.url, REQUEST, 60.0) == Asked((), complete=False)


async def test_of_a_node_that_says_nothing_nothing_is_known(valkey: EmbeddedValkey) -> None:
    async with redis.asyncio.Redis.from_url(valkey.url) as client, client.pubsub() as mute:
        await mute.subscribe(CHANNEL)
        async with nodes(valkey.url, lambda _: PauseAnswer((PAUSED,))):
            assert await ask(valkey.url, REQUEST, 0.5) == Asked((PAUSED,), complete=False)


async def test_what_nobody_can_read_is_passed_over_and_answers_do_not_stay(valkey: EmbeddedValkey) -> None:
    async with nodes(valkey.url, lambda _: PauseAnswer(())):
        with redis.Redis.from_url(valkey.url) as client:
            client.publish(CHANNEL, "{}")
            client.publish(CHANNEL, '{"id":"x","request":{"calls":["a"],"action":"pause"}}')
            async with asyncio.timeout(5):
                while not client.exists("callscribe:control:x"):
                    await asyncio.sleep(0.01)
            assert 0 < client.ttl("callscribe:control:x") <= ANSWER_EXPIRY_S


async def test_a_store_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(EventsUnavailable):
        await ask(f"unix://{tmp_path}/none.sock", REQUEST, 1.0)
