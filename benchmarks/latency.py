"""How long after it was said a word is on the screen, against the audio's own labels. Times are samples or ms."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import jiwer

from benchmarks.alignment import PlacedWord
from benchmarks.corpus import RATE, Channel
from benchmarks.stability import Text
from benchmarks.streaming import Heard, Told
from callscribe.domain.transcript import Final, Partial
from tests.wer import normalise

_BEFORE_ONSET = 6 * RATE // 10
"""An utterance may seem to begin this much before the speech's energy does."""
_BESIDE = RATE // 4
"""An utterance that ends this near to a turn's end ends with it."""


@dataclass(slots=True)
class Latencies:
    """All in ms."""

    first_partial: list[float] = field(default_factory=list)
    """From a turn's onset to the first text of it."""
    shown: list[float] = field(default_factory=list)
    """From a word's end to the first text that has it."""
    settled: list[float] = field(default_factory=list)
    """From a word's end to the first of the texts that have it without a break up to the final."""
    final: list[float] = field(default_factory=list)
    """From the end of an utterance's speech to its final."""

    def add(self, other: "Latencies") -> None:
        """Take in another channel's."""
        self.first_partial += other.first_partial
        self.shown += other.shown
        self.settled += other.settled
        self.final += other.final


@dataclass(frozen=True, slots=True)
class Utterance:
    """The texts that were told of one utterance."""

    told: tuple[Told, ...]
    """Its partials, then its final."""

    @property
    def final(self) -> Final:
        final = self.told[-1].what
        assert isinstance(final, Final)
        return final

    @property
    def texts(self) -> list[list[str]]:
        return [normalise(_shown(told)).split() for told in self.told]

    @property
    def partials(self) -> list[Text]:
        """What each partial showed."""
        committed = [
            len(normalise(told.what.committed).split()) for told in self.told if isinstance(told.what, Partial)
        ]
        return [Text(words, count) for words, count in zip(self.texts, committed, strict=False)]


def utterances(heard: Heard) -> list[Utterance]:
    """Those that had a final, in order."""
    found: list[Utterance] = []
    for final in heard.finals:
        found.append(Utterance(tuple(told for told in heard.told if told.what.start == final.start)))
    return found


def right_words(reference: Sequence[str], heard: Sequence[str]) -> dict[int, int]:
    """The place in `reference` of every word of `heard` that is right, by the least errors."""
    if not reference or not heard:
        return {}
    alignment = jiwer.process_words([" ".join(reference)], [" ".join(heard)]).alignments[0]
    return {
        chunk.hyp_start_idx + step: chunk.ref_start_idx + step
        for chunk in alignment
        if chunk.type == "equal"
        for step in range(chunk.ref_end_idx - chunk.ref_start_idx)
    }


def measure(channel: Channel, heard: Heard, reference: Sequence[PlacedWord], latencies: Latencies) -> None:
    """Add a channel's latencies."""
    for turn in channel.turns:
        shown = [
            told.at
            for told in heard.told
            if told.at > turn.start and turn.start - _BEFORE_ONSET <= told.what.start < turn.end and _shown(told)
        ]
        if shown:
            latencies.first_partial.append(_ms(min(shown) - turn.start))
    spoken = utterances(heard)
    right = right_words([word.text for word in reference], [word for one in spoken for word in one.texts[-1]])
    first = 0
    for utterance in spoken:
        count = len(utterance.texts[-1])
        placed = {index: reference[right[first + index]] for index in range(count) if first + index in right}
        spans = {index: word.span for index, word in placed.items() if word.span is not None}
        latencies.final += [_ms(utterance.told[-1].at - end) for end in _ends(channel, utterance.final, spans)]
        _measure_words(utterance, spans, latencies)
        first += count


def _ends(channel: Channel, final: Final, spans: dict[int, tuple[int, int]]) -> list[int]:
    """Where an utterance's speech ends: with a turn's, by its energy, or else with the last of its words that are
    right; nothing where neither is known."""
    turns = [turn.end for turn in channel.turns if abs(turn.end - final.end) < _BESIDE]
    return turns[:1] or sorted(end for _, end in spans.values())[-1:]


def _measure_words(utterance: Utterance, spans: dict[int, tuple[int, int]], latencies: Latencies) -> None:
    """`spans` has the place of each word of the final that is right."""
    final = utterance.texts[-1]
    having = [_kept(text, final) for text in utterance.texts]
    for index, (start, end) in spans.items():
        # A word that stands there before it was begun is a guess, or another one like it.
        has = [told.at >= start and index in kept for told, kept in zip(utterance.told, having, strict=True)]
        settled = len(has) - next((back for back, kept in enumerate(reversed(has)) if not kept), len(has))
        latencies.shown.append(_ms(utterance.told[has.index(True)].at - end))
        latencies.settled.append(_ms(utterance.told[settled].at - end))


def _kept(text: Sequence[str], final: Sequence[str]) -> set[int]:
    """Places of the final whose words stand in the text, in order."""
    blocks = SequenceMatcher(None, text, final, autojunk=False).get_matching_blocks()
    return {block.b + step for block in blocks for step in range(block.size)}


def _shown(told: Told) -> str:
    return told.what.text if isinstance(told.what, Final) else f"{told.what.committed} {told.what.tentative}".strip()


def _ms(samples: float) -> float:
    return samples * 1000 / RATE
