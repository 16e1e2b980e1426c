"""What every engine that is installed must do, through the same recogniser: the scheduler with its real ears."""

import gc
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import Ears
from asr.engine import Engine
from asr.engines import load_ears, load_engine
from asr.scheduler import Scheduler
from asr.wire.messages import (
    Acknowledged,
    Audio,
    ChannelOptions,
    ClientMessage,
    Close,
    Closed,
    FinalReport,
    Open,
    PartialReport,
    ServerMessage,
)
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import joined, units
from tests.asr.contenders import CONTENDERS, Contender
from tests.wer import word_error_rate

RATE = 8_000
STEP = RATE // 10
PAUSE = np.zeros(3 * RATE // 2, np.int16)

Pcm = NDArray[np.int16]


@pytest.fixture(scope="module", params=CONTENDERS, ids=lambda contender: contender.name)
def contender(request: pytest.FixtureRequest) -> Contender:
    found: Contender = request.param
    return found


@pytest.fixture(scope="module")
def engine(contender: Contender) -> Engine:
    return load_engine(contender.settings)


@pytest.fixture(scope="module")
def ears(contender: Contender) -> Ears:
    return load_ears(contender.settings)


def talk(parts: Sequence[Pcm]) -> Pcm:
    """The parts with pauses that end utterances, before the first and after the last too."""
    return np.concatenate([PAUSE, *(piece for part in parts for piece in (part, PAUSE))])


def messages_of(number: int, pcm: Pcm, options: ChannelOptions) -> list[ClientMessage]:
    sent: list[ClientMessage] = [Open(number, 0, options)]
    sent += [Audio(number, at, pcm[at : at + STEP].tobytes()) for at in range(0, len(pcm), STEP)]
    return [*sent, Close(number)]


def hear(scheduler: Scheduler, *channels: list[ClientMessage]) -> dict[int, list[ServerMessage]]:
    """What is said of each channel when all are heard side by side, in steps of 100 ms, as calls are."""
    heard: dict[int, list[ServerMessage]] = {number: [] for number in range(len(channels))}
    for place in range(max(map(len, channels))):
        for messages in channels:
            if place < len(messages):
                scheduler.accept(0, messages[place])
        while (turn := scheduler.work()) is not None:
            for _, message in turn.deliveries:
                if isinstance(message, PartialReport | FinalReport | Acknowledged | Closed):
                    heard[message.number].append(message)
    return heard


def text_of(messages: Sequence[ServerMessage]) -> str:
    return joined(*(message.final.text for message in messages if isinstance(message, FinalReport)))


def spaced(text: str) -> str:
    """With blanks between all units, so that errors are counted by them."""
    return " ".join(units(text))


def resident() -> int:
    """Bytes of memory that this process holds (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def options_of(contender: Contender, *hotwords: Hotword) -> ChannelOptions:
    return ChannelOptions(channel=0, rate=RATE, language=contender.language, hotwords=hotwords)


def test_words_are_right_and_events_follow_the_grammar(contender: Contender, engine: Engine, ears: Ears) -> None:
    """Partials of rising revision, then their final; finals in order, acknowledged, and `closed` last."""
    said = contender.utterances()
    pcm = talk([utterance.pcm for utterance in said])
    messages = hear(Scheduler(engine, ears), messages_of(0, pcm, options_of(contender)))[0]
    texts = [spaced(joined(*(utterance.text for utterance in said)))], [spaced(text_of(messages))]
    assert word_error_rate(*texts) <= contender.limit, texts
    finals = [message.final for message in messages if isinstance(message, FinalReport)]
    assert len(finals) >= len(said) - 1
    assert all(earlier.end <= later.start for earlier, later in pairwise(finals))
    assert all(0 <= final.start < final.end <= len(pcm) and 0 <= final.confidence <= 1 for final in finals)
    assert all(final.engine == engine.name and final.language == contender.language for final in finals)
    partials = [message.partial for message in messages if isinstance(message, PartialReport)]
    for final in finals:
        revisions = [partial.revision for partial in partials if partial.start == final.start]
        assert revisions == list(range(1, len(revisions) + 1))
        assert bool(revisions) == engine.capabilities.partials
    assert messages[-1] == Closed(0, len(pcm))
    offsets = [message.offset for message in messages if isinstance(message, Acknowledged)]
    assert offsets == sorted(set(offsets))


def test_words_lie_in_their_utterance_in_order(contender: Contender, engine: Engine, ears: Ears) -> None:
    if not engine.capabilities.word_times:
        pytest.skip("it gives no word times, and says so")
    pcm = talk([utterance.pcm for utterance in contender.utterances()[:3]])
    for message in hear(Scheduler(engine, ears), messages_of(0, pcm, options_of(contender)))[0]:
        if isinstance(message, FinalReport):
            final = message.final
            assert len(final.words) == len(units(final.text))
            places = [place for word in final.words for place in (word.start, word.end)]
            assert places == sorted(places)
            # The first sound may lie in the pre-roll, the last in what follows.
            assert final.start - RATE // 2 <= places[0] <= places[-1] <= final.end + RATE // 2


def test_two_channels_at_once_say_what_each_says_alone(contender: Contender, engine: Engine, ears: Ears) -> None:
    said = contender.utterances()
    lines = [talk([utterance.pcm for utterance in said[place::2][:2]]) for place in range(2)]
    alone = [text_of(hear(Scheduler(engine, ears), messages_of(0, line, options_of(contender)))[0]) for line in lines]
    together = hear(
        Scheduler(engine, ears),
        *(messages_of(number, line, options_of(contender)) for number, line in enumerate(lines)),
    )
    assert [text_of(together[number]) for number in range(2)] == alone
    assert alone[0] != alone[1]


def test_silence_and_no_audio_at_all_give_no_text(contender: Contender, engine: Engine, ears: Ears) -> None:
    silent, empty = np.zeros(5 * RATE, np.int16), np.zeros(0, np.int16)
    heard = hear(
        Scheduler(engine, ears),
        messages_of(0, silent, options_of(contender)),
        messages_of(1, empty, options_of(contender)),
    )
    for number, length in enumerate((len(silent), 0)):
        assert not any(isinstance(message, PartialReport | FinalReport) for message in heard[number])
        assert heard[number][-1] == Closed(number, length)


def test_a_caller_who_goes_mid_word_leaves_nothing_behind(contender: Contender, engine: Engine, ears: Ears) -> None:
    first, second = contender.utterances()[:2]
    scheduler = Scheduler(engine, ears)
    for message in messages_of(0, talk([first.pcm])[: len(PAUSE) + len(first.pcm) // 2], options_of(contender))[:-1]:
        scheduler.accept(7, message)
        while scheduler.work() is not None:
            pass
    scheduler.drop(7)
    again = hear(scheduler, messages_of(0, talk([second.pcm]), options_of(contender)))[0]
    fresh = hear(Scheduler(engine, ears), messages_of(0, talk([second.pcm]), options_of(contender)))[0]
    assert text_of(again) == text_of(fresh) != ""


def test_hotwords_that_nobody_says_change_little(contender: Contender, engine: Engine, ears: Ears) -> None:
    """And a list of any content does no harm: addresses, paths and marks are words like others."""
    said = contender.utterances()[:4]
    pcm = talk([utterance.pcm for utterance in said])
    unsaid = tuple(map(Hotword, ("http://127.0.0.1:1/list", "/etc/passwd", "Quillfeather", "…", "齉")))
    messages = hear(Scheduler(engine, ears), messages_of(0, pcm, options_of(contender, *unsaid)))[0]
    texts = [spaced(joined(*(utterance.text for utterance in said)))], [spaced(text_of(messages))]
    assert word_error_rate(*texts) <= contender.limit + 0.1, texts


def test_a_hotword_decides_on_its_own_channel_only(contender: Contender, engine: Engine, ears: Ears) -> None:
    """By the engine itself: nothing is corrected by its sound."""
    if contender.ambiguous is None:
        pytest.skip("nothing that it knows sounds the same and is spelled otherwise")
    ambiguous = contender.ambiguous()
    pcm = talk([ambiguous.spoken.pcm])
    heard = hear(
        Scheduler(engine, ears),
        messages_of(0, pcm, options_of(contender, Hotword(ambiguous.hotword))),
        messages_of(1, pcm, options_of(contender)),
    )
    assert [text_of(heard[number]) for number in range(2)] == [ambiguous.biased, ambiguous.spoken.text]
    assert ambiguous.biased != ambiguous.spoken.text


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("young_heap")
def test_an_hour_of_one_channel_takes_no_more_memory_at_its_end(
    contender: Contender, engine: Engine, ears: Ears
) -> None:
    """An utterance each two minutes, and silence: what was understood stays the same, and nothing gathers."""
    utterance = contender.utterances()[0]
    stretch = np.concatenate([utterance.pcm, np.zeros(120 * RATE - len(utterance.pcm), np.int16)])
    scheduler = Scheduler(engine, ears)
    scheduler.accept(0, Open(0, 0, replace(options_of(contender), update_ms=2000)))
    texts: list[str] = []
    kept: list[int] = []
    for number in range(30):
        for at in range(0, len(stretch), RATE):
            pcm = stretch[at : at + RATE].tobytes()
            scheduler.accept(0, Audio(0, number * len(stretch) + at, pcm))
            while (turn := scheduler.work()) is not None:
                texts += [one.final.text for _, one in turn.deliveries if isinstance(one, FinalReport)]
        gc.collect()
        kept.append(resident())
    assert len(texts) >= 29
    assert texts[-1] == texts[1] != ""
    # As engines hear it, an hour is thirty times as much.
    assert kept[-1] - kept[3] < 4 * stretch.nbytes


def test_a_model_that_is_not_there_is_told_in_one_sentence(contender: Contender) -> None:
    if contender.broken is None:
        pytest.skip("its model is in a package")
    with pytest.raises(EngineUnavailable, match="-none") as told:
        load_engine(contender.broken)
    assert "\n" not in str(told.value)
