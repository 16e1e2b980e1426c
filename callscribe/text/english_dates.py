"""English dates, years and times of day in figures, in the order in which they were said. Pure."""

from collections.abc import Sequence

from callscribe.text.english_numbers import Number, below_hundred, ordinal, run_length, two_digits, year
from callscribe.text.reading import Reading, Word, ends, follows, precedes, vocabulary

MONTHS = vocabulary("january february march april may june july august september october november december")
_VERBS = ("march", "may")
"""Months that are other words too."""
_BEFORE_DATE = ("on", "by", "until", "till", "since", "from", "before", "after", "of")
_BEFORE_YEAR = ("in", "since", "year", "during", "until")
_BEFORE_TIME = ("at", "by", "until", "till", "around", "before", "after", "from")
_AFTER_TIME = vocabulary(
    "a an and as at but for he i if in is it on or please sharp she so that the then they this to today tomorrow"
    " tonight until we when with you your"
)
"""What may follow a time directly; other words make it something else: "at four fifteen Main Street"."""


def read_date(words: Sequence[Word], at: int) -> Reading | None:
    """Reads "May third, twenty twenty six", "the third of May", "January twenty twenty six"."""
    if words[at].text in MONTHS:
        return _month_first(words, at)
    return _day_first(words, at)


def read_year(words: Sequence[Word], at: int, run: int) -> Reading | None:
    """Reads "in nineteen eighty four"."""
    number = year(words, at) if run and precedes(words, at, _BEFORE_YEAR) else None
    return Reading(run, str(number.value)) if number else None


def read_time(words: Sequence[Word], at: int, run: int) -> Reading | None:
    """Reads "half past nine", "nine thirty a m", "at nine oh five", "nine o'clock"."""
    if words[at].text in ("half", "quarter", "a"):
        return _past_hour(words, at)
    hour = _hour(words, at) if run else None
    if hour is None:
        return None
    end = at + run
    if hour.words == run:
        if follows(words, end, ("o'clock", "o’clock")):
            return Reading(run, str(hour.value))
        return _with_half_of_day(words, at, end, str(hour.value))
    minutes = two_digits(words, at + hour.words)
    if minutes is None or minutes.value > 59 or hour.words + minutes.words != run:
        return None
    time = f"{hour.value}:{minutes.value:02}"
    round_or_spelled = minutes.value % 5 == 0 or minutes.value < 10
    sure = round_or_spelled and precedes(words, at, _BEFORE_TIME) and _time_may_end(words, end)
    return _with_half_of_day(words, at, end, time) or (Reading(run, time) if sure else None)


def _month_first(words: Sequence[Word], at: int) -> Reading | None:
    month = words[at].text.capitalize()
    if ends(words, at + 1):
        return None
    sure = _names_month(words, at)
    whole = year(words, at + 1)
    if whole and sure:
        return Reading(1 + whole.words, f"{month} {whole.value}")
    day = ordinal(words, at + 1) or below_hundred(words, at + 1)
    if day is None or day.value > 31:
        return None
    end = at + 1 + day.words
    named = _year_after(words, end)
    if named:
        return Reading(end + named.words - at, f"{month} {day.value}, {named.value}")
    run = run_length(words, at + 1)
    plain = run < day.words or (run == day.words and day.value > 9)
    return Reading(end - at, f"{month} {day.value}") if plain and sure else None


def _day_first(words: Sequence[Word], at: int) -> Reading | None:
    day = ordinal(words, at)
    if day is None or day.value > 31:
        return None
    end = at + day.words
    of = "of " if follows(words, end, ("of",)) else ""
    month = end + bool(of)
    if not follows(words, month, MONTHS):
        return None
    named = _year_after(words, month + 1)
    if not (of or named or _names_month(words, month)):
        return None
    text = f"{with_suffix(day.value)} {of}{words[month].text.capitalize()}"
    if named:
        return Reading(month + 1 + named.words - at, f"{text} {named.value}")
    return Reading(month + 1 - at, text)


def _names_month(words: Sequence[Word], at: int) -> bool:
    """Whether the word is no verb: "we march second", "may one of you"."""
    word = words[at]
    inside = at > 0 and not any(mark in word.gap for mark in ".?!")
    return word.text not in _VERBS or (word.capital and inside) or precedes(words, at, _BEFORE_DATE)


def _year_after(words: Sequence[Word], at: int) -> Number | None:
    return year(words, at) if at < len(words) and (words[at].joined or words[at].listed) else None


def with_suffix(value: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th."""
    suffix = "th" if value // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{suffix}"


def _hour(words: Sequence[Word], at: int) -> Number | None:
    number = below_hundred(words, at)
    return number if number and number.value <= 12 else None


def _past_hour(words: Sequence[Word], at: int) -> Reading | None:
    begin = at + (words[at].text == "a" and follows(words, at + 1, ("quarter",)))
    side = begin + 1
    half = words[begin].text == "half"
    if words[begin].text == "a" or not follows(words, side, ("past",) if half else ("past", "to")):
        return None
    hour = _hour(words, side + 1) if not ends(words, side + 1) else None
    if hour is None or run_length(words, side + 1) != hour.words:
        return None
    end = side + 1 + hour.words
    before = words[side].text == "to"
    minutes = 30 if half else 45 if before else 15
    time = f"{(hour.value - before) or 12}:{minutes}"
    plain = Reading(end - at, time) if _time_may_end(words, end) else None
    return _with_half_of_day(words, at, end, time) or plain


def _time_may_end(words: Sequence[Word], end: int) -> bool:
    return ends(words, end) or follows(words, end, _AFTER_TIME)


def _with_half_of_day(words: Sequence[Word], at: int, end: int, time: str) -> Reading | None:
    """The time with what follows it: "a.m." as it is written, "a m" as "am"."""
    if follows(words, end, ("am", "pm")):
        return Reading(end + 1 - at, f"{time} {words[end].text}")
    if follows(words, end, ("a", "p")) and end + 1 < len(words) and words[end + 1].text == "m":
        mark = words[end + 1].gap.strip()
        if mark in ("", "."):
            return Reading(end + 2 - at, f"{time} {words[end].text}{mark}m")
    return None
