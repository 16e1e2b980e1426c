"""What a search reads at a time: first the newest texts, as they come, then windows of days by the index."""

import math
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, bindparam, cast

from storage.lexemes import any_fact
from storage.models import SearchTextRow
from storage.search_conditions import Rule, holds, holds_unindexed
from storage.windows import DAY, GROWTH, cover, growing, windows

RECENT = 1000
"""Texts that are read first, the newest, whatever is in them: a frequent word is among them, however many calls a day
has, and how many of them match says how many days to ask the index for."""
READ_THROUGH = 30_000
"""Texts that are read rather than asking the index for a prefix of too many words, all of which it would read."""
MARGIN = 1.3
"""So many times the days in which a page should be full, more where few matches tell: a second window asks for eight
times as many."""
LOOKED_UP = 2_000
"""Texts that the first window should hold at most of those that the index finds and that may not match."""
NONE_FOUND = 0.25
"""What is taken for the number of matches where none were found."""
LONGEST_DAYS = 1000
MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Said:
    """When the texts were said that a search may find."""

    oldest: datetime
    newest: datetime
    recent: datetime | None
    """When the last of the newest RECENT was said; None where there are not so many."""
    average: float
    """How many texts a day of all that there are has, as the database takes it; 0: unknown."""

    @property
    def a_day(self) -> float:
        """How many were said on a day, by and large: neither a busy hour nor the first one after a quiet weekend is a
        measure for the days before it."""
        if self.recent is None or self.average:
            return max(1, self.average)
        return max(1, RECENT / max((self.newest - self.recent) / DAY, 1 / MINUTES))


class Stretch(NamedTuple):
    """What a text of a stretch of time must meet."""

    asked: list[Rule]
    """What an index answers for."""
    compared: list[Rule]
    """What is looked up in each text that meets that."""
    newest: int = 0
    """Only so many texts are looked at, the newest, read in their order; 0: no such bound."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """The rules of a search, for one stretch of time after the other."""

    query: str
    """What a text must hold as a tsquery; "" for anything."""
    words: str
    """Of these, what the index can answer for (storage.lexemes.words_query)."""
    is_open: bool
    """There is a prefix of so many words that the index would read them all for any stretch of time."""
    facts: tuple[str, ...]
    """What else it must hold, as tsqueries."""
    calls: str | None
    """The ids of the only calls to look in, where these are few, as Postgres writes an array."""
    rules: tuple[Rule, ...]
    """What must be met beside that."""
    said: Said | None
    """None: nothing was."""

    def recent(self) -> list[Rule]:
        """For the newest texts, in whose order they are to be read; all of them where there is nothing older."""
        if self.calls is not None:
            return [
                SearchTextRow.call_id == any_(_ids(self.calls)),
                *self._asked(),
                *self._compared(),
                *self._read(*self.facts),
                *self.rules,
            ]
        since = () if self.said is None or self.said.recent is None else (SearchTextRow.said_at >= self.said.recent,)
        return [*since, *self._read(self.query, *self.facts), *self.rules]

    def recent_held(self) -> list[Rule] | None:
        """For the newest texts that have what the index is asked for; None where `older` need not know of them."""
        if self.calls is not None or self.said is None or self.said.recent is None or self.is_open:
            return None
        if self.words == self.query and len(self.rules) == 1:
            return None
        at = SearchTextRow.said_at
        return [at >= self.said.recent, at <= self.said.newest, *self._read(self.words, *self.facts)]

    def older(self, matches: Sized, wanted: int, held: int) -> Iterator[Stretch]:
        """For all others, the newest first. The first should hold what is wanted, as the `matches` among the newest
        tell, but no more than LOOKED_UP that must be looked up, as `held` tells (0: unknown). Each further one is as
        long as the matches tell that were found until it is asked for."""
        if self.calls is not None or self.said is None or self.said.recent is None:
            return
        before = SearchTextRow.said_at < self.said.recent
        lengths = self._fitting(matches, wanted, held)
        for number, stretch in enumerate(self._windows(self.said.recent, lengths)):
            yield Stretch([before, *stretch.asked], stretch.compared) if number == 0 else stretch

    def _fitting(self, matches: Sized, wanted: int, held: int) -> Iterator[int]:
        """Days of windows that should hold what is wanted."""
        among_newest = len(matches)
        share = max(among_newest, NONE_FOUND) / max(RECENT, 1)
        fitting = (wanted - among_newest) / share * _margin(among_newest)
        length = days = self._days(min(fitting, _looked_up(held)))
        while True:
            yield length
            found = len(matches) - among_newest
            fitting = (wanted - len(matches)) / max(found, NONE_FOUND) * days * _margin(found)
            length = max(1, min(round(fitting), GROWTH * length))
            days += length

    def counted(self, found: int, since: datetime, wanted: int, held: int) -> Iterator[Stretch]:
        """For all texts, where `found` match from `since` on. The first should hold what is wanted, but no more than
        LOOKED_UP that must be looked up, as `held` tells (0: unknown)."""
        if self.calls is not None or self.said is None or self.said.recent is None:
            yield Stretch(self.recent(), [])
            return
        if self.is_open:
            at = SearchTextRow.said_at
            between = [at >= self.said.oldest, at <= self.said.newest]
            yield Stretch(between, [*self._read(self.query, *self.facts), *self.rules], READ_THROUGH)
            return
        searched = RECENT + max(0, (self.said.recent - since) / DAY) * self.said.a_day
        first = self._days(min(searched * wanted / found * _margin(found), _looked_up(held)))
        yield from self._windows(self.said.newest, growing(first))

    def _windows(self, newest: datetime, lengths: Iterator[int]) -> Iterator[Stretch]:
        assert self.said is not None
        tomorrow = day_of(datetime.now(UTC)) + DAY
        ahead = day_of(newest) > tomorrow
        oldest, latest = day_of(self.said.oldest), day_of(newest)
        for number, (first, last) in enumerate(windows(oldest, latest, tomorrow, lengths)):
            if self.is_open and number <= ahead:
                known = holds(any_fact(cover(first, last)))
                yield Stretch([known, *map(holds, self.facts), *self._read(self.query)], [*self.rules])
                continue
            if self.words and not self.is_open and first == oldest:
                # Of most months there are, the index would read more than of the words, where these are not frequent.
                known = (SearchTextRow.said_at < _end_of(last)).is_(True)
            else:
                known = holds(any_fact(cover(first, last)))
            yield Stretch([known, *map(holds, self.facts), *self._asked()], [*self._compared(), *self.rules])

    def _asked(self) -> list[Rule]:
        return [holds(self.words)] if self.words else []

    def _compared(self) -> list[Rule]:
        return [] if self.words == self.query else self._read(self.query)

    def _read(self, *queries: str) -> list[Rule]:
        return [holds_unindexed(query) for query in queries if query]

    def _days(self, texts: float) -> int:
        assert self.said is not None
        texts = min(texts, READ_THROUGH) if self.is_open else texts
        return max(1, min(LONGEST_DAYS, round(texts / self.said.a_day)))


def _ids(written: str) -> ColumnElement[Sequence[UUID]]:
    """The ids as a constant: a parameter of so many takes longer to send than to look up, and a plan must know them."""
    return cast(bindparam(None, written, Text, literal_execute=True), ARRAY(Uuid))


def _looked_up(held: int) -> float:
    """Of how many texts LOOKED_UP must be looked up, where so many of the newest RECENT have what is asked for."""
    return LOOKED_UP * max(RECENT, 1) / max(held, NONE_FOUND)


def _margin(found: int) -> float:
    return MARGIN + (1 / math.sqrt(found) if found else 0)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + DAY, time.min, UTC)


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()
