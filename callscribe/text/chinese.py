"""How Chinese numbers are written, also where English is mixed in: the rules of `english` read the English. Pure.

A rule is a regular expression over the characters around a place, each of which is a word here, and takes a run of
numerals whole or nothing. Rules come in the order of how much they ask for; the last are bare numbers, written in
figures from ten on. GB/T 15835-2011 (numerals in publications) is followed: approximate numbers (三五天, 十几个), lunar
days and fixed phrases stay in characters, and so does what may be an hour or a decimal (三点两百). Where it leaves a
choice, the words stay that were said: 3月15号, 52块8毛.
"""

import re
from collections.abc import Sequence

from callscribe.text import english
from callscribe.text.chinese_numbers import COUNTS, NUMERALS
from callscribe.text.chinese_phrases import KEPT
from callscribe.text.chinese_rules import OTHER, RULES, SIGNS, telephone
from callscribe.text.reading import Reading, Word, ends

_BEFORE, _AFTER = 8, 48
"""Words around a place that rules look at."""
_SMALL_COUNT = re.compile(f"[{''.join(COUNTS)}][个個位]")
"""Is in characters: it may stand behind figures."""
_GROUPS = 11
"""The most parts of one telephone number."""


def read(words: Sequence[Word], at: int) -> Reading:
    """What begins at `at`, as short as one word."""
    word = words[at].text
    if word in NUMERALS or word in SIGNS or _is_letter(words[at]):
        text, place = _around(words, at)
        if reading := _in_parts(words, at, text, place) or _read(text, place):
            return reading
    return english.read(words, at) if word.isascii() else Reading(1, None)


def _read(text: str, place: int) -> Reading | None:
    for pattern, write in RULES:
        found = pattern.match(text, place)
        if found and _ends_whole(text, found.end()) and (written := write(found)) is not None:
            return Reading(found.end() - place, written)
    run = _run(text, place)
    return Reading(run, None) if run else None


def _ends_whole(text: str, end: int) -> bool:
    """Whether no numerals follow; behind 半 and 刻 a number may that is no figure: 九点一刻三个人."""
    return text[end] not in NUMERALS or (text[end - 1] in "半刻" and _SMALL_COUNT.match(text, end) is not None)


def _around(words: Sequence[Word], at: int) -> tuple[str, int]:
    """A character for each word that stands around `at` without a mark between, and the place of that at `at`.

    Behind the last stands a line's end. What belongs to no number is no numeral there.
    """
    first, last = at, at + 1
    while first > max(at - _BEFORE, 0) and words[first].joined:
        first -= 1
    while last < min(at + _AFTER, len(words)) and words[last].joined:
        last += 1
    text = "".join(word.text if len(word.text) == 1 else OTHER for word in words[first:last])
    return KEPT.sub(_without_numerals, text) + "\n", at - first


def _without_numerals(phrase: re.Match[str]) -> str:
    return "".join(OTHER if character in NUMERALS else character for character in phrase[0])


def _in_parts(words: Sequence[Word], at: int, text: str, place: int) -> Reading | None:
    """A telephone number with commas inside, as engines write one that is said slowly."""
    parts, end = [text[place : place + _run(text, place)]], at + _run(text, place)
    while end < len(words) and words[end].listed and len(parts) < _GROUPS:
        text, place = _around(words, end)
        run = _run(text, place)
        parts.append(text[place : place + run])
        end += run
        if not run:
            return None
    written = telephone("".join(parts)) if len(parts) > 1 and ends(words, end) else None
    return Reading(end - at, written) if written else None


def _run(text: str, place: int) -> int:
    """How many numerals stand there."""
    end = place
    while text[end] in NUMERALS:
        end += 1
    return end - place


def _is_letter(word: Word) -> bool:
    return len(word.text) == 1 and word.text.isascii() and word.text.isalpha()
