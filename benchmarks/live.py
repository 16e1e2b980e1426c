"""Calls heard live in simulated time, and their second pass: texts, latencies, stability, confidence, CPU."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from asr.passes import Pass, second_pass_of
from asr.settings import RecognizerSettings, SecondPassSettings
from asr.wire.messages import ChannelOptions
from benchmarks.acoustics import by_telephone
from benchmarks.alignment import Aligner
from benchmarks.certainty import Judged
from benchmarks.conditions import revised_and_weighed, stored_texts
from benchmarks.corpus import RATE, Channel
from benchmarks.latency import Latencies, measure, right_words, utterances
from benchmarks.stability import Flicker, flicker_of_committed, flicker_of_shown
from benchmarks.streaming import Heard, Listener
from callscribe.domain.transcript import Final
from tests.wer import normalise


@dataclass(frozen=True, slots=True)
class Call:
    """What came of one channel."""

    said: str
    live: str
    second: str
    audio_s: float
    cpu_s: float
    second_cpu_s: float
    utterances: int
    latencies: Latencies
    shown: Flicker
    committed: Flicker
    words: list[Judged] = field(default_factory=list)
    finals: list[Judged] = field(default_factory=list)
    """An utterance is right when each of its words is."""


def hear_all(channels: Sequence[Channel], jobs: int, on_done: Callable[[], None]) -> list[Call]:
    """Every channel, in `jobs` processes."""
    with ProcessPoolExecutor(jobs) as pool:
        calls = []
        for call in pool.map(hear, channels):
            calls.append(call)
            on_done()
    return calls


def hear(channel: Channel) -> Call:
    """One channel through the telephone's codec, at the settings that a service has by default."""
    listener, aligner, second_pass = _loaded()
    pcm, reference = by_telephone(channel.pcm), aligner.words(channel)
    heard = listener.hear(pcm, ChannelOptions(channel=0, rate=RATE))
    began = time.process_time()
    revised = revised_and_weighed(second_pass, pcm, heard.finals)
    second_cpu_s = time.process_time() - began
    second = stored_texts(heard.finals, revised)
    latencies = Latencies()
    measure(channel, heard, reference, latencies)
    words, finals = _judged(heard, [word.text for word in reference])
    spoken = utterances(heard)
    return Call(
        channel.text,
        heard.text,
        " ".join(second),
        channel.seconds,
        heard.cpu_s,
        second_cpu_s,
        len(spoken),
        latencies,
        sum((flicker_of_shown(one.partials, one.texts[-1]) for one in spoken), Flicker()),
        sum((flicker_of_committed(one.partials, one.texts[-1]) for one in spoken), Flicker()),
        words,
        finals,
    )


@cache
def _loaded() -> tuple[Listener, Aligner, Pass]:
    second_pass = second_pass_of(SecondPassSettings(), RecognizerSettings())
    # Its model is loaded at its first use, which is no channel's cost.
    second_pass.revise(np.zeros(RATE, np.int16), RATE, [(0, RATE)])
    return Listener(), Aligner(), second_pass


def _judged(heard: Heard, reference: Sequence[str]) -> tuple[list[Judged], list[Judged]]:
    """Words and finals, right or wrong by the least errors of the channel."""
    written = [[(part, word.confidence) for word in _words(final) for part in _parts(word)] for final in heard.finals]
    flat = [part for parts in written for part in parts]
    right = right_words(reference, [part for part, _ in flat])
    words: list[Judged] = []
    finals: list[Judged] = []
    index = 0
    for final, parts in zip(heard.finals, written, strict=True):
        judged = [Judged(confidence, index + place in right) for place, (_, confidence) in enumerate(parts)]
        index += len(parts)
        words += judged if final.words else []
        finals.append(Judged(final.confidence, all(word.right for word in judged)))
    return words, finals


@dataclass(frozen=True, slots=True)
class _Spoken:
    text: str
    confidence: float


def _words(final: Final) -> list[_Spoken]:
    """The final's words; all of its text as one where the engine gives none."""
    return [_Spoken(word.text, word.confidence) for word in final.words] or [_Spoken(final.text, final.confidence)]


def _parts(word: _Spoken) -> list[str]:
    return normalise(word.text).split()
