"""Words of a text that sound like a hotword are replaced by it, and what was replaced is told. No I/O but a vocabulary.

For what no bias of the decoder reaches: names that the engine spells as it heard them. It serves every engine.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from asr.lexicon import is_common
from asr.phonetics import class_counts, distance, sounds_of, weight_of
from asr.pinyin import is_han
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import joined, units
from callscribe.domain.transcript import Correction, Final, Revision, Word

Said = TypeVar("Said", Final, Revision)

_LEAST_WEIGHT = 2.5
"""Hotwords with less to hear than this sound like too much."""
_LEAST_WEIGHT_OF_COMMON = 5.0
_SPARE_WORDS = 2
"""A hotword may have been torn into so many words more than it has."""
_CERTAIN = 0.9
"""Words of which the engine is as sure as this, in the mean, are not replaced unless they sound the same."""
_ROUNDING = 1e-6
_WORD = re.compile(r"[^\W_]+(?:['’.&-][^\W_]+)*")
_BREAK = re.compile("[.?!;:。？！；：]")
"""No hotword goes across the end of a sentence."""
_ENDING = re.compile(r"['’]s$", re.IGNORECASE)


def corrected(said: Said, hotwords: tuple[Hotword, ...], threshold: float) -> Said:
    """What was said with hotwords in place of what sounds like them, in text and words, and `corrections` that tell.

    `threshold` is how alike, 0 to 1, they must sound at least; with 0 nothing is replaced.
    """
    if not hotwords or not threshold:
        return said
    matching = len(said.words) == len(units(said.text))
    confidences = [word.confidence for word in said.words] if matching else ()
    text, made = _corrector(hotwords, threshold).correct(said.text, confidences)
    if not made:
        return said
    words = _replaced(said.words, text, made) if matching else said.words
    corrections = said.corrections + tuple(one.correction for one in made)
    return replace(said, text=text, words=words, corrections=corrections)


@lru_cache(maxsize=64)
def _corrector(hotwords: tuple[Hotword, ...], threshold: float) -> "Corrector":
    return Corrector(hotwords, threshold, is_common)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A correction and where it is made."""

    first: int
    """Unit of the text, a word as a rule, counted from 0."""
    last: int
    """Exclusive."""
    start: int
    """Character of the text."""
    end: int
    """Exclusive."""
    correction: Correction

    def overlaps(self, other: "Replacement") -> bool:
        return self.first < other.last and other.first < self.last


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str
    sounds: str
    weight: float
    words: int
    common: bool
    """All of its words are."""
    han: bool
    """It is written in Chinese characters, a word each."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of the text that is looked at."""

    text: str
    place: int
    """The text's unit that it stands in."""
    start: int
    end: int
    """Places of characters."""
    common: bool
    confidence: float

    @property
    def han(self) -> bool:
        return is_han(self.text)


class Corrector:
    """Looks for one list of hotwords."""

    def __init__(self, hotwords: Iterable[Hotword], threshold: float, is_common: Callable[[str], bool]) -> None:
        """`threshold` is how alike, 0 to 1, words and hotword must sound at least; `is_common` tells words (in lower
        case) that are likely to be meant: where all are, the likeness must come half as near to the full one."""
        self._threshold = threshold
        self._is_common = is_common
        listed = [_phrase(hotword.text, is_common) for hotword in hotwords]
        self._folded = {_folded(phrase.text) for phrase in listed}
        self._phrases = [phrase for phrase in listed if phrase.weight >= _LEAST_WEIGHT]
        self._counts = np.array([class_counts(phrase.sounds) for phrase in self._phrases], np.int16)
        self._weights = np.array([phrase.weight for phrase in self._phrases])
        self._most_words = max((phrase.words for phrase in self._phrases), default=0) + _SPARE_WORDS

    def correct(self, text: str, confidences: Sequence[float] = ()) -> tuple[str, tuple[Replacement, ...]]:
        """The text with hotwords in place of what sounds like them, and what was replaced, in order.

        `confidences` has a value for each of the text's units, or none.
        """
        tokens = self._tokens(text, confidences)
        found = sorted(
            self._matches(text, tokens), key=lambda match: (-match.correction.score, match.start - match.end)
        )
        chosen: list[Replacement] = []
        for match in found:
            if not any(match.overlaps(other) for other in chosen):
                chosen.append(match)
        chosen.sort(key=lambda match: match.start)
        for match in reversed(chosen):
            text = text[: match.start] + match.correction.phrase + text[match.end :]
        return text, tuple(chosen)

    def _tokens(self, text: str, confidences: Sequence[float]) -> list[_Token]:
        tokens = []
        after = 0
        for place, unit in enumerate(units(text)):
            begin = text.index(unit, after)
            after = begin + len(unit)
            confidence = confidences[place] if place < len(confidences) else 0.0
            for word in _WORD.finditer(unit):
                start, end = begin + word.start(), begin + word.end()
                bare = _ENDING.sub("", word.group())
                end -= len(word.group()) - len(bare)
                tokens.append(_Token(bare, place, start, end, self._is_common(bare.lower()), confidence))
        return tokens

    def _right(self, tokens: Sequence[_Token]) -> set[int]:
        """The words of hotwords that are written as they should be, but for capitals and marks."""
        folded = [_folded(token.text) for token in tokens]
        right: set[int] = set()
        for first in range(len(tokens)):
            for last in range(first + 1, min(first + self._most_words, len(tokens)) + 1):
                if " ".join(folded[first:last]) in self._folded:
                    right.update(range(first, last))
        return right

    def _matches(self, text: str, tokens: Sequence[_Token]) -> Iterator[Replacement]:
        if not self._phrases:
            return
        right = self._right(tokens)
        for first in range(len(tokens)):
            for last in range(first + 1, min(first + self._most_words, len(tokens)) + 1):
                span = tokens[first:last]
                if tokens[first].han != tokens[last - 1].han:
                    break
                if last - 1 in right or (last > first + 1 and _BREAK.search(text, span[-2].end, span[-1].start)):
                    break
                if match := self._best(span, text[span[0].start : span[-1].end]):
                    yield Replacement(span[0].place, span[-1].place + 1, span[0].start, span[-1].end, match)

    def _best(self, span: Sequence[_Token], heard: str) -> Correction | None:
        """The hotword that the span sounds most like, where it does."""
        sounds = sounds_of("".join(token.text for token in span))
        if not sounds:
            return None
        weight, needed = weight_of(sounds), self._needed(span)
        slack = (1.0 - needed) * np.maximum(self._weights, weight)
        apart = np.abs(self._counts - np.array(class_counts(sounds), np.int16)).sum(1) / 2
        near = np.flatnonzero((apart <= slack) & (np.abs(self._weights - weight) <= slack))
        best: Correction | None = None
        for place in near.tolist():
            phrase = self._phrases[place]
            if not _fits(phrase, span):
                continue
            most = max(phrase.weight, weight)
            likeness = 1.0 - distance(sounds, phrase.sounds, (1.0 - needed) * most + _ROUNDING) / most
            if likeness >= needed and (best is None or likeness > best.score):
                best = Correction(heard, phrase.text, round(likeness, 4))
        return best

    def _needed(self, span: Sequence[_Token]) -> float:
        certain = sum(token.confidence for token in span) >= _CERTAIN * len(span)
        # Few syllables make up all Chinese words: half a sound more or less is another one.
        if certain or span[0].han or all(token.common for token in span):
            return (1.0 + self._threshold) / 2
        return self._threshold


def _phrase(text: str, is_common: Callable[[str], bool]) -> _Phrase:
    words = units(text)
    sounds = sounds_of("".join(words))
    common = all(is_common(word.lower()) for word in words)
    return _Phrase(joined(*words), sounds, weight_of(sounds), len(words), common, is_han(text))


def _fits(phrase: _Phrase, span: Sequence[_Token]) -> bool:
    """False where likeness of sound is not enough. A common word is likely to be right; several in a row may be a name
    torn apart, where there is much to hear. A hotword of common words is not found in what holds any."""
    if phrase.han or span[0].han:
        return phrase.han and span[0].han and len(span) == phrase.words
    if phrase.common:
        return len(span) == phrase.words and not any(token.common for token in span)
    if all(token.common for token in span):
        return 1 < len(span) <= phrase.words + _SPARE_WORDS and phrase.weight >= _LEAST_WEIGHT_OF_COMMON
    return len(span) <= phrase.words + _SPARE_WORDS


def _folded(text: str) -> str:
    """What two spellings have in common that differ in capitals and marks only."""
    return " ".join(units(re.sub(r"[\W_]+", " ", text.lower())))


def _replaced(words: Sequence[Word], text: str, made: Sequence[Replacement]) -> tuple[Word, ...]:
    """The words of the new text: a hotword's stand where as many were heard, or share their time by their letters."""
    written = units(text)
    result: list[Word] = []
    place = 0
    for one in made:
        result += words[place : one.first]
        result += _shared_out(words[one.first : one.last], written[len(result) :][: len(units(one.correction.phrase))])
        place = one.last
    return (*result, *words[place:])


def _shared_out(heard: Sequence[Word], written: Sequence[str]) -> list[Word]:
    confidence = sum(word.confidence for word in heard) / len(heard)
    if len(heard) == len(written):
        return [replace(word, text=text, confidence=confidence) for word, text in zip(heard, written, strict=True)]
    start, length = heard[0].start, heard[-1].end - heard[0].start
    letters = sum(map(len, written))
    words: list[Word] = []
    for place, text in enumerate(written):
        before = sum(map(len, written[:place]))
        ends = (start + length * before // letters, start + length * (before + len(text)) // letters)
        words.append(Word(text, *ends, confidence))
    return words
