"""Search of what was said: the newest text of each utterance, and on demand the texts that it replaced."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from callscribe.domain.access import CallScope
from callscribe.domain.errors import QueryError
from callscribe.domain.search import SearchFilter, Term
from callscribe.text.matching import Spellings
from storage.database import Database
from storage.engine import LIMIT_EXCEEDED, sqlstate
from storage.hits import Hit, HitCount, SearchOrder, SearchPage
from storage.lexemes import any_fact, term_query
from storage.models import SearchTextRow
from storage.search_conditions import (
    Rule,
    best_of_utterance,
    few_calls,
    holds,
    holds_unindexed,
    of_such_a_call,
    text_rules,
)
from storage.search_cursors import Place, RankPlace, read_place, read_rank_place, write_place, write_rank_place
from storage.search_hits import Found, only, read_hits
from storage.spelling import is_open, spellings
from storage.windows import windows

PAGE_LIMIT = 500
RANKED = 2000
"""The newest matches that are ranked, where rank is asked for."""
COUNTED = 10_000
"""Matches that are counted at most."""
BY_LENGTH = 1
"""Of ts_rank_cd: divided by 1 + the logarithm of the text's length."""

STATEMENT_LIMIT_S = 15
"""A statement of a search that takes longer is given up: whoever asked has gone, and the server is not theirs alone."""
NARROWER = "narrow the search: to a time (since:7d), to fewer or longer words, to a smaller NEAR"
CANCELED = "57014"
"""SQLSTATE of a statement that was given up."""

_SETTINGS = {
    # A plan depends on the words; making one takes less than compiling it, or than starting workers for it.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": f"{STATEMENT_LIMIT_S}s",
}
_MATCH = select(SearchTextRow.said_at, SearchTextRow.utterance_id, SearchTextRow.number)


@dataclass(frozen=True, slots=True)
class _Search:
    """A search whose words and calls have been looked up."""

    term: Term | None
    spellings: Spellings
    query: str
    """The term as a tsquery; "" without one."""
    is_open: bool
    """The term has a prefix of so many words that the index would read them all for any stretch of time."""
    calls: tuple[UUID, ...] | None
    """The only calls to look in, where these are few."""
    rules: tuple[Rule, ...]
    """What holds beside the term."""
    bounds: tuple[date, date] | None
    """The first and the last day on which anything was said that may be found; None: there is nothing."""


class SearchStore:
    """Finds utterances. All methods raise DatabaseUnavailable, and QueryError for a search that asks too much."""

    def __init__(self, database: Database, scope: CallScope | None = None) -> None:
        """`scope`: nothing of other calls is found; None: of all."""
        self._database = database
        self._scope = scope

    def search(
        self,
        term: Term | None,
        conditions: SearchFilter,
        order: SearchOrder = SearchOrder.TIME,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SearchPage:
        """At most `limit` (1 to 500) utterances that hold the term and meet the conditions, from where `cursor` says.

        Without a term, all that meet the conditions. What is said meanwhile moves nothing: a cursor stands for a place
        in the order. Raises ValueError for a limit out of bounds or a cursor that no page of the same order gave.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")
        with self._searching() as session:
            conditions = replace(conditions, scope=self._scope)
            search = _prepared(session, term, conditions)
            page = _ranked_page if order is SearchOrder.RANK else _page
            return page(session, search, limit, cursor)

    def every(self, term: Term | None, conditions: SearchFilter) -> Iterator[Hit]:
        """All that match, newest first, read page by page; for an export."""
        cursor: str | None = None
        while True:
            page = self.search(term, conditions, limit=PAGE_LIMIT, cursor=cursor)
            yield from page.hits
            cursor = page.cursor
            if cursor is None:
                return

    def count(self, term: Term | None, conditions: SearchFilter) -> HitCount:
        """How many match, counted up to COUNTED."""
        with self._searching() as session:
            conditions = replace(conditions, scope=self._scope)
            search = _prepared(session, term, conditions)
            found = 0
            for rules in _stretches(session, search, None):
                some = select(SearchTextRow.number).where(*rules).limit(COUNTED + 1 - found).subquery()
                found += session.scalars(select(func.count()).select_from(some)).one()
                if found > COUNTED:
                    return HitCount(COUNTED, more=True)
            return HitCount(found, more=False)

    @contextmanager
    def _searching(self) -> Iterator[Session]:
        with self._database.transaction() as session:
            try:
                yield session
            except DBAPIError as error:
                state = sqlstate(error)
                if state == CANCELED:
                    raise QueryError(f"the search took longer than {STATEMENT_LIMIT_S} s; {NARROWER}") from None
                if state.startswith(LIMIT_EXCEEDED):
                    raise QueryError(f"the search is more than the database can look for; {NARROWER}") from None
                raise


def _prepared(session: Session, term: Term | None, conditions: SearchFilter) -> _Search:
    bounds = _begin(session)
    known = {} if term is None else spellings(session, term)
    query = "" if term is None else term_query(term, known)
    calls = few_calls(session, conditions)
    return _Search(
        term=term,
        spellings=known,
        query=query,
        is_open=term is not None and is_open(term, known),
        calls=None if calls is None else tuple(calls),
        rules=(
            best_of_utterance(query) if conditions.older else SearchTextRow.newest.is_(True),
            *text_rules(conditions),
            *(of_such_a_call(conditions) if calls is None else ()),
        ),
        bounds=None if bounds is None else _days(bounds, conditions),
    )


def _begin(session: Session) -> tuple[datetime, datetime] | None:
    """Settle how Postgres works, and say when the first and the last text was said; None where there is none."""
    settled = [func.set_config(name, value, True) for name, value in _SETTINGS.items()]
    first, last = (select(bound(SearchTextRow.said_at)).scalar_subquery() for bound in (func.min, func.max))
    oldest, newest, *_ = session.execute(select(first, last, *settled)).one()
    return None if oldest is None or newest is None else (oldest, newest)


def _page(session: Session, search: _Search, limit: int, cursor: str | None) -> SearchPage:
    after = None if cursor is None else read_place(cursor)
    place = tuple_(SearchTextRow.said_at, SearchTextRow.utterance_id)
    found = _newest(session, search, limit + 1, after, () if after is None else (place < tuple_(*after),))
    more = write_place(found[limit - 1].place) if len(found) > limit else None
    return SearchPage(read_hits(session, found[:limit], search.term, search.spellings), more)


def _ranked_page(session: Session, search: _Search, limit: int, cursor: str | None) -> SearchPage:
    """Later pages rank what the first one did: the matches up to the newest of then."""
    after = None if cursor is None else read_rank_place(cursor)
    upto = None if after is None else after.newest
    place = tuple_(SearchTextRow.said_at, SearchTextRow.utterance_id)
    found = _newest(session, search, RANKED, upto, () if upto is None else (place <= tuple_(*upto),))
    ranks = _ranks(session, search, found)
    places = sorted(((ranks.get(each, 0.0), each.place, each) for each in found), reverse=True)
    rest = [each for each in places if after is None or each[:2] < (after.rank, after.place)]
    more = None
    if len(rest) > limit:
        rank, last, _ = rest[limit - 1]
        more = write_rank_place(RankPlace(rank, last, upto or found[0].place))
    return SearchPage(read_hits(session, [each for *_, each in rest[:limit]], search.term, search.spellings), more)


def _newest(session: Session, search: _Search, limit: int, upto: Place | None, rules: tuple[Rule, ...]) -> list[Found]:
    """The newest matches that meet further rules, at most `limit`. None is later than `upto`."""
    found: list[Found] = []
    for stretch in _stretches(session, search, upto):
        matches = _MATCH.where(*stretch, *rules).cte("matches").prefix_with("MATERIALIZED")
        order = (matches.c.said_at.desc(), matches.c.utterance_id.desc())
        newest = session.execute(select(matches).order_by(*order).limit(limit - len(found)))
        found += (Found(Place(said_at, utterance_id), number) for said_at, utterance_id, number in newest)
        if len(found) >= limit:
            break
    return found


def _stretches(session: Session, search: _Search, upto: Place | None) -> Iterator[list[Rule]]:
    """The rules of the search for one stretch of time after the other, the newest first."""
    if search.calls is not None:
        term = [holds(search.query)] if search.query else []
        yield [SearchTextRow.call_id.in_(search.calls), *term, *search.rules]
        return
    if search.bounds is None:
        return
    first, last = search.bounds
    newest = min(last, _day(upto.said_at)) if upto else last
    tomorrow = _day(datetime.now(UTC)) + timedelta(days=1)
    for number, facts in enumerate(windows(first, newest, tomorrow)):
        asked = holds_unindexed if search.is_open and number <= (newest > tomorrow) else holds
        term = [asked(search.query)] if search.query else []
        yield [holds(any_fact(facts)), *term, *search.rules]


def _days(bounds: tuple[datetime, datetime], conditions: SearchFilter) -> tuple[date, date]:
    oldest, newest = bounds
    return _day(max(oldest, conditions.since or oldest)), _day(min(newest, conditions.until or newest))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _ranks(session: Session, search: _Search, found: Sequence[Found]) -> Mapping[Found, float]:
    """How well they match: how often its words stand in them, and how near to each other. Nothing without a term."""
    if not search.query:
        return {}
    keys, same = only(found)
    row = SearchTextRow
    rank = func.ts_rank_cd(row.lexemes, cast(search.query, TSQUERY), BY_LENGTH)
    ranked = select(row.said_at, row.utterance_id, row.number, rank).join_from(keys, row, same)
    return {Found(Place(at, id_), number): rank for at, id_, number, rank in session.execute(ranked)}
