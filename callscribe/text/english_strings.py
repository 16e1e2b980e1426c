"""What is spelled in English: telephone numbers, extensions, codes of digits, and of letters and digits. Pure."""

import re
from collections.abc import Sequence
from itertools import pairwise

from callscribe.text.english_numbers import UNITS, ZEROS, Figures, cardinal, digits, run_length
from callscribe.text.reading import LONGEST, Reading, Word, ends, follows, precedes, vocabulary

_DIALLED = vocabulary("apartment dial ext extension flight gate option page platform press room suite version")
"""After these any number is a name."""
_REFERENCES = vocabulary("account code invoice number order pin postcode reference ticket zip")
"""After these a number of several parts is one name."""
_FEWEST = 3
"""Digits that are one number when nothing says so."""
_FEWEST_LISTED = 4
"""The same, with a comma after each: fewer may be a list. A list has an "and" or "or" before its last."""
_FEWEST_WITH_PREFIX = 7
"""The same, with "oh" first, which may be a sigh, or with "hundred" inside, after a zero: "oh eight hundred"."""
_NORTH_AMERICAN = re.compile(r"(1?)([2-9]\d\d)([2-9]\d\d)(\d{4})")
"""North American Numbering Plan: country, area, exchange, line."""


def read_digits(words: Sequence[Word], at: int, run: int) -> Reading | None:
    """Reads "extension four oh two", "four one five, five five five, one two one two", "nine one one"."""
    return (_listed(words, at) or _named(words, at, run) or _unnamed(words, at, run)) if run else None


def read_spelled(words: Sequence[Word], at: int) -> Reading | None:
    """Reads "a b one two": letters and digits one by one, a letter first."""
    if not _is_letter(words[at]) or (
        words[at].text in "ai" and not (at + 1 < len(words) and _is_letter(words[at + 1]))
    ):
        return None
    end = at + 1
    last = min(len(words), at + LONGEST)
    while end < last and words[end].joined and (_is_letter(words[end]) or _is_digit(words[end])):
        end += 1
    while end > at and words[end - 1].text in "ai" and not ends(words, end):
        end -= 1
    spelled = words[at:end]
    count = sum(map(_is_digit, spelled))
    if len(spelled) < _FEWEST or not count or run_length(words, end - 1) > 1:
        return None
    return Reading(end - at, "".join(_character(word) for word in spelled))


def _is_letter(word: Word) -> bool:
    return len(word.text) == 1 and word.text.isascii() and word.text.isalpha()


def _is_digit(word: Word) -> bool:
    return word.text in UNITS or word.text in ("zero", "oh", "nought")


def _character(word: Word) -> str:
    return str(UNITS.get(word.text, 0)) if _is_digit(word) else word.text.upper()


def _listed(words: Sequence[Word], at: int) -> Reading | None:
    """Groups with commas between, as engines write a number that is said slowly."""
    groups: list[Figures] = []
    end = at
    while end < len(words) and (end == at or words[end].listed) and len(groups) < LONGEST:
        group = digits(words, end)
        if group is None:
            break
        groups.append(group)
        end += group.words
    text = "".join(group.text for group in groups)
    if not 2 <= len(groups) < LONGEST or not ends(words, end):
        return None
    if groups[-1].single and (telephone := _telephone(text)):
        return Reading(end - at, telephone)
    if not all(group.single for group in groups):
        return None
    enough = len(text) >= _FEWEST_LISTED or _follows_name(words, at, _DIALLED | _REFERENCES)
    if all(len(group.text) == 1 for group in groups):
        return Reading(end - at, text) if enough and not _counts(text) else None
    in_groups = enough and all(len(group.text) > 1 for group in groups)
    return Reading(end - at, ", ".join(group.text for group in groups)) if in_groups else None


def _counts(text: str) -> bool:
    """Whether the digits go in steps of one size: somebody counts, or lists what there is."""
    steps = {int(after) - int(before) for before, after in pairwise(text)}
    return len(steps) == 1 and steps != {0}


def _named(words: Sequence[Word], at: int, run: int) -> Reading | None:
    spelled = digits(words, at)
    if _follows_name(words, at, _DIALLED):
        if words[at].text == "one" and follows(words, at + 1, ("of", "more", "another")):
            return None
        number = cardinal(words, at)
        if number and number.words == run:
            return Reading(run, str(number.value))
        return Reading(run, spelled.text) if spelled else None
    several = run > 1 and _follows_name(words, at, _REFERENCES) and not _is_number(words, at, run)
    return Reading(run, _telephone(spelled.text) or spelled.text) if several and spelled else None


def _unnamed(words: Sequence[Word], at: int, run: int) -> Reading | None:
    spelled = digits(words, at)
    if spelled is None or _is_number(words, at, run):
        return None
    text, first = spelled.text, words[at].text
    if telephone := _telephone(text):
        return Reading(run, telephone)
    fewest = _FEWEST if spelled.single and (first == "zero" or first not in ZEROS) else _FEWEST_WITH_PREFIX
    plain = len(text) >= fewest and (spelled.single or first in ZEROS)
    return Reading(run, text) if plain else None


def _is_number(words: Sequence[Word], at: int, run: int) -> bool:
    number = cardinal(words, at)
    return number is not None and number.words == run


def _follows_name(words: Sequence[Word], at: int, names: frozenset[str]) -> bool:
    """Whether such a word stands before it, or "is" between: "ticket number is seven, three"."""
    name = at - 2 if precedes(words, at, ("is",)) else at - 1
    return name >= 0 and words[name].text in names and (words[name + 1].joined or words[name + 1].listed)


def _telephone(text: str) -> str | None:
    found = _NORTH_AMERICAN.fullmatch(text)
    return "-".join(part for part in found.groups() if part) if found else None
