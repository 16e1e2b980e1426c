"""A channel whose language is found out goes where that is known, utterance by utterance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from asr.wire.client import PoolTimings, RecognizerPool
from callscribe.domain.language import UNKNOWN
from tests.asr.fake_recognizer import CHINESE, FRAME, TOLD_FRAMES, FakeRecognizer
from tests.asr.test_client import QUICK, Transcripts, options, running, send, speech, until

ENGINES = ("moonshine", "funasr", "sensevoice")
ZH = CHINESE
"""The first Chinese word; those after it are Chinese too."""
ANY = replace(options(), language=UNKNOWN)
IMPATIENT = replace(QUICK, missed_s=0.1)


@dataclass(frozen=True)
class Rig:
    """A specialist of each language, and one that knows both."""

    english: FakeRecognizer
    chinese: FakeRecognizer
    both: FakeRecognizer
    pool: RecognizerPool
    heard: Transcripts

    def engines(self) -> list[tuple[str, str]]:
        """The finals' texts, and what heard them."""
        return [(final.text, final.engine) for _, final in self.heard.finals]

    def counted(self, name: str) -> float:
        return self.pool.counters().get(name, 0)


@asynccontextmanager
async def rig(timings: PoolTimings = QUICK, *, chinese_is_told: bool = False) -> AsyncIterator[Rig]:
    """Where `chinese_is_told`, the specialist of Chinese cannot take a channel whose language is found out."""
    english = FakeRecognizer(kind="moonshine", languages=("en",))
    chinese = FakeRecognizer(kind="funasr", languages=("zh",), identifies=not chinese_is_told)
    both = FakeRecognizer(kind="sensevoice", languages=("zh", "en"))
    async with AsyncExitStack() as stack:
        for recognizer in (english, chinese, both):
            await stack.enter_async_context(recognizer)
        heard = Transcripts()
        pool = RecognizerPool(tuple(one.url for one in (english, chinese, both)), heard, timings=timings)
        await stack.enter_async_context(running(pool))
        await until(lambda: pool.counters().get("recognizer_connections", 0) == 3)
        yield Rig(english, chinese, both, pool, heard)


async def test_each_utterance_is_heard_whole_by_the_first_engine_that_knows_its_language() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ENGINES)
        end = send(it.pool, 1, speech(1, 2, ZH, ZH + 1, 3))
        it.pool.close(1)
        await until(lambda: 1 in it.heard.closings)
        assert it.engines() == [
            ("w1", "moonshine"),
            ("w2", "moonshine"),
            (f"w{ZH}", "funasr"),
            (f"w{ZH + 1}", "funasr"),
            ("w3", "moonshine"),
        ]
        assert (it.heard.closings[1], it.heard.lost[1]) == (end, ())
        assert it.counted("recognizer_language_changes") == 2
        assert it.counted("recognizer_fallbacks") == 0
        assert it.both.openings == []


async def test_the_next_recogniser_is_told_what_may_be_spoken_and_what_is() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ENGINES)
        send(it.pool, 1, speech(1, ZH))
        await until(lambda: len(it.heard.finals) == 2)
        asked = [(one.options.languages, one.options.spoken) for one in (*it.english.openings, *it.chinese.openings)]
        assert asked == [(("en", "zh"), ""), (("en", "zh"), "zh")]


async def test_what_was_shown_of_the_utterance_keeps_its_name_and_is_replaced() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ENGINES)
        send(it.pool, 1, speech(1, ZH))
        await until(lambda: len(it.heard.finals) == 2)
        final = it.heard.finals[1][1]
        shown = [partial for _, partial in it.heard.partials if partial.end > it.heard.finals[0][1].end]
        assert {partial.start for partial in shown} == {final.start}
        revisions = [partial.revision for partial in shown]
        assert revisions == sorted(set(revisions))


async def test_a_word_that_is_too_short_moves_nothing() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ENGINES)
        end = send(it.pool, 1, speech(1))
        send(it.pool, 1, speech(ZH, samples=(TOLD_FRAMES - 2) * FRAME), end)
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines()[1] == (f"w{ZH}", "moonshine")
        assert it.counted("recognizer_language_changes") == 0


async def test_what_turns_out_on_the_way_sends_a_channel_no_second_time() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ENGINES)
        mixed = speech(ZH, 1, pause=0)
        end = send(it.pool, 1, mixed)
        end = send(it.pool, 1, speech(2), end)
        end = send(it.pool, 1, speech(3), end + 2400)
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines() == [(f"w{ZH} w1 w2", "funasr"), ("w3", "moonshine")]
        assert it.counted("recognizer_language_changes") == 2


async def test_the_engine_to_spare_takes_the_language_of_one_that_is_gone_and_gives_it_back() -> None:
    async with rig() as it:
        await it.chinese.kill()
        await asyncio.sleep(0.1)
        it.pool.open(1, ANY, ENGINES)
        end = send(it.pool, 1, speech(ZH))
        await until(lambda: it.engines() == [(f"w{ZH}", "sensevoice")])
        assert it.counted("recognizer_fallbacks") == 1
        await it.chinese.start()
        await until(lambda: it.both.channels == 0)
        send(it.pool, 1, speech(ZH + 1), end)
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines()[1] == (f"w{ZH + 1}", "funasr")


async def test_a_language_whose_only_engine_is_gone_waits_for_it_and_loses_nothing() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ENGINES[:2])
        end = send(it.pool, 1, speech(1))
        await until(lambda: len(it.heard.finals) == 1)
        await it.chinese.kill()
        end = send(it.pool, 1, speech(ZH, ZH + 1), end)
        await until(lambda: it.counted("recognizer_language_changes") == 1)
        await it.chinese.start()
        it.pool.close(1)
        await until(lambda: 1 in it.heard.closings)
        assert it.engines()[1:] == [(f"w{ZH}", "funasr"), (f"w{ZH + 1}", "funasr")]
        assert it.heard.lost[1] == ()


async def test_a_language_whose_engine_stays_away_is_heard_by_another_until_it_is_back() -> None:
    async with rig(IMPATIENT) as it:
        it.pool.open(1, ANY, ENGINES[:2])
        end = send(it.pool, 1, speech(1))
        await until(lambda: len(it.heard.finals) == 1)
        await it.chinese.kill()
        end = send(it.pool, 1, speech(ZH), end)
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines()[1] == (f"w{ZH}", "moonshine")
        await it.chinese.start()
        await until(lambda: it.chinese.channels == 1)
        send(it.pool, 1, speech(ZH + 1), end)
        await until(lambda: len(it.heard.finals) == 3)
        assert it.engines()[2] == (f"w{ZH + 1}", "funasr")


async def test_an_engine_that_comes_later_adds_what_may_be_spoken() -> None:
    async with rig(IMPATIENT) as it:
        await it.chinese.kill()
        await asyncio.sleep(0.2)
        it.pool.open(1, ANY, ENGINES[:2])
        end = send(it.pool, 1, speech(1))
        await until(lambda: len(it.heard.finals) == 1)
        await it.chinese.start()
        await until(lambda: len(it.english.openings) == 2)
        assert [one.options.languages for one in it.english.openings] == [(), ("en", "zh")]
        send(it.pool, 1, speech(ZH), end)
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines() == [("w1", "moonshine"), (f"w{ZH}", "funasr")]


async def test_an_engine_that_must_be_told_the_language_gets_no_channel_whose_language_is_found_out() -> None:
    async with rig(chinese_is_told=True) as it:
        it.pool.open(1, ANY, ENGINES)
        send(it.pool, 1, speech(1, ZH))
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines() == [("w1", "moonshine"), (f"w{ZH}", "sensevoice")]
        assert it.counted("channels_refused") == 0


async def test_what_a_better_engine_has_time_for_again_is_no_change_of_language() -> None:
    async with rig() as it:
        it.chinese.real_time_factor = 1.0
        await asyncio.sleep(0.2)
        it.pool.open(1, ANY, ENGINES[1:])
        end = send(it.pool, 1, speech(ZH))
        await until(lambda: len(it.heard.finals) == 1)
        it.chinese.real_time_factor = 0.1
        await asyncio.sleep(0.2)
        send(it.pool, 1, speech(ZH + 1), end)
        await until(lambda: len(it.heard.finals) == 2)
        assert it.engines() == [(f"w{ZH}", "sensevoice"), (f"w{ZH + 1}", "funasr")]
        assert it.counted("recognizer_language_changes") == 0


@pytest.mark.parametrize(("language", "engine"), [("zh", "funasr"), ("zh-CN", "funasr"), ("en-GB", "moonshine")])
async def test_a_language_that_is_set_goes_to_the_first_engine_that_knows_it(language: str, engine: str) -> None:
    async with rig() as it:
        it.pool.open(1, replace(options(), language=language), ENGINES)
        send(it.pool, 1, speech(ZH, 1))
        await until(lambda: len(it.heard.finals) == 2)
        assert {found for _, found in it.engines()} == {engine}
        assert it.counted("channels_refused") == 0
        (opening,) = (*it.english.openings, *it.chinese.openings)
        assert opening.options.languages == ()


async def test_where_all_engines_know_the_same_nothing_is_asked() -> None:
    async with rig() as it:
        it.pool.open(1, ANY, ("sensevoice",))
        send(it.pool, 1, speech(1))
        await until(lambda: len(it.heard.finals) == 1)
        assert it.both.openings[0].options.languages == ()
