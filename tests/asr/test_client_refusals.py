"""The pool against recognisers that refuse channels, speak nonsense or die of what they hear, over real WebSockets."""

from contextlib import AsyncExitStack

import pytest
import structlog
from websockets.asyncio.server import ServerConnection, serve

from asr.wire.client import RecognizerPool
from callscribe.domain.hotword import MAX_HOTWORDS, Hotword
from callscribe.domain.transcript import Final
from tests.asr.fake_recognizer import FakeRecognizer
from tests.asr.test_client import PATIENT, QUICK, Transcripts, options, running, send, speech, until


async def test_a_refused_channel_is_offered_to_another_recogniser() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as full, FakeRecognizer() as free:
        full.refusal = "too-many-channels"
        async with running(RecognizerPool((full.url, free.url), heard, timings=QUICK)) as pool:
            await until(lambda: pool.counters().get("recognizer_connections") == 2)
            for key in range(4):
                pool.open(key, options())
                send(pool, key, speech(1))
                pool.close(key)
            await until(lambda: len(heard.closings) == 4)
    assert [heard.text(key) for key in range(4)] == [["w1"]] * 4
    assert pool.counters()["channels_refused"] >= 1


async def test_a_refused_channel_is_offered_again_later() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        recognizer.refusal = "too-many-channels"
        pool.open(1, options())
        send(pool, 1, speech(1))
        await until(lambda: len(recognizer.openings) == 1)
        recognizer.refusal = None
        await until(lambda: heard.text(1) == ["w1"])


@pytest.mark.parametrize("nonsense", ["{", '{"type":"ready","version":99}', '{"type":"final","number":1}', b"\0\1"])
async def test_nonsense_ends_the_connection_is_counted_and_hurts_no_other(nonsense: str | bytes) -> None:
    async def babble(connection: ServerConnection) -> None:
        await connection.send(nonsense)
        await connection.wait_closed()

    heard = Transcripts()
    async with AsyncExitStack() as stack:
        liar = await stack.enter_async_context(serve(babble, "127.0.0.1", 0))
        sound = await stack.enter_async_context(FakeRecognizer())
        url = f"ws://127.0.0.1:{next(iter(liar.sockets)).getsockname()[1]}"
        pool = await stack.enter_async_context(running(RecognizerPool((url, sound.url), heard, timings=PATIENT)))
        pool.open(1, options())
        send(pool, 1, speech(1))
        pool.close(1)
        await until(lambda: 1 in heard.closings, 60)
        await until(lambda: pool.counters().get("recognizer_violations", 0) >= 1, 60)
    assert heard.text(1) == ["w1"]


async def test_what_recognisers_refused_is_counted_here_whoever_sent_it() -> None:
    heard = Transcripts()
    async with (
        FakeRecognizer(0.02) as first,
        FakeRecognizer(0.02) as second,
        running(RecognizerPool((first.url, second.url), heard, timings=QUICK)) as pool,
    ):
        first.refused, second.refused = 3, 4
        await until(lambda: pool.counters()["recognizer_refusals"] == 7)


async def test_a_channel_that_is_refused_again_and_again_at_its_end_is_given_up() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as full, running(RecognizerPool((full.url,), heard, timings=QUICK)) as pool:
        full.refusal = "too-many-channels"
        pool.open(1, options())
        send(pool, 1, speech(1))
        await until(lambda: len(full.openings) == 1)
        pool.close(1)
        await until(lambda: 1 in heard.closings, QUICK.flush_s + 1.5)
        assert len(full.openings) > 1
    assert heard.closings[1] == 0


async def test_audio_that_kills_every_recogniser_does_not_keep_its_call_from_ending() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        recognizer.frail = True
        pool.open(1, options())
        send(pool, 1, speech(1))
        pool.close(1)
        await until(lambda: 1 in heard.closings, QUICK.flush_s + 1.5)
        assert pool.counters()["recognizer_losses"] > 1
    assert heard.closings[1] == 0


async def test_a_recogniser_that_mixes_up_channels_is_left_and_the_next_is_heard() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        pool.open(1, options())
        await until(pool.ready)
        recognizer.mixed_up = True
        end = send(pool, 1, speech(1))
        await until(lambda: pool.counters().get("recognizer_violations", 0) >= 1)
        recognizer.mixed_up = False
        send(pool, 1, speech(2), end)
        await until(lambda: heard.text(1) == ["w1", "w2"])
    assert {final.channel for _, final in heard.finals} == {0}


async def test_hotwords_that_the_wire_does_not_carry_are_left_out_and_cost_no_connection() -> None:
    heard = Transcripts()
    odd = tuple(map(Hotword, ("Bennett", " ", "x" * 101, "half \ud800", "tab\there", "  router ")))
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        pool.open(1, options(hotwords=odd))
        end = send(pool, 1, speech(1))
        await until(lambda: len(heard.finals) == 1)
        pool.set_hotwords(1, tuple(Hotword(f"word{number}") for number in range(MAX_HOTWORDS + 1)))
        send(pool, 1, speech(2), end)
        await until(lambda: len(heard.finals) == 2)
        assert pool.counters()["hotwords_left_out"] == 4
        assert "recognizer_losses" not in pool.counters()
    assert heard.finals[0][1].text == "w1 +Bennett +tab here +router"
    assert heard.finals[1][1].text.endswith(f"+word{MAX_HOTWORDS - 1}")


class Broken(Transcripts):
    """A listener that breaks its promise not to raise."""

    def final(self, key: int, final: Final) -> None:
        raise KeyError(key)


async def test_a_listener_that_raises_is_told_of_and_keeps_no_other_channel_from_its_close() -> None:
    heard = Broken()
    async with FakeRecognizer() as recognizer:
        pool = RecognizerPool((recognizer.url,), heard, timings=QUICK)
        with structlog.testing.capture_logs() as logged:
            async with running(pool):
                pool.open(1, options())
                send(pool, 1, speech(1))
                await until(lambda: any(line["event"] == "recognizer_link_broke" for line in logged))
                pool.close(1)
        assert heard.closings.keys() == {1}


async def test_a_channel_that_no_recogniser_will_ever_take_waits_for_none_at_its_end() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard)) as pool:
        recognizer.refusal = "unsupported-language"
        pool.open(1, options())
        send(pool, 1, speech(1))
        await until(lambda: pool.counters().get("channels_refused") == 1)
        pool.close(1)
        await until(lambda: heard.closings == {1: 0}, 1.0)
    assert len(recognizer.openings) == 1
