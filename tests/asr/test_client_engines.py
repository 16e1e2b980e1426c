"""Which recogniser hears a channel that wants one engine rather than another."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from asr.wire.client import RecognizerPool
from tests.asr.fake_recognizer import FakeRecognizer
from tests.asr.test_client import QUICK, Transcripts, options, running, send, speech, until

WANTED = ("good", "plain")


async def ready(*recognizers: FakeRecognizer, stack: AsyncExitStack) -> tuple[RecognizerPool, Transcripts]:
    """A pool that is connected to all of them."""
    for recognizer in recognizers:
        await stack.enter_async_context(recognizer)
    heard = Transcripts()
    pool = await stack.enter_async_context(
        running(RecognizerPool(tuple(one.url for one in recognizers), heard, timings=QUICK))
    )
    await until(lambda: pool.counters().get("recognizer_connections", 0) == len(recognizers))
    return pool, heard


@pytest.mark.parametrize("engines", [("plain",), ("good",), ("good", "plain"), ("plain", "good")])
async def test_the_first_engine_of_a_channels_list_hears_it(engines: tuple[str, ...]) -> None:
    good, plain = FakeRecognizer(kind="good"), FakeRecognizer(kind="plain")
    async with AsyncExitStack() as stack:
        pool, _ = await ready(good, plain, stack=stack)
        for key in range(4):
            pool.open(key, options(), engines)
            send(pool, key, speech(1))
        await until(lambda: len(good.openings) + len(plain.openings) == 4)
        assert len(good.openings) == (4 if engines[0] == "good" else 0)
        assert pool.counters().get("recognizer_fallbacks", 0) == 0


async def test_the_next_engine_takes_over_what_the_first_was_hearing_and_gives_it_back() -> None:
    good, plain = FakeRecognizer(kind="good"), FakeRecognizer(kind="plain")
    async with AsyncExitStack() as stack:
        pool, heard = await ready(good, plain, stack=stack)
        pool.open(1, options(), WANTED)
        end = send(pool, 1, speech(1, 2))
        await until(lambda: heard.text(1) == ["w1", "w2"])
        await good.kill()
        end = send(pool, 1, speech(3, 4), end)
        await until(lambda: heard.text(1) == ["w1", "w2", "w3", "w4"])
        assert plain.channels == 1
        assert pool.counters()["recognizer_fallbacks"] == 1
        await good.start()
        await until(lambda: plain.channels == 0)
        send(pool, 1, speech(5), end)
        pool.close(1)
        await until(lambda: 1 in heard.closings)
        assert heard.text(1) == ["w1", "w2", "w3", "w4", "w5"]
        assert heard.lost[1] == ()


async def test_an_engine_without_time_gets_no_new_channels_while_the_next_one_has_some() -> None:
    good, plain = FakeRecognizer(kind="good"), FakeRecognizer(kind="plain")
    async with AsyncExitStack() as stack:
        pool, _ = await ready(good, plain, stack=stack)
        good.real_time_factor = 1.0
        await asyncio.sleep(0.3)
        pool.open(1, options(), WANTED)
        pool.open(2, options(), ("good",))
        for key in (1, 2):
            send(pool, key, speech(1))
        await until(lambda: bool(good.openings) and bool(plain.openings))
        assert (good.channels, plain.channels) == (1, 1)


async def test_a_channel_waits_for_its_engine_and_loses_nothing() -> None:
    good, plain = FakeRecognizer(kind="good"), FakeRecognizer(kind="plain")
    async with AsyncExitStack() as stack:
        pool, heard = await ready(good, plain, stack=stack)
        await good.kill()
        await until(lambda: pool.counters()["recognizer_connections"] == 2)
        await asyncio.sleep(0.05)
        pool.open(1, options(), ("good",))
        end = send(pool, 1, speech(1, 2))
        await asyncio.sleep(0.3)
        assert plain.openings == []
        await good.start()
        send(pool, 1, speech(3), end)
        await until(lambda: heard.text(1) == ["w1", "w2", "w3"])
