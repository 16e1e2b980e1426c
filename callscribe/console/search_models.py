"""What the API takes for a search, and what it answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from callscribe.console.answer import Answer
from callscribe.console.models import PartyAnswer
from callscribe.domain.call import CallState, Role
from callscribe.text.query import MAX_CHARACTERS, MAX_TEXT_CHARACTERS
from callscribe.text.search_fields import MAX_VALUE_CHARACTERS
from storage.found_calls import FoundCall
from storage.hits import Hit, HitCount, SearchOrder
from storage.saved_searches import SavedSearch
from storage.search import PAGE_LIMIT

Value = Annotated[str, Field(max_length=MAX_VALUE_CHARACTERS)]
Values = Annotated[list[Value], Field(max_length=20)]


class SearchQuery(BaseModel):
    """What to look for. The parameters beside `q` take what its conditions of the same names take."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    q: str = Field(
        "", max_length=MAX_TEXT_CHARACTERS, description='Words, "phrases", -not, OR, pre*, near~, a NEAR/5 b.'
    )
    role: Values = Field([], description="Who said it: agent, customer, mixed, unknown; several with commas.")
    party: Values = Field([], description="Part of the name or address of who said it.")
    trunk: Values = Field([], description="Name of a trunk; several: any of them.")
    id: Values = Field([], description="Id that another system has for the call.")
    lang: Values = Field([], description="Codes of languages.", examples=[["en,zh"]])
    emotion: Values = Field([], description="Where an engine tells them.", examples=[["angry"]])
    event: Values = Field([], description="Audio events, where an engine tells them.", examples=[["laughter"]])
    since: Values = Field([], description="Said then or later.", examples=[["7d"], ["2026-11-20"]])
    until: Values = Field([], description="Said before then; of a day, to its end.", examples=[["yesterday"]])
    longer: Values = Field([], description="Least length of the call.", examples=[["3m"]])
    shorter: Values = Field([], description="Greatest length of the call.", examples=[["1h"]])
    silence: Values = Field([], description="The call has a silence of so long.", examples=[["10s"]])
    overtalk: Values = Field([], description="Agent and customer spoke at once for so long.", examples=[["5s"]])
    score: Values = Field([], description="Score of the call.", examples=[["<80"], [">50"]])
    rule: Values = Field([], description="A scorecard's rule that the call failed, or an assist rule that gave a card.")
    texts: Values = Field(
        [], alias="in", description="any: texts that were replaced, too; newest: only those that count."
    )

    @property
    def fields(self) -> dict[str, list[str]]:
        """The conditions by the names that the query language has for them."""
        named = self.model_dump(by_alias=True, exclude={"q", "order", "limit", "cursor", "count"})
        return {name: [value for value in values if value.strip()] for name, values in named.items()}


class PagedSearchQuery(SearchQuery):
    """A search, and which stretch of what it finds."""

    order: SearchOrder = Field(SearchOrder.TIME, description="time: said last first; rank: best of the newest 2,000.")
    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="Utterances at most.")
    cursor: str | None = Field(
        None, max_length=500, description="`cursor` of the stretch before, with its `query` as `q`."
    )
    count: bool = Field(False, description="Say how many match, too.")


class HitAnswer(Answer):
    """An utterance that was found."""

    utterance_id: UUID
    channel: int
    role: Role
    party: PartyAnswer = Field(description="Who said it.")
    speaker: int | None = Field(
        description="Which of several people on the channel said the first word that was found; null where unknown."
    )
    start_ms: int
    end_ms: int
    at: datetime = Field(description="When it was said, UTC.")
    language: str
    text: str = Field(description="The text that was found: the newest one, unless older ones were asked for.")
    highlights: list[tuple[int, int]] = Field(
        description="First character and that behind the last (Unicode code points) of each word that was found."
    )
    word_ms: int = Field(description="Where the first such word begins in the call.")
    link: str = Field(description="Page that plays from there.", examples=["/calls/4cd6…#t=12.34"])
    revision: int = Field(description="0 for the first text, else the number of the revision.")
    newest: bool = Field(description="false for a text that a later one has replaced.")

    @classmethod
    def of(cls, hit: Hit) -> "HitAnswer":
        return cls(
            utterance_id=hit.utterance_id,
            channel=hit.channel,
            role=hit.role,
            party=PartyAnswer.of(hit.party),
            speaker=hit.speaker,
            start_ms=hit.start_ms,
            end_ms=hit.start_ms + hit.length_ms,
            at=hit.at,
            language=hit.language,
            text=hit.text,
            highlights=list(hit.highlights),
            word_ms=hit.word_ms,
            link=link_to(hit),
            revision=hit.number,
            newest=hit.newest,
        )


def link_to(hit: Hit) -> str:
    """The page of the call, at the first word that was found."""
    return f"/calls/{hit.call_id}#t={hit.word_ms / 1000:.2f}"


class FoundCallAnswer(Answer):
    """A call with what was found in it."""

    id: UUID
    state: CallState
    trunk: str
    caller: PartyAnswer
    callee: PartyAnswer
    started_at: datetime
    duration_ms: int | None = Field(description="null while it goes on.")
    score: float | None = Field(description="0 to 100; null where no scorecard was held against it.")
    hits: list[HitAnswer]

    @classmethod
    def of(cls, call: FoundCall, hits: list[Hit]) -> "FoundCallAnswer":
        return cls(
            id=call.id,
            state=call.state,
            trunk=call.trunk,
            caller=PartyAnswer.of(call.caller),
            callee=PartyAnswer.of(call.callee),
            started_at=call.started_at,
            duration_ms=call.duration_ms,
            score=call.score,
            hits=[HitAnswer.of(hit) for hit in hits],
        )


class MatchesAnswer(Answer):
    """How many utterances match."""

    number: int
    more: bool = Field(description="Whether there are more: counting ends somewhere.")

    @classmethod
    def of(cls, count: HitCount) -> "MatchesAnswer":
        return cls(number=count.number, more=count.more)


class SearchAnswer(Answer):
    """A stretch of what was found, each call once, in the order of its first hit."""

    query: str = Field(description="What was looked for, with the parameters: pass it as `q` for the next stretch.")
    alike: bool = Field(description="Nothing was spelled so; these are spelled alike, as `query` says.")
    calls: list[FoundCallAnswer]
    matches: MatchesAnswer | None = Field(description="null unless `count` was asked for.")
    waiting: int = Field(description="Texts that were stored or changed and cannot be found yet; 10,000: or more.")
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")


class SavedSearchRequest(BaseModel):
    """A query to keep."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=MAX_CHARACTERS, description="As `q` of /search takes it.")
    by: str = Field(min_length=1, max_length=100, pattern=r"\S", description="Name of who saves it.")


class SavedSearchAnswer(Answer):
    """A query under a name."""

    name: str
    query: str
    by: str = Field(description="Who saved it last.")
    saved_at: datetime

    @classmethod
    def of(cls, search: SavedSearch) -> "SavedSearchAnswer":
        return cls(name=search.name, query=search.query, by=search.by, saved_at=search.saved_at)
