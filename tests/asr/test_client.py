"""The pool against recognisers that die, refuse, hang and say nonsense, over real WebSockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from asr.wire.client import ChannelOptions, LostAudio, PoolTimings, RecognizerPool
from asr.wire.messages import RATES
from callscribe.domain.audio import AudioChunk
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Partial
from tests.asr.fake_recognizer import FRAME, RATE, FakeRecognizer

CHUNK = 800
QUICK = PoolTimings(
    connect_s=2, ready_s=2, stall_s=0.5, blocked_s=0.5, first_retry_s=0.02, last_retry_s=0.1,
    proven_s=0.1, refused_s=0.2, unreachable_s=0.5, flush_s=1.0,
)  # fmt: skip
PATIENT = replace(QUICK, connect_s=20, ready_s=20, stall_s=20, blocked_s=20, flush_s=20)
"""Where a busy machine must not be taken for a second loss."""


@dataclass
class Transcripts:
    """A listener that keeps everything."""

    partials: list[tuple[int, Partial]] = field(default_factory=list)
    finals: list[tuple[int, Final]] = field(default_factory=list)
    acknowledgements: dict[int, list[int]] = field(default_factory=dict)
    closings: dict[int, int] = field(default_factory=dict)
    lost: dict[int, tuple[LostAudio, ...]] = field(default_factory=dict)

    def partial(self, key: int, partial: Partial) -> None:
        self.partials.append((key, partial))

    def final(self, key: int, final: Final) -> None:
        self.finals.append((key, final))

    def acknowledged(self, key: int, offset: int) -> None:
        self.acknowledgements.setdefault(key, []).append(offset)

    def closed(self, key: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        assert key not in self.closings
        self.closings[key], self.lost[key] = offset, lost

    def text(self, key: int) -> list[str]:
        return [word for one, final in self.finals if one == key for word in final.text.split()]


def speech(*words: int, samples: int = 4000, pause: int = 2400) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Each word a run of its own value, a pause after each."""
    return np.concatenate([np.concatenate([np.full(samples, n), np.zeros(pause)]) for n in words]).astype("<i2")


def send(pool: RecognizerPool, key: int, pcm: np.ndarray[tuple[int], np.dtype[np.int16]], offset: int = 0) -> int:
    for start in range(0, len(pcm), CHUNK):
        pool.send(key, AudioChunk(0, offset + start, pcm[start : start + CHUNK].tobytes()))
    return offset + len(pcm)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(pool: RecognizerPool) -> AsyncIterator[RecognizerPool]:
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


def options(hotwords: tuple[Hotword, ...] = ()) -> ChannelOptions:
    return ChannelOptions(channel=0, rate=RATE, hotwords=hotwords)


async def test_words_come_as_partials_then_finals_then_closed() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard)) as pool:
        pool.open(7, options())
        end = send(pool, 7, speech(1, 2, 3))
        pool.close(7)
        await until(lambda: 7 in heard.closings)
    assert heard.text(7) == ["w1", "w2", "w3"]
    assert heard.closings[7] == end
    assert heard.acknowledgements[7] == sorted(set(heard.acknowledgements[7]))
    first = [partial for _, partial in heard.partials if partial.start == 0]
    assert [partial.revision for partial in first] == list(range(1, len(first) + 1))


async def test_audio_sent_before_any_recogniser_stands_is_not_lost() -> None:
    heard = Transcripts()
    recognizer = FakeRecognizer()
    await recognizer.start()
    await recognizer.kill()
    async with running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        pool.open(1, options())
        send(pool, 1, speech(1, 2))
        await asyncio.sleep(0.1)
        assert not pool.ready()
        await recognizer.start()
        pool.close(1)
        await until(lambda: 1 in heard.closings)
        assert pool.ready()
    await recognizer.kill()
    assert heard.text(1) == ["w1", "w2"]


@pytest.mark.parametrize("killed_at", range(2000, 22000, 1700))
async def test_a_recogniser_killed_anywhere_loses_and_doubles_no_word(killed_at: int) -> None:
    heard = Transcripts()
    pcm = speech(1, 2, 3, 4)
    async with (
        FakeRecognizer() as recognizer,
        running(RecognizerPool((recognizer.url,), heard, timings=PATIENT)) as pool,
    ):
        pool.open(1, options())
        send(pool, 1, pcm[:killed_at])
        await until(lambda: recognizer.heard > killed_at - FRAME, 60)
        await recognizer.kill()
        send(pool, 1, pcm[killed_at:], killed_at)
        await recognizer.start()
        pool.close(1)
        await until(lambda: 1 in heard.closings, 60)
    assert heard.text(1) == ["w1", "w2", "w3", "w4"]
    assert heard.closings[1] == len(pcm)
    assert pool.counters()["recognizer_losses"] == 1


async def test_an_utterance_cut_by_a_loss_keeps_its_start_and_its_revisions_grow() -> None:
    heard = Transcripts()
    pcm = np.concatenate([np.zeros(3000), speech(5, samples=12000)]).astype("<i2")
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        pool.open(1, options())
        send(pool, 1, pcm[:8000])
        await until(lambda: bool(heard.partials) and heard.partials[-1][1].end > 7000)
        await recognizer.kill()
        await recognizer.start()
        send(pool, 1, pcm[8000:], 8000)
        pool.close(1)
        await until(lambda: 1 in heard.closings)
        assert recognizer.openings[1].offset > 0
    assert {partial.start for _, partial in heard.partials} == {heard.finals[0][1].start}
    revisions = [partial.revision for _, partial in heard.partials]
    assert revisions == sorted(set(revisions))


async def test_channels_of_a_dead_recogniser_go_on_at_another_from_what_was_delivered() -> None:
    heard = Transcripts()
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(FakeRecognizer()) for _ in range(2)]
        pool = RecognizerPool((first.url, second.url), heard, timings=QUICK)
        await stack.enter_async_context(running(pool))
        await until(lambda: pool.counters().get("recognizer_connections") == 2)
        for key in range(6):
            pool.open(key, options())
            send(pool, key, speech(10 + key, 20 + key))
        await until(lambda: len(heard.finals) >= 6)
        assert (first.channels, second.channels) == (3, 3)
        await first.kill()
        for key in range(6):
            send(pool, key, speech(30 + key), 12800)
            pool.close(key)
        await until(lambda: len(heard.closings) == 6)
    assert all(heard.text(key) == [f"w{10 + key}", f"w{20 + key}", f"w{30 + key}"] for key in range(6))
    again = second.openings[3:]
    assert len(again) == 3
    assert all(opening.offset > 0 for opening in again)


async def test_a_recogniser_that_comes_back_takes_its_share_again() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as first, FakeRecognizer() as second:
        await second.kill()
        async with running(RecognizerPool((first.url, second.url), heard, timings=QUICK)) as pool:
            for key in range(4):
                pool.open(key, options())
                send(pool, key, speech(1)[:2000])
            await until(lambda: first.channels == 4)
            await second.start()
            await until(lambda: (first.channels, second.channels) == (2, 2))
            for key in range(4):
                send(pool, key, speech(1)[2000:], 2000)
                pool.close(key)
            await until(lambda: len(heard.closings) == 4)
    assert [heard.text(key) for key in range(4)] == [["w1"]] * 4


async def test_released_audio_is_not_sent_again() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        recognizer.mute = True
        pool.open(1, options())
        end = send(pool, 1, speech(1, 2))
        await until(lambda: recognizer.channels == 1)
        pool.release(1, 6400)
        await recognizer.kill()
        recognizer.mute = False
        await recognizer.start()
        pool.close(1)
        await until(lambda: 1 in heard.closings)
    assert heard.text(1) == ["w2"]
    assert heard.closings[1] == end
    assert recognizer.openings[1].offset == 6400


async def test_what_no_recogniser_could_hear_in_time_is_lost_counted_and_told() -> None:
    heard = Transcripts()
    recognizer = FakeRecognizer()
    await recognizer.start()
    await recognizer.kill()
    async with running(RecognizerPool((recognizer.url,), heard, replay_s=2, timings=QUICK)) as pool:
        pool.open(1, options())
        send(pool, 1, speech(1, 2, 3, 4, 5))
        await recognizer.start()
        pool.close(1)
        await until(lambda: 1 in heard.closings)
    await recognizer.kill()
    assert heard.text(1) == ["w3", "w4", "w5"]
    assert heard.closings[1] == 5 * 6400
    assert heard.lost[1] == (LostAudio(0, 5 * 6400 - 2 * RATE),)
    assert pool.counters()["samples_lost"] == 5 * 6400 - 2 * RATE


async def test_what_is_said_after_a_loss_is_acknowledged_and_no_part_of_it() -> None:
    heard = Transcripts()
    recognizer = FakeRecognizer()
    await recognizer.start()
    async with running(RecognizerPool((recognizer.url,), heard, replay_s=2, timings=QUICK)) as pool:
        pool.open(1, options())
        end = send(pool, 1, speech(1))
        await until(lambda: heard.text(1) == ["w1"])
        before = heard.finals[0][1].end
        await recognizer.kill()
        end = send(pool, 1, speech(2, 3, 4, 5), end)
        await recognizer.start()
        await until(lambda: heard.text(1)[-1] == "w5")
        end = send(pool, 1, speech(6, 7), end)
        await until(lambda: heard.text(1)[-1] == "w7")
        assert heard.acknowledgements[1][-1] >= heard.finals[-1][1].end
        pool.close(1)
        await until(lambda: 1 in heard.closings)
    await recognizer.kill()
    assert heard.text(1) == ["w1", "w3", "w4", "w5", "w6", "w7"]
    assert heard.closings[1] == end
    (lost,) = heard.lost[1]
    assert before <= lost.start <= 6400
    assert lost.end == 5 * 6400 - 2 * RATE


async def test_a_channel_ends_although_no_recogniser_comes_back() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        pool.open(1, options())
        send(pool, 1, speech(1, 2))
        await until(lambda: heard.text(1) == ["w1", "w2"])
        reached = heard.finals[-1][1].end
        await recognizer.kill()
        send(pool, 1, speech(3), 12800)
        pool.close(1)
        await until(lambda: 1 in heard.closings)
    assert heard.text(1) == ["w1", "w2"]
    assert reached <= heard.closings[1] <= 12800
    assert pool.counters()["channels_given_up"] == 1


async def test_a_channel_without_audio_closes_at_once_even_without_a_recogniser() -> None:
    heard = Transcripts()
    async with running(RecognizerPool(("ws://127.0.0.1:9",), heard)) as pool:
        pool.open(1, options())
        pool.close(1)
        await until(lambda: heard.closings == {1: 0}, 1.0)


async def test_a_recogniser_that_stops_reading_holds_neither_the_loop_nor_the_words() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as stuck, FakeRecognizer() as sound:
        stuck.reading.clear()
        async with running(RecognizerPool((stuck.url,), heard, timings=QUICK)) as alone:
            alone.open(1, options())
            began = asyncio.get_running_loop().time()
            for second in range(600):
                send(alone, 1, np.zeros(RATE, "<i2"), second * RATE)
            assert asyncio.get_running_loop().time() - began < 1.0
            alone.close(1)
            await until(lambda: 1 in heard.closings)
        async with running(RecognizerPool((sound.url,), heard, timings=QUICK)) as other:
            other.open(2, options())
            send(other, 2, speech(4))
            other.close(2)
            await until(lambda: 2 in heard.closings)
        stuck.reading.set()
    assert heard.text(2) == ["w4"]


async def test_a_recogniser_that_falls_silent_is_left_for_another() -> None:
    heard = Transcripts()
    async with FakeRecognizer(load_s=60) as silent, FakeRecognizer() as sound:
        async with running(RecognizerPool((silent.url,), heard, timings=QUICK)) as pool:
            pool.open(1, options())
            await until(lambda: pool.counters().get("recognizer_losses", 0) >= 1)
        async with running(RecognizerPool((silent.url, sound.url), heard, timings=QUICK)) as pool:
            pool.open(2, options())
            silent.mute = True
            send(pool, 2, speech(1, 2))
            await until(lambda: len(heard.finals) == 2)
            pool.close(2)
            await until(lambda: 2 in heard.closings)
    assert heard.text(2) == ["w1", "w2"]


async def test_hotwords_reach_the_recogniser_during_the_call_and_again_after_a_loss() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        pool.open(1, options(hotwords=(Hotword("Bennett"),)))
        end = send(pool, 1, speech(1))
        await until(lambda: len(heard.finals) == 1)
        pool.set_hotwords(1, (Hotword("router"),))
        end = send(pool, 1, speech(2), end)
        await until(lambda: len(heard.finals) == 2)
        await recognizer.kill()
        await recognizer.start()
        send(pool, 1, speech(3), end)
        await until(lambda: len(heard.finals) == 3)
    assert [final.text for _, final in heard.finals] == ["w1 +Bennett", "w2 +router", "w3 +router"]


async def test_a_channel_that_begins_late_is_opened_where_its_audio_begins() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard)) as pool:
        pool.open(1, options())
        end = send(pool, 1, speech(1), 80_000)
        pool.close(1)
        await until(lambda: 1 in heard.closings)
    assert recognizer.openings[0].offset == 80_000
    assert heard.closings[1] == end


async def test_stopping_answers_every_close_and_leaves_no_task() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer:
        before = len(asyncio.all_tasks())
        recognizer.mute = True
        async with running(RecognizerPool((recognizer.url,), heard)) as pool:
            for key in (1, 2):
                pool.open(key, options())
                send(pool, key, speech(1))
            pool.close(1)
            await until(lambda: bool(recognizer.closings))
        await until(lambda: len(asyncio.all_tasks()) == before)
    assert heard.closings == {1: 0}


async def test_opening_a_key_twice_is_a_mistake_of_the_caller() -> None:
    pool = RecognizerPool((), Transcripts())
    pool.open(1, options())
    with pytest.raises(ValueError, match="channel 1 is open"):
        pool.open(1, ChannelOptions(channel=1, rate=RATES[0]))


async def test_a_channel_that_is_given_up_is_not_closed_twice_at_its_recogniser() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard, timings=QUICK)) as pool:
        recognizer.mute = True
        for key in (1, 2):
            pool.open(key, options())
            send(pool, key, speech(1))
        pool.close(1)
        await until(lambda: 1 in heard.closings)
        send(pool, 2, speech(2), 6400)
        await until(lambda: recognizer.heard >= 12000)
    assert len(recognizer.closings) == 1
    assert "recognizer_losses" not in pool.counters()


async def test_what_a_recogniser_fails_on_is_told_to_be_lost_and_counted_and_nothing_else() -> None:
    heard = Transcripts()
    async with FakeRecognizer() as recognizer, running(RecognizerPool((recognizer.url,), heard)) as pool:
        recognizer.failing = True
        pool.open(1, options())
        recognizer_told = send(pool, 1, speech(1, 2))
        pool.close(1)
        await until(lambda: 1 in heard.closings)
        assert pool.counters()["utterances_undecoded"] == len(heard.lost[1]) == 2
    assert heard.finals == []
    assert heard.closings[1] == recognizer_told
    assert heard.lost[1][0].start == 0
    assert all(lost.end - lost.start > RATE // 10 for lost in heard.lost[1])


@pytest.mark.parametrize("turns", range(12))
async def test_a_pool_stops_at_whatever_moment_of_a_lost_connection(turns: int) -> None:
    """Also while it waits for the end of the task that sent, or for the end of the closing handshake."""
    async with FakeRecognizer() as recognizer:
        pool = RecognizerPool((recognizer.url,), Transcripts(), timings=QUICK)
        await pool.start()
        await until(pool.ready)
        recognizer.cut()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await pool.stop()
