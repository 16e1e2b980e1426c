"""Search of what was said: the newest text of each utterance, and on demand the texts that it replaced."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Float, Select, and_, cast, column, func, literal, or_, select, table, true, tuple_
from sqlalchemy.dialects.postgresql import REGCLASS, TSQUERY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from callscribe.domain.access import CallScope
from callscribe.domain.errors import QueryError
from callscribe.domain.search import SearchFilter, Term
from callscribe.text.matching import Spellings
from storage.database import Database
from storage.engine import LIMIT_EXCEEDED, sqlstate
from storage.hits import Hit, HitCount, SearchOrder, SearchPage
from storage.lexemes import term_query, words_query
from storage.models import SearchTextRow
from storage.search_conditions import Rule, best_of_utterance, few_calls, known_facts, of_such_a_call, text_rules
from storage.search_cursors import Place, RankPlace, read_place, read_rank_place, write_place, write_rank_place
from storage.search_hits import Found, read_hits
from storage.spelling import is_open, spellings
from storage.stretches import RECENT, Said, Stretch, Stretches
from storage.windows import DAY

PAGE_LIMIT = 500
RANKED = 2000
"""The newest matches that are ranked, where rank is asked for."""
COUNTED = 1000
"""Matches that are counted at most."""
LOOKED = 1000
"""Texts of a stretch that are looked at, beyond what the index tells, to count those that match: of a phrase of common
words, or of a word in few calls, that may be few of very many."""
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
    # Of a frequent word the first texts of the table seem to be enough; none of them may be of the days asked for.
    "enable_seqscan": "off",
    "statement_timeout": f"{STATEMENT_LIMIT_S}s",
}
_TABLE = cast(literal(SearchTextRow.__tablename__), REGCLASS)
_PLACE = (SearchTextRow.said_at, SearchTextRow.utterance_id)
_AT = tuple_(*_PLACE)
_NEWEST_FIRST = (SearchTextRow.said_at.desc(), SearchTextRow.utterance_id.desc())


@dataclass(frozen=True, slots=True)
class _Search:
    """A search whose words and calls have been looked up."""

    term: Term | None
    spellings: Spellings
    stretches: Stretches


@dataclass(frozen=True, slots=True)
class _Match:
    """A search text that matches."""

    found: Found
    rank: float
    """How well: how often its words stand in it, and how near to each other. 0 where that is not asked for."""


class _Newest(NamedTuple):
    """The newest matches."""

    matches: list[_Match]
    held: int
    """Of the newest texts, how many have what the index is asked for; 0: unknown."""


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
        _check(limit)
        conditions = replace(conditions, scope=self._scope)
        with self._searching() as session:
            if order is SearchOrder.RANK:
                best = None if cursor is None else read_rank_place(cursor)
                upto = None if best is None else best.newest
                search = _prepared(session, term, conditions, upto)
                rules = () if upto is None else (tuple_(*upto) >= _AT,)
                matches, _ = _newest(session, search, RANKED, rules, ranked=True)
                return _ranked_page(session, search, matches, limit, best)
            after = None if cursor is None else read_place(cursor)
            search = _prepared(session, term, conditions, after)
            matches, _ = _newest(session, search, limit + 1, () if after is None else (tuple_(*after) > _AT,))
            return _page(session, search, matches, limit)

    def first_page(
        self, term: Term | None, conditions: SearchFilter, order: SearchOrder = SearchOrder.TIME, limit: int = 50
    ) -> SearchPage:
        """The first page of a search, and how many match, counted up to COUNTED. Raises as `search` does."""
        _check(limit)
        conditions = replace(conditions, scope=self._scope)
        with self._searching() as session:
            search = _prepared(session, term, conditions, None)
            if order is SearchOrder.RANK:
                matches, _ = _newest(session, search, RANKED + 1, ranked=True)
                page = _ranked_page(session, search, matches[:RANKED], limit, None)
                return replace(page, count=HitCount(min(len(matches), RANKED), more=len(matches) > RANKED))
            newest = _newest(session, search, limit + 1)
            matches = newest.matches
            whole = len(matches) <= limit
            count = HitCount(len(matches), more=False) if whole else _count(session, search, newest)
            return replace(_page(session, search, matches, limit), count=count)

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
            search = _prepared(session, term, conditions, None)
            return _count(session, search, _newest(session, search, 1))

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


def _check(limit: int) -> None:
    if not 1 <= limit <= PAGE_LIMIT:
        raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")


def _prepared(session: Session, term: Term | None, conditions: SearchFilter, upto: Place | None) -> _Search:
    said = _begin(session, conditions, upto)
    known = {} if term is None else spellings(session, term)
    query = "" if term is None else term_query(term, known)
    calls = few_calls(session, conditions)
    rules = (
        best_of_utterance(query) if conditions.older else SearchTextRow.newest.is_(True),
        *text_rules(conditions),
        *(of_such_a_call(conditions) if calls is None else ()),
    )
    stretches = Stretches(
        query=query,
        words="" if term is None else words_query(term, known),
        is_open=term is not None and is_open(term, known),
        facts=known_facts(conditions),
        calls=calls,
        rules=rules,
        said=said,
    )
    return _Search(term, known, stretches)


def _begin(session: Session, conditions: SearchFilter, upto: Place | None) -> Said | None:
    """Settle how Postgres works, and say when what may be found was said; None where there is nothing."""
    at = SearchTextRow.said_at
    last = _earlier(upto.said_at if upto else None, conditions.until)
    eligible = [] if last is None else [at <= last]
    oldest, newest = (select(bound(at)).scalar_subquery() for bound in (func.min, func.max))
    end = select(func.max(at)).where(*eligible).scalar_subquery()
    recent = select(at).where(*eligible).order_by(at.desc()).offset(RECENT).limit(1).scalar_subquery()
    number = select(column("reltuples")).select_from(table("pg_class")).where(column("oid") == _TABLE).scalar_subquery()
    settled = [func.set_config(name, value, True) for name, value in _SETTINGS.items()]
    row = session.execute(select(oldest, newest, end, recent, cast(number, Float), *settled)).one()
    first, latest, upto_at, recent_at, texts = row[:5]
    if first is None or upto_at is None:
        return None
    days = (min(latest, datetime.now(UTC) + DAY) - first) / DAY
    return Said(max(first, conditions.since or first), upto_at, recent_at, max(texts, 0) / max(days, 1))


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _page(session: Session, search: _Search, matches: list[_Match], limit: int) -> SearchPage:
    """Of up to limit + 1 matches."""
    found = [match.found for match in matches[:limit]]
    more = write_place(found[-1].place) if len(matches) > limit else None
    return SearchPage(read_hits(session, found, search.term, search.spellings), more)


def _ranked_page(
    session: Session, search: _Search, matches: list[_Match], limit: int, after: RankPlace | None
) -> SearchPage:
    """Of all that are ranked. Later pages rank what the first one did: the matches up to the newest of then."""
    places = sorted(((match.rank, match.found.place, match.found) for match in matches), reverse=True)
    rest = [each for each in places if after is None or each[:2] < (after.rank, after.place)]
    more = None
    if len(rest) > limit:
        rank, last, _ = rest[limit - 1]
        more = write_rank_place(RankPlace(rank, last, after.newest if after else matches[0].found.place))
    return SearchPage(read_hits(session, [each for *_, each in rest[:limit]], search.term, search.spellings), more)


def _newest(
    session: Session, search: _Search, limit: int, rules: tuple[Rule, ...] = (), *, ranked: bool = False
) -> _Newest:
    """The newest matches that meet further rules, at most `limit`."""
    query = search.stretches.query
    rank = func.ts_rank_cd(SearchTextRow.lexemes, cast(query, TSQUERY), BY_LENGTH) if ranked and query else literal(0.0)
    wanted = select(*_PLACE, SearchTextRow.number, rank.label("rank"))
    recent = wanted.where(*search.stretches.recent(), *rules)
    matches, held = _matches(session, recent.order_by(*_NEWEST_FIRST).limit(limit)), 0
    if len(matches) < limit:
        held = _held(session, search.stretches)
        for stretch in search.stretches.older(matches, limit, held):
            # All of them, then their order: else Postgres may read along the order until enough match.
            some = wanted.where(*stretch.asked, *stretch.compared, *rules).cte("matches").prefix_with("MATERIALIZED")
            newest_first = (some.c.said_at.desc(), some.c.utterance_id.desc())
            matches += _matches(session, select(some).order_by(*newest_first).limit(limit - len(matches)))
            if len(matches) >= limit:
                break
    return _Newest(matches, held)


def _held(session: Session, stretches: Stretches) -> int:
    """How many of the newest texts have what the index is asked for, whether they match or not."""
    rules = stretches.recent_held()
    return 0 if rules is None else session.scalars(select(func.count()).select_from(SearchTextRow).where(*rules)).one()


def _matches(session: Session, asked: Select[datetime, UUID, int, float]) -> list[_Match]:
    rows = session.execute(asked)
    return [_Match(Found(Place(at, utterance_id), number), rank) for at, utterance_id, number, rank in rows]


def _count(session: Session, search: _Search, newest: _Newest) -> HitCount:
    """How many match, of which these are the newest."""
    matches, held = newest
    if not matches:
        return HitCount(0, more=False)
    found = 0
    stretches = search.stretches.counted(len(matches), matches[-1].found.place.said_at, COUNTED + 1, held)
    for stretch in stretches:
        matching, all_looked_at = session.execute(_counted(stretch, COUNTED + 1 - found)).one()
        found += matching
        if found > COUNTED or not all_looked_at:
            return HitCount(max(len(matches), min(found, COUNTED)), more=True)
    return HitCount(found, more=False)


def _counted(stretch: Stretch, wanted: int) -> Select[int, bool]:
    """How many of the stretch match, at most `wanted`, and whether no more than may be had to be looked at."""
    most, order = (stretch.newest, _NEWEST_FIRST) if stretch.newest else (LOOKED, ())
    matches = and_(true(), *stretch.compared).label("matches")
    place = func.row_number().over(order_by=order or None).label("place")
    looked = select(matches, place).where(*stretch.asked).order_by(*order).limit(most).subquery()
    last = looked.c.place == most
    seen = select(looked.c.matches, last.label("last")).where(or_(looked.c.matches, last)).limit(wanted).subquery()
    number = func.count().filter(seen.c.matches)
    return select(number, ~func.coalesce(func.bool_or(seen.c.last), False))
