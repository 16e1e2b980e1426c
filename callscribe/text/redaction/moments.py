"""Days and times of day in figures, where they stand beside words that tell of other numbers. Pure."""

import re
from collections.abc import Sequence

from callscribe.text.reading import vocabulary

_DAY = vocabulary("on of from since until till to before after by dated between and again")
_CLOCK = vocabulary("at before after until till by around about between")
_YEAR = vocabulary("in since from until till to of year during before after by between and around")
_ENDS_WITH_DAY = re.compile(rf"\b(?:{'|'.join(sorted(_DAY | {'the'}))})\W*$")
_ACCOUNT = re.compile(r"sort code|\bbsb\b|account|\biban\b")
_FEW_WORDS = 4
_TWO_BY_TWO = re.compile(r"(\d\d)([-./])(\d\d)\2(\d\d)")


def is_day(text: str, written: re.Match[str]) -> bool:
    """Whether a date in figures is one, and no British sort code, which has two digits in all its parts.

    A day that no calendar has is none. What could be both is a day after a word that one follows ("on 12.11.26"), and
    else where nothing in its text speaks of an account and much else is said.
    """
    code = _TWO_BY_TWO.fullmatch(written[0])
    if code is None:
        return True
    if not _in_calendar(int(code[1]), int(code[3])):
        return False
    said = text.lower()
    if _ENDS_WITH_DAY.search(said[: written.start()]):
        return True
    words = len(re.findall(r"[^\W\d]+", said))
    return code[2] != "-" and words >= _FEW_WORDS and _ACCOUNT.search(said) is None


def tells_time(figures: Sequence[str], before: str) -> bool:
    """Whether figures, group by group, are days, times of day and years, as `before`, the word before them, tells.

    A day with its year and a time needs no such word.
    """
    kinds = _read(figures)
    if not kinds:
        return False
    told = {"day": _DAY, "clock": _CLOCK, "year": _YEAR}
    if kinds == ["year", "year"] and before not in _YEAR:
        return False
    return before in told[kinds[0]] or {"day", "clock"} <= set(kinds)


def _read(figures: Sequence[str]) -> list[str]:
    """What they are one after another, "day", "clock" or "year"; nothing where something is left over."""
    kinds, at = [], 0
    while at < len(figures):
        if _is_date(figures[at : at + 3]):
            kinds.append("day")
            at += 3
        elif re.fullmatch(r"(?:19|20)\d\d", figures[at]):
            kinds.append("year")
            at += 1
        elif size := _clock_size(figures[at:]):
            kinds.append("clock")
            at += size
        else:
            return []
    return kinds


def _is_date(figures: Sequence[str]) -> bool:
    if len(figures) != 3:
        return False
    years = [place for place, group in enumerate(figures) if re.fullmatch(r"(?:19|20)\d\d", group)]
    rest = [int(group) for place, group in enumerate(figures) if place not in years]
    small = all(len(group) <= 2 for place, group in enumerate(figures) if place not in years)
    return years in ([0], [2]) and small and _in_calendar(*rest)


def _clock_size(figures: Sequence[str]) -> int:
    """How many groups a time of day takes; 0: they are none."""
    if len(figures) < 2 or not (len(figures[0]) <= 2 and len(figures[1]) == 2):
        return 0
    if int(figures[0]) > 23 or int(figures[1]) > 59:
        return 0
    # A day that follows begins like seconds.
    seconds = len(figures) > 2 and len(figures[2]) == 2 and int(figures[2]) <= 59 and not _is_date(figures[2:5])
    return 3 if seconds and len(figures) != 4 else 2


def _in_calendar(first: int, second: int) -> bool:
    """Whether they are a day and a month, in either order."""
    low, high = sorted((first, second))
    return 1 <= low <= 12 and 1 <= high <= 31
