"""Texts that a model made up, cut short or mixed with another utterance's: signs that need no second opinion. Pure."""

import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from asr.engines.whisper import HeardWord
from asr.repetition import loop_length

_MOST_COMPRESSION = 2.4
"""Text that packs better than this repeats itself (Whisper's own bound)."""
_NO_SPEECH = 0.6
_UNLIKELY = -1.0
"""Mean log-probability; with a chance of silence above _NO_SPEECH the text is made up (Whisper's own rule)."""
_MOST_WORDS_A_SECOND = 6.0
_SPARE_WORDS = 2
"""With a few to spare, more than anybody says: words of another utterance have slipped in."""
_FEWEST_WORDS_A_SECOND = 0.4
"""Fewer words than this in speech of _LONG_S mean that the model has skipped some."""
_LONG_S = 4.0
_LOOPS = ((4, 3, 1 / 2), (6, 2, 2 / 3))
"""A phrase of so many words, so often that it fills this share of the text, is a loop that was cut off."""
_SHORTEST_S = 0.03
_MOST_SHORT = 2
"""So many words running may lie in less than _SHORTEST_S each, by their alignment; of more nothing was heard."""
_MARKS = " .,;:!?-…\"'"


def heard_in_time(words: Sequence[HeardWord]) -> tuple[HeardWord, ...]:
    """The words without those that took no time: what a model makes up after an end finds no place in the audio."""
    kept: list[HeardWord] = []
    for short, run in groupby(words, key=lambda word: word.end_s - word.start_s < _SHORTEST_S):
        together = list(run)
        kept += [] if short and len(together) > _MOST_SHORT else together
    return tuple(kept)


def plausible(words: Sequence[HeardWord], seconds: float) -> bool:
    """True when the words may be what was said in an utterance of this length."""
    plain = [word for word in (heard.text.strip(_MARKS).lower() for heard in words) if word]
    return bool(plain) and not _silent(words) and _pace_is_human(len(plain), seconds) and not _repetitive(plain)


def _silent(words: Sequence[HeardWord]) -> bool:
    return any(word.no_speech > _NO_SPEECH and word.log_probability < _UNLIKELY for word in words)


def _pace_is_human(words: int, seconds: float) -> bool:
    if words > _SPARE_WORDS + _MOST_WORDS_A_SECOND * seconds:
        return False
    return seconds <= _LONG_S or words >= _FEWEST_WORDS_A_SECOND * seconds


def _repetitive(words: Sequence[str]) -> bool:
    numbers = {word: number for number, word in enumerate(words)}
    if loop_length([numbers[word] for word in words]):
        return True
    for length, fewest, share in _LOOPS:
        phrases = Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))
        copies = max(phrases.values(), default=0)
        if copies >= fewest and length * copies > share * len(words):
            return True
    text = " ".join(words).encode()
    return len(text) > _MOST_COMPRESSION * len(zlib.compress(text))
