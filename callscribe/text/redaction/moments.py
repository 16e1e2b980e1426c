"""Days and times of day in figures, where they stand beside words that tell of other numbers. Pure."""

import re
from collections.abc import Sequence

from callscribe.text.reading import vocabulary

_DAY = vocabulary("on of from since until till to before after by dated between and again")
_CLOCK = vocabulary("at before after until till by around about between")
_YEAR = vocabulary("in since from until till to of year during before after by between and around")
_LEADS_TO = {"day": _DAY, "clock": _CLOCK, "year": _YEAR}
_JOINS = vocabulary("to until till and")
LEADS = _DAY | _CLOCK | _YEAR | _JOINS
"""Words that a moment follows."""
_SPAN = 2
"""Moments of a span."""
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


def tells_time(figures: Sequence[str], before: str, *, of_phone: bool = False) -> bool:
    """Whether figures, group by group, are days, times of day and years.

    `before`, the word before them, and each of LEADS that stands between groups tell of one moment: two clocks or years
    in a row are a number. A day with its year and a time needs no such word. `of_phone`: somebody spoke of a telephone,
    whose number is read out in pairs as clocks are; then these count only as a span from one to the other.
    """
    # The minutes behind a colon are no part of the figures: "between 12 15 and 16:30".
    hours = [group for group in figures[-1:] if before == "between" and re.fullmatch(r"1?\d|2[0-3]", group)]
    moments = [(lead, ["clock"] if groups == hours else _read(groups)) for lead, groups in _by_lead(figures, before)]
    kinds = {kind for _, told in moments for kind in told}
    if not all(told for _, told in moments) or ("day" not in kinds and len(moments) > _SPAN):
        return False
    if of_phone and kinds == {"clock"} and not (len(moments) == _SPAN and before == "between"):
        return False
    (first, told), *others = moments
    if not all(lead in _LEADS_TO[told[0]] or lead in _JOINS for lead, told in others):
        return False
    return first in _LEADS_TO[told[0]] or {"day", "clock"} <= kinds


def _by_lead(figures: Sequence[str], before: str) -> list[tuple[str, list[str]]]:
    """The groups behind each lead word; of several words in a row the last counts."""
    moments: list[tuple[str, list[str]]] = [(before, [])]
    for group in figures:
        if group.isdigit():
            moments[-1][1].append(group)
        elif moments[-1][1]:
            moments.append((group, []))
        else:
            moments[-1] = (group, [])
    return moments


def _read(figures: Sequence[str]) -> list[str]:
    """What the groups of one moment are, "day", "clock" or "year"; nothing where they are none, or more than one."""
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
    return kinds if len(kinds) == 1 or sorted(kinds) == ["clock", "day"] else []


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
    return 3 if seconds else 2


def _in_calendar(first: int, second: int) -> bool:
    """Whether they are a day and a month, in either order."""
    low, high = sorted((first, second))
    return 1 <= low <= 12 and 1 <= high <= 31
