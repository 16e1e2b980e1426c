"""Texts that a model made up, cut short or mixed with another utterance's: signs that need no second opinion. Pure."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from asr.engines.whisper import HeardWord
from asr.repetition import loop_length
from callscribe.domain.language import joined, units

_MOST_COMPRESSION = 2.4
"""Text that packs better than this repeats itself (Whisper's own bound)."""
_NO_SPEECH = 0.6
_UNLIKELY = -1.0
"""Mean log-probability; with a chance of silence above _NO_SPEECH the text is made up (Whisper's own rule)."""
_SPARE_S = 1 / 3
"""Words that take, however fast they are said, this much longer than the utterance are too many: some of another one
have slipped in."""
_LONG_S = 4.0
"""Length of speech from which words that take less, however slowly they are said, are too few: some were skipped."""
_LOOPS = ((4, 3, 1 / 2), (6, 2, 2 / 3))
"""A phrase of so many words, so often that it fills this share of the text, is a loop that was cut off."""
_CHARACTERS_A_WORD = 2
"""About, in scripts without blanks."""
_SHORTEST_S = 0.03
_MOST_SHORT = 2
"""So many words running may lie in less than _SHORTEST_S each, by their alignment; of more nothing was heard."""
_MARKS = " .,;:!?-…\"'，。、；：？！《》「」（）“”‘’"


@dataclass(frozen=True, slots=True)
class _Pace:
    """How long a unit of a text is said, at least and at most, in seconds."""

    fastest_s: float
    slowest_s: float


_WORD = _Pace(1 / 6, 2.5)
_CHARACTERS = (
    # Mandarin is said with 4 to 6 characters a second, and with 8 in a hurry.
    (
        re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"),
        _Pace(0.1, 1.25),
    ),
    # Japanese with 7 to 8 morae a second, of which most kana are one.
    (re.compile(r"[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f]"), _Pace(0.07, 1.0)),
    # Thai, Lao, Burmese and Khmer: letters, two to four a syllable.
    (re.compile(r"[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]"), _Pace(0.04, 0.8)),
)
"""Paces of characters, where a text is made of these and not of words."""


def heard_in_time(words: Sequence[HeardWord]) -> tuple[HeardWord, ...]:
    """The words without those that took no time: what a model makes up after an end finds no place in the audio."""
    kept: list[HeardWord] = []
    for short, run in groupby(words, key=lambda word: word.end_s - word.start_s < _SHORTEST_S):
        together = list(run)
        kept += [] if short and len(together) > _MOST_SHORT else together
    return tuple(kept)


def plausible(words: Sequence[HeardWord], seconds: float) -> bool:
    """True when the words may be what was said in an utterance of this length."""
    bare = (unit.strip(_MARKS).lower() for heard in words for unit in units(heard.text))
    plain = [unit for unit in bare if unit]
    return bool(plain) and not _silent(words) and _pace_is_human(plain, seconds) and not _repetitive(plain)


def _silent(words: Sequence[HeardWord]) -> bool:
    return any(word.no_speech > _NO_SPEECH and word.log_probability < _UNLIKELY for word in words)


def _pace_is_human(plain: Sequence[str], seconds: float) -> bool:
    paces = [(_pace(unit), len(unit) if _unbroken(unit) else 1) for unit in plain]
    if sum(pace.fastest_s * count for pace, count in paces) > seconds + _SPARE_S:
        return False
    return seconds <= _LONG_S or sum(pace.slowest_s * count for pace, count in paces) >= seconds


def _pace(unit: str) -> _Pace:
    return next((pace for script, pace in _CHARACTERS if script.match(unit)), _WORD)


def _unbroken(unit: str) -> bool:
    """True for characters of a script without blanks."""
    return _pace(unit) is not _WORD


def _repetitive(plain: Sequence[str]) -> bool:
    numbers = {unit: number for number, unit in enumerate(plain)}
    if loop_length([numbers[unit] for unit in plain]):
        return True
    factor = _CHARACTERS_A_WORD if 2 * sum(map(_unbroken, plain)) > len(plain) else 1
    for words, fewest, share in _LOOPS:
        length = words * factor
        phrases = Counter(tuple(plain[start : start + length]) for start in range(len(plain) - length + 1))
        copies = max(phrases.values(), default=0)
        if copies >= fewest and length * copies > share * len(plain):
            return True
    text = joined(*plain).encode()
    return len(text) > _MOST_COMPRESSION * len(zlib.compress(text))
