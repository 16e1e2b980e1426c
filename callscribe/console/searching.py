"""The API's routes for searches: what was said, and queries that people keep."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.search_models import (
    FoundCallAnswer,
    MatchesAnswer,
    PagedSearchQuery,
    SavedSearchAnswer,
    SavedSearchRequest,
    SearchAnswer,
    SearchQuery,
    link_to,
)
from callscribe.console.sources import Sources, SourcesOf
from callscribe.text.query import Query as ParsedQuery
from callscribe.text.query import parse_query, render_query, spelled_alike
from callscribe.text.tables import plain_cell
from callscribe.text.visible import NAME
from storage.found_calls import found_calls
from storage.hits import Hit, SearchPage
from storage.search_index import WAITING

router = APIRouter(prefix=API, tags=["Search"])

CSV_COLUMNS = (
    "at", "call_id", "trunk", "role", "name", "address", "speaker", "start_s", "text", "language", "revision", "newest",
    "link",
)  # fmt: skip

SearchName = Annotated[
    str,
    Path(min_length=1, max_length=100, pattern=NAME, description="Name of the search."),
]


@router.get("/search", responses=responses(422, 503))
def search(sources: SourcesOf, asked: Annotated[PagedSearchQuery, Query()]) -> SearchAnswer:
    """Utterances by what was said, by whom and where. Where nothing is spelled so, what is spelled alike."""
    query = _parsed(asked)
    page = _page(sources, query, asked)
    alike = spelled_alike(query) if not page.hits and asked.cursor is None else None
    if alike is not None:
        query, page = alike, _page(sources, alike, asked)
    return SearchAnswer(
        query=render_query(query),
        alike=alike is not None and bool(page.hits),
        calls=_by_call(sources, page.hits),
        matches=_matches(sources, query, page) if asked.count else None,
        waiting=sources.search_index.waiting(WAITING),
        cursor=page.cursor,
    )


@router.get(
    "/search.csv",
    response_class=StreamingResponse,
    responses=responses(422, 503) | {200: {"content": {"text/csv": {}}, "description": "One line an utterance."}},
)
def export(sources: SourcesOf, asked: Annotated[SearchQuery, Query()]) -> StreamingResponse:
    """All that a search finds as CSV (RFC 4180), newest first."""
    query = _parsed(asked)
    hits = sources.search.every(query.term, query.conditions)
    # The first is read before the answer begins: what fails until then can still be told by its status.
    first = list(islice(hits, 1))
    return StreamingResponse(
        _lines(chain(first, hits)),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="search-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"'},
    )


@router.get("/searches", responses=responses(503))
def list_searches(sources: SourcesOf) -> list[SavedSearchAnswer]:
    """All saved searches, by name."""
    return [SavedSearchAnswer.of(found) for found in sources.searches.all()]


@router.get("/searches/{name:path}", responses=responses(404, 422, 503))
def get_search(sources: SourcesOf, name: SearchName) -> SavedSearchAnswer:
    """One saved search."""
    found = sources.searches.find(name)
    if found is None:
        raise _no_search()
    return SavedSearchAnswer.of(found)


@router.put("/searches/{name:path}", responses=responses(422, 503))
def put_search(sources: SourcesOf, name: SearchName, wanted: SavedSearchRequest) -> SavedSearchAnswer:
    """Save a query under the name, in place of what has that name."""
    parse_query(wanted.query, datetime.now(UTC))
    return SavedSearchAnswer.of(sources.searches.put(name, wanted.query, wanted.by))


@router.delete("/searches/{name:path}", status_code=204, responses=responses(404, 422, 503))
def delete_search(sources: SourcesOf, name: SearchName) -> None:
    """Forget a saved search."""
    if not sources.searches.delete(name):
        raise _no_search()


def _no_search() -> HTTPException:
    return HTTPException(404, "There is no saved search of this name; /api/v1/searches lists them.")


def _parsed(asked: SearchQuery) -> ParsedQuery:
    return parse_query(asked.q, datetime.now(UTC), asked.fields)


def _page(sources: Sources, query: ParsedQuery, asked: PagedSearchQuery) -> SearchPage:
    try:
        if asked.count and asked.cursor is None:
            return sources.search.first_page(query.term, query.conditions, asked.order, asked.limit)
        return sources.search.search(query.term, query.conditions, asked.order, asked.limit, asked.cursor)
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}; begin again without one") from error


def _matches(sources: Sources, query: ParsedQuery, page: SearchPage) -> MatchesAnswer:
    return MatchesAnswer.of(page.count or sources.search.count(query.term, query.conditions))


def _by_call(sources: Sources, hits: Iterable[Hit]) -> list[FoundCallAnswer]:
    """A call that is removed meanwhile is left out."""
    groups: dict[UUID, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.call_id, []).append(hit)
    calls = found_calls(sources.database, groups)
    return [FoundCallAnswer.of(calls[call_id], group) for call_id, group in groups.items() if call_id in calls]


def _lines(hits: Iterable[Hit]) -> Iterator[str]:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(CSV_COLUMNS)
    for hit in hits:
        writer.writerow(_cells(hit))
        if written.tell() > 32_768:
            yield written.getvalue()
            written.seek(0)
            written.truncate()
    yield written.getvalue()


def _cells(hit: Hit) -> tuple[str, ...]:
    said = (hit.trunk, hit.role, hit.party.name, hit.party.address, str(hit.speaker or ""))
    place = (f"{hit.start_ms / 1000:.2f}", plain_cell(hit.text), hit.language)
    version = (str(hit.number), str(hit.newest).lower(), link_to(hit))
    return (hit.at.isoformat(), str(hit.call_id), *map(plain_cell, said), *place, *version)
