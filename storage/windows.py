"""Stretches of days in which a search looks one after the other, the newest first.

A common word is in the first one, so that few rows are read; a rare one is in none, which the index says at once.
However common a word is, a page costs about as much.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from storage.lexemes import days

GROWTH = 8
"""A window is at most so many times as long as the one before."""
DAY = timedelta(days=1)


def growing(first: int = 1) -> Iterator[int]:
    """Lengths of windows in days, each GROWTH times the one before."""
    while True:
        yield first
        first *= GROWTH


def windows(oldest: date, newest: date, tomorrow: date, lengths: Iterable[int]) -> Iterator[tuple[date, date]]:
    """The first and the last day of each window.

    `lengths` in days; each is taken when its window is asked for. What a wrong clock dates after `tomorrow` is a window
    of its own, so that the others begin where calls are.
    """
    if newest > tomorrow:
        yield max(oldest, tomorrow + DAY), newest
        newest = tomorrow
    for length in lengths:
        if newest < oldest:
            return
        begin = max(oldest, newest - (length - 1) * DAY)
        yield begin, newest
        newest = begin - DAY


def cover(first: date, last: date) -> Iterator[str]:
    """The fewest facts of which an utterance has one if it was said on these days: years, months, and days."""
    while first <= last:
        day, month, year = days(first)
        if first.day == first.month == 1 and date(first.year, 12, 31) <= last:
            yield year
            first = date(first.year + 1, 1, 1)
        elif first.day == 1 and _next_month(first) - DAY <= last:
            yield month
            first = _next_month(first)
        else:
            yield day
            first += DAY


def _next_month(day: date) -> date:
    return (day.replace(day=1) + 32 * DAY).replace(day=1)
