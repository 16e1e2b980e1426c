"""The API's route for what a search can be narrowed by: asked for apart, so that it keeps no hit waiting."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.search_models import SearchQuery
from callscribe.console.sources import SourcesOf
from callscribe.text.query import parse_query
from storage.hits import Hit
from storage.search import PAGE_LIMIT
from storage.search_facets import Facet, facets_of

router = APIRouter(prefix=API, tags=["Search"])

NEWEST = 1000
"""Hits that are counted: the newest."""


class FacetValueAnswer(Answer):
    """A value, and how many of the counted utterances have it."""

    label: str = Field(examples=["hotline"])
    number: int
    narrow: list[tuple[str, str]] = Field(
        description="Parameters of a search that leave these, in place of those of the same names.",
        examples=[[["since", "2026-11-01"], ["until", "2026-11-30"]]],
    )


class FacetAnswer(Answer):
    """What one kind of condition would leave."""

    name: str = Field(description="trunk, role, lang, month or day, rule, score, emotion, event.")
    values: list[FacetValueAnswer]

    @classmethod
    def of(cls, facet: Facet) -> "FacetAnswer":
        values = [
            FacetValueAnswer(label=value.label, number=value.number, narrow=list(value.narrow))
            for value in facet.values
        ]
        return cls(name=facet.name, values=values)


class FacetsAnswer(Answer):
    """What a search can be narrowed by."""

    of: int = Field(description="Utterances that were counted: the newest that the search finds, at most 1,000.")
    more: bool = Field(description="Whether it finds more than these.")
    facets: list[FacetAnswer]


@router.get("/search/facets", responses=responses(422, 503))
def facets(sources: SourcesOf, asked: Annotated[SearchQuery, Query()]) -> FacetsAnswer:
    """Counts of the newest utterances by trunk, role, language, day or month, failed rule, score, emotion and event."""
    query = parse_query(asked.q, datetime.now(UTC), asked.fields)
    hits: list[Hit] = []
    cursor: str | None = None
    while len(hits) < NEWEST:
        page = sources.search.search(query.term, query.conditions, limit=min(PAGE_LIMIT, NEWEST), cursor=cursor)
        hits += page.hits
        cursor = page.cursor
        if cursor is None:
            break
    found = facets_of(sources.database, hits)
    return FacetsAnswer(of=len(hits), more=cursor is not None, facets=[FacetAnswer.of(facet) for facet in found])
