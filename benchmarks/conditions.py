"""The word error rate of both passes, under all that may happen to a voice on its way: one table, a row a condition.

Live text is that of `asr.offline.transcribe`: the live recogniser's endpointing and engine on a whole channel, whose
finals are those of a call. Every channel passes through the telephone's codec last, unless its row says otherwise.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from asr.combination import revision_of
from asr.offline import transcribe
from asr.passes import Pass, second_pass_of
from asr.second_pass import SecondPassText
from asr.settings import RecognizerSettings, SecondPassSettings
from benchmarks.acoustics import by_telephone, far_field, in_babble, in_white_noise, lowered
from benchmarks.corpus import RATE, Channel, Pcm, channels, odd_prompts, unbroken
from benchmarks.voices import Voice
from callscribe.domain.transcript import Final
from tests.wer import word_error_rate


@dataclass(frozen=True, slots=True)
class Case:
    """A channel as it reaches the recogniser, and what is said on it."""

    condition: str
    pcm: Pcm
    text: str
    second_pass: bool = True


@dataclass(frozen=True, slots=True)
class Texts:
    """What both passes made of a case."""

    case: Case
    live: str
    second: str | None
    """What is stored after the second pass; None where it was not asked for."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Word error rates of one condition."""

    condition: str
    live: float
    second_pass: float | None


def run(cases: Sequence[Case], jobs: int, on_done: Callable[[], None]) -> list[Texts]:
    """Both passes over every case, in `jobs` processes."""
    with ProcessPoolExecutor(jobs) as pool:
        done = []
        for texts in pool.map(hear, cases):
            done.append(texts)
            on_done()
    return done


def hear(case: Case) -> Texts:
    """Both passes over a case."""
    finals = transcribe(case.pcm, RATE)
    live = " ".join(final.text for final in finals)
    if not case.second_pass:
        return Texts(case, live, None)
    second = stored_texts(finals, revised_and_weighed(_second_pass(), case.pcm, finals))
    return Texts(case, live, " ".join(second))


def revised_and_weighed(second_pass: Pass, pcm: Pcm, finals: Sequence[Final]) -> tuple[SecondPassText | None, ...]:
    """What the second pass makes of each utterance."""
    spans = [(final.start, final.end) for final in finals]
    return second_pass.weigh(pcm, RATE, spans, finals, second_pass.revise(pcm, RATE, spans))


def stored_texts(finals: Sequence[Final], second: Sequence[SecondPassText | None]) -> list[str]:
    """What a service would hold of each utterance in the end."""
    return [
        revision_of(final, UUID(int=0), text, "").text if text else final.text
        for final, text in zip(finals, second, strict=True)
    ]


@cache
def _second_pass() -> Pass:
    return second_pass_of(SecondPassSettings(), RecognizerSettings())


def rates(heard: Iterable[Texts]) -> list[Rates]:
    """Word error rates by condition, in the order in which they came."""
    by_condition: dict[str, list[Texts]] = {}
    for texts in heard:
        by_condition.setdefault(texts.case.condition, []).append(texts)
    return [_rates(condition, group) for condition, group in by_condition.items()]


def _rates(condition: str, group: Sequence[Texts]) -> Rates:
    said = [one.case.text for one in group]
    live = word_error_rate(said, [one.live for one in group])
    seconds = [one.second for one in group if one.second is not None]
    second = round(word_error_rate(said, seconds), 4) if seconds else None
    return Rates(condition, round(live, 4), second)


def acoustic_cases(every: int, others: Sequence[Pcm]) -> list[Case]:
    """The odd prompts, near and far, loud and low, in quiet and in noise. `others` are the voices of the babble."""
    clean = channels(odd_prompts(every))
    conditions: dict[str, Callable[[Channel], Pcm]] = {
        "clean": lambda channel: channel.pcm,
        "20 dB lower": lambda channel: lowered(channel, 20),
        "40 dB lower": lambda channel: lowered(channel, 40),
        **{f"white noise {db} dB": _noisy(in_white_noise, db) for db in (20, 10, 5)},
        **{f"babble {db} dB": _noisy(lambda one, snr: in_babble(one, snr, others), db) for db in (20, 10, 5)},
        "far field, RT60 0.3 s": lambda channel: far_field(channel, 0.3),
        "far field, RT60 0.6 s": lambda channel: far_field(channel, 0.6),
    }
    cases = [Case("clean, no codec", channel.pcm, channel.text) for channel in clean]
    cases += [Case("40 dB lower, no codec", lowered(channel, 40), channel.text) for channel in clean]
    for name, change in conditions.items():
        cases += [Case(name, by_telephone(change(channel)), channel.text) for channel in clean]
    cases += [Case("unbroken speech", by_telephone(one.pcm), one.text) for one in unbroken(odd_prompts(every))]
    return cases


def voice_cases(voices: Iterable[Voice], every: int) -> list[Case]:
    """Other people through the telephone."""
    return [
        Case(voice.name, by_telephone(channel.pcm), channel.text)
        for voice in voices
        for channel in channels(voice.clips[::every])
    ]


def _noisy(add: Callable[[Channel, float], Pcm], snr_db: float) -> Callable[[Channel], Pcm]:
    return lambda channel: add(channel, snr_db)
