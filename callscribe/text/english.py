"""How English numbers are written: dates, times, money, telephone numbers and the rest. Pure.

Each rule looks at a word and at the run of number words that begins there, and takes the whole run or nothing. Rules
come in the order of how much they ask for; the last are bare numbers, written in figures from ten on. Where the same
words mean several things ("nine eleven", "twelve fifty", "a second"), a rule needs a sign of which: "at", "dollars".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from callscribe.text.english_dates import read_date, read_time, read_year, with_suffix
from callscribe.text.english_numbers import (
    ORDINAL_UNITS,
    SCALES,
    UNITS,
    below_hundred,
    cardinal,
    decimal,
    ordinal,
    run_length,
)
from callscribe.text.english_strings import read_digits, read_spelled
from callscribe.text.reading import LONGEST, Reading, Word, ends, follows, precedes

_CURRENCIES = {"dollar": "$", "dollars": "$", "euro": "€", "euros": "€", "pound": "£", "pounds": "£"}
_COINS = ("cent", "cents", "pence", "penny")
_WEIGHTS = ("pound", "pounds")
_FIGURES_FROM = 10
"""Smaller numbers are words where nothing says what they count."""
_GROUPED_FROM = 10_000
_LINKS = ("to", "or", "and", "past", "by", "times", "in", "of")
_SHARES = ("half", "of", "quarter")
_CLASSES = ("class", "hand", "parties", "party", "person", "time")
"""After these no ordinal: "thirty first class tickets"."""


@dataclass(frozen=True, slots=True)
class _Amount:
    words: int
    text: str
    value: int | None
    """None where it has a fraction."""


def read(words: Sequence[Word], at: int) -> Reading:
    """What begins at `at`, as short as one word."""
    run = run_length(words, at)
    spoken = Reading(max(run, 1), None)
    return spoken if precedes(words, at, ("point",)) else next(_readings(words, at, run), spoken)


def _readings(words: Sequence[Word], at: int, run: int) -> Iterator[Reading]:
    by_word = (read_date(words, at), read_time(words, at, run), read_spelled(words, at), _read_ordinal(words, at))
    yield from filter(None, by_word)
    if run:
        for rule in _RULES:
            if reading := rule(words, at, run):
                yield reading


def _read_money(words: Sequence[Word], at: int, run: int) -> Reading | None:
    amount = _amount(words, at, run)
    if amount is None:
        return None
    end = at + amount.words
    if follows(words, end, _COINS) and amount.value is not None:
        return Reading(amount.words, amount.text)
    if not follows(words, end, _CURRENCIES):
        return None
    sign = _CURRENCIES[words[end].text]
    if amount.value is not None and (small := _coins(words, end + 1)):
        return Reading(small[0] - at, f"{sign}{amount.value:,}.{small[1]:02}")
    # Ten pounds may be a weight.
    return None if words[end].text in _WEIGHTS else Reading(amount.words + 1, f"{sign}{amount.text}")


def _coins(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """Where the coins end that follow a sum, and how many they are: "and ten cents", or at the end "fifty"."""
    begin = at + follows(words, at, ("and",))
    number = below_hundred(words, begin) if not ends(words, begin) else None
    if number is None or run_length(words, begin) != number.words:
        return None
    end = begin + number.words
    if follows(words, end, _COINS):
        return end + 1, number.value
    return (end, number.value) if begin == at and number.value >= _FIGURES_FROM and ends(words, end) else None


def _read_percent(words: Sequence[Word], at: int, run: int) -> Reading | None:
    amount = _amount(words, at, run)
    if amount is None or " " in amount.text:
        return None
    end = at + amount.words
    if follows(words, end, ("percent",)):
        return Reading(amount.words + 1, f"{amount.text}%")
    apart = follows(words, end, ("per",)) and follows(words, end + 1, ("cent",))
    return Reading(amount.words + 2, f"{amount.text}%") if apart else None


def _amount(words: Sequence[Word], at: int, run: int) -> _Amount | None:
    """A run that is one number, with a fraction or without, grouped by commas as sums are."""
    if _in_small_list(words, at, run) or (words[at].text == "a" and precedes(words, at, _SHARES)):
        return None
    if fraction := decimal(words, at):
        scale = follows(words, at + fraction.words, SCALES)
        if fraction.words + scale != run or fraction.text.count(".") > 1:
            return None
        return _Amount(run, f"{fraction.text} {words[at + run - 1].text}" if scale else fraction.text, None)
    number = cardinal(words, at)
    if number is None or number.words != run:
        return None
    return _Amount(run, _rounded(number.value) or f"{number.value:,}", number.value)


def _read_decimal(words: Sequence[Word], at: int, run: int) -> Reading | None:
    fraction = decimal(words, at)
    if fraction is None or fraction.words + follows(words, at + fraction.words, SCALES) != run:
        return None
    return Reading(fraction.words, fraction.text)


def _read_ordinal(words: Sequence[Word], at: int) -> Reading | None:
    """From tenth on. "Twenty second" may be a time, "a tenth" a share."""
    number = ordinal(words, at)
    if number is None or number.value < _FIGURES_FROM or words[at + number.words - 1].text == "second":
        return None
    other = follows(words, at + number.words, _CLASSES) or precedes(words, at, ("a", "one", "point"))
    return None if other else Reading(number.words, with_suffix(number.value))


def _read_cardinal(words: Sequence[Word], at: int, run: int) -> Reading | None:
    number = cardinal(words, at)
    if number is None or number.words != run or number.value < _FIGURES_FROM or _beside_small(words, at, run):
        return None
    if (words[at].text == "a" and run == 2) or follows(words, at + run, ORDINAL_UNITS):
        return None
    grouped = f"{number.value:,}" if number.value >= _GROUPED_FROM else str(number.value)
    return Reading(run, _rounded(number.value) or grouped)


def _beside_small(words: Sequence[Word], at: int, run: int) -> bool:
    """Whether a number that stays a word stands on the other side of a link: "ten to six", "eight, nine, ten"."""
    before, after = at - 1 - precedes(words, at, _LINKS), at + run + follows(words, at + run, _LINKS)
    linked_before = before < at - 1 and _is_small(words, before) and words[before + 1].joined
    linked_after = after > at + run and _is_small(words, after) and words[after].joined
    return linked_before or linked_after or _in_small_list(words, at, run)


def _in_small_list(words: Sequence[Word], at: int, run: int) -> bool:
    """Whether a number that stays a word is listed with this run: "eight, nine, ten"."""
    before, after = at - 1, at + run
    first, last = max(at - LONGEST, 0), min(after + LONGEST, len(words)) - 1
    while before > first and words[before + 1].listed and words[before].listed and _is_number(words, before):
        before -= 1
    while after < last and words[after].listed and words[after + 1].listed and _is_number(words, after):
        after += 1
    listed_before = before >= 0 and words[before + 1].listed
    listed_after = after < len(words) and words[after].listed
    return (listed_before and _is_small(words, before)) or (listed_after and _is_small(words, after))


def _is_small(words: Sequence[Word], at: int) -> bool:
    """Whether it is a number below ten that stands alone."""
    return at in range(len(words)) and words[at].text in UNITS and _is_number(words, at)


def _is_number(words: Sequence[Word], at: int) -> bool:
    """Whether the word is a number of one word."""
    return run_length(words, at) == 1 and not (at > 0 and words[at].joined and run_length(words, at - 1) > 1)


def _rounded(value: int) -> str | None:
    """Whole millions and billions, as they are written."""
    for word in ("billion", "million"):
        if value and value % SCALES[word] == 0:
            return f"{value // SCALES[word]:,} {word}"
    return None


_Rule = Callable[[Sequence[Word], int, int], Reading | None]
_RULES: tuple[_Rule, ...] = (
    _read_money,
    _read_percent,
    read_digits,
    read_year,
    _read_decimal,
    _read_cardinal,
)
