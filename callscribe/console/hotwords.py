"""The API's routes for hotword lists: how they stand, how they stood, and which words people's corrections ask for."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from asr.lexicon import is_common
from callscribe.console.answer import Answer
from callscribe.console.etag import PreconditionOf, conditional, tell_version
from callscribe.console.models import HotwordAnswer, HotwordListAnswer, HotwordListRequest
from callscribe.console.moment import Moment
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.corrected import CorrectionFilter
from callscribe.domain.errors import HotwordListOutdated
from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS, Hotword
from callscribe.domain.hotword_lists import HotwordList
from callscribe.text.suggestions import Suggestion, suggest
from callscribe.text.visible import LINE, NAME
from storage.hotwords import HotwordContent, HotwordListVersion

router = APIRouter(prefix=API, tags=["Hotwords"])

CHANGE_PROBLEMS = responses(409, 412, 422, 503)
NEWEST_CORRECTIONS = 5_000
"""Looked at for suggestions."""

ListName = Annotated[
    str,
    # Something that can be seen, and no control characters: Postgres has no place for NUL.
    Path(min_length=1, max_length=100, pattern=NAME, description="Name of the list."),
]
By = Annotated[str, Query(max_length=100, pattern=LINE, description='Who asks, for the list\'s history; "": not told.')]
VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="`version` of the list's history.")]


ByField = Annotated[str, Field(max_length=100, pattern=LINE, description="Who asks, for the list's history.")]
Seen = Annotated[
    int | None,
    Field(
        ge=0,
        le=2**31 - 1,
        description="`version` that the list had when it was read, 0: none, so that nobody else's change is written "
        "over: 409 where another stands by now. As `If-Match`, which answers 412. null: whatever stands.",
    ),
]


class HotwordListChange(HotwordListRequest):
    """The words that a list shall have, and who wants it so."""

    by: ByField = ""
    version: Seen = None


class HotwordListAmendment(BaseModel):
    """Words that come on a list or off it; all others stay."""

    model_config = ConfigDict(extra="forbid")

    words: list[HotwordAnswer] = Field(
        [], max_length=MAX_HOTWORDS, description="One that is on it takes the new weight."
    )
    remove: list[Annotated[str, Field(max_length=MAX_HOTWORD_CHARACTERS)]] = Field(
        [], max_length=MAX_HOTWORDS, description="Texts; those that are not on it do no harm."
    )
    by: ByField = ""
    version: Seen = None


class VersionSummaryAnswer(Answer):
    """A change of a list."""

    version: int
    changed_at: datetime = Field(description="UTC.")
    by: str = Field(description='Who changed it; "" where nobody was named.')
    deleted: bool = Field(description="Whether the list was removed by it.")
    words: int = Field(description="How many the list had from then on; of a removed one, till then.")

    @classmethod
    def of(cls, found: HotwordListVersion) -> "VersionSummaryAnswer":
        return cls(
            version=found.version,
            changed_at=found.changed_at,
            by=found.by,
            deleted=found.deleted,
            words=len(found.words),
        )


class VersionAnswer(Answer):
    """A list as it stood from a change on."""

    name: str
    version: int
    changed_at: datetime = Field(description="UTC.")
    by: str
    deleted: bool
    words: list[HotwordAnswer]
    languages: list[str]
    agents: list[str]

    @classmethod
    def of(cls, found: HotwordListVersion) -> "VersionAnswer":
        return cls(
            name=found.name,
            version=found.version,
            changed_at=found.changed_at,
            by=found.by,
            deleted=found.deleted,
            words=[HotwordAnswer.of(word) for word in found.words],
            languages=list(found.languages),
            agents=list(found.agents),
        )


class SuggestionAnswer(Answer):
    """A word or phrase that people put where the recogniser wrote something else."""

    text: str
    count: int = Field(description="Utterances into which people put it.")
    calls: int = Field(description="Different calls of these.")
    heard: list[str] = Field(description="What had been written there, the most frequent first.")
    examples: list[UUID] = Field(description="Ids of some of the utterances.")

    @classmethod
    def of(cls, found: Suggestion) -> "SuggestionAnswer":
        return cls(
            text=found.text,
            count=found.count,
            calls=found.calls,
            heard=list(found.heard),
            examples=list(found.examples),
        )


class SuggestionQuery(BaseModel):
    """Which corrections to look at."""

    model_config = ConfigDict(extra="forbid")

    trunk: str | None = Field(None, max_length=200, description="Name of a trunk.")
    since: Moment | None = Field(None, description="Of calls that started at or after this time.")
    calls: int = Field(3, ge=1, le=1000, description="On how many calls people must have put a word in at least.")


@router.get("/hotwords", responses=responses(503))
def list_hotwords(sources: SourcesOf) -> list[HotwordListAnswer]:
    """All hotword lists, by name."""
    return [HotwordListAnswer.of(found) for found in sources.hotwords.lists()]


@router.get("/hotwords/suggestions", responses=responses(422, 503))
def suggest_hotwords(sources: SourcesOf, query: Annotated[SuggestionQuery, Query()]) -> list[SuggestionAnswer]:
    """Words that people put in again and again where the recogniser wrote something else, and that no list has.

    The newest 5,000 corrected utterances are looked at. Common English words are left out; for other languages there is
    no such knowledge, so judge them. To take one over, put it on a list. A list of the name "suggestions" is at
    /hotwords only.
    """
    conditions = CorrectionFilter(query.trunk, query.since)
    corrected = sources.corrections.corrected(conditions, NEWEST_CORRECTIONS)
    listed = {word.text for found in sources.hotwords.lists() for word in found.words}
    return [SuggestionAnswer.of(found) for found in suggest(corrected, listed, is_common, query.calls)]


@router.get("/hotwords/{name}", responses=responses(404, 422, 503))
def get_hotwords(sources: SourcesOf, name: ListName, response: Response) -> HotwordListAnswer:
    """One list. `ETag` is that of its version."""
    found = sources.hotwords.find(name)
    if found is None:
        raise _no_list()
    return _answer(found, response)


@router.put("/hotwords/{name}", responses=CHANGE_PROBLEMS)
def put_hotwords(
    sources: SourcesOf, name: ListName, wanted: HotwordListChange, condition: PreconditionOf, response: Response
) -> HotwordListAnswer:
    """Make the list, or give it other words and other calls to be for. A trunk names the lists of its calls.

    Running calls have it from their next utterances on. Each change is a version. Send the version that you changed, as
    `version` or with `If-Match`: without either, what somebody else put on meanwhile is lost.
    """
    content = HotwordContent(_hotwords(wanted.words), wanted.languages, wanted.agents)
    with conditional(condition, HotwordListOutdated):
        expects = condition.and_seen(wanted.version)
        return _answer(sources.hotwords.write(name, content, wanted.by, expects), response)


@router.patch("/hotwords/{name}", responses=CHANGE_PROBLEMS)
def amend_hotwords(
    sources: SourcesOf, name: ListName, wanted: HotwordListAmendment, condition: PreconditionOf, response: Response
) -> HotwordListAnswer:
    """Put words on the list and take words off it, which leaves what others do at the same time as it is.

    A list is made where there is none.
    """
    with conditional(condition, HotwordListOutdated):
        expects = condition.and_seen(wanted.version)
        words = _hotwords(wanted.words)
        return _answer(sources.hotwords.amend(name, words, wanted.remove, wanted.by, expects), response)


@router.delete("/hotwords/{name}", status_code=204, responses=responses(404, 412, 422, 503))
def delete_hotwords(sources: SourcesOf, name: ListName, condition: PreconditionOf, by: By = "") -> None:
    """Remove the list. Its versions stay, as texts of calls name them; one can be restored."""
    with conditional(condition, HotwordListOutdated):
        if not sources.hotwords.delete(name, by, condition.allows):
            raise _no_list()


@router.get("/hotwords/{name}/versions", responses=responses(404, 422, 503))
def list_versions(sources: SourcesOf, name: ListName) -> list[VersionSummaryAnswer]:
    """The changes of a list, newest first, also of one that was removed."""
    versions = sources.hotwords.versions(name)
    if not versions:
        raise _no_list()
    return [VersionSummaryAnswer.of(found) for found in versions]


@router.get("/hotwords/{name}/versions/{version}", responses=responses(404, 422, 503))
def get_version(sources: SourcesOf, name: ListName, version: VersionNumber) -> VersionAnswer:
    """The list as it stood from a change on."""
    found = next((each for each in sources.hotwords.versions(name) if each.version == version), None)
    if found is None:
        raise _no_version()
    return VersionAnswer.of(found)


@router.post("/hotwords/{name}/versions/{version}/restore", responses=responses(404, 412, 422, 503))
def restore_version(
    sources: SourcesOf,
    name: ListName,
    version: VersionNumber,
    condition: PreconditionOf,
    response: Response,
    by: By = "",
) -> HotwordListAnswer:
    """Give the list what it had then, as a new version; one that was removed is there again."""
    with conditional(condition, HotwordListOutdated):
        found = sources.hotwords.restore(name, version, by, condition.allows)
    if found is None:
        raise _no_version()
    return _answer(found, response)


def _hotwords(words: list[HotwordAnswer]) -> list[Hotword]:
    return [Hotword(word.text, word.weight) for word in words]


def _answer(found: HotwordList, response: Response) -> HotwordListAnswer:
    tell_version(response, found.version)
    return HotwordListAnswer.of(found)


def _no_list() -> HTTPException:
    return HTTPException(404, "There is no hotword list of this name; /api/v1/hotwords lists them.")


def _no_version() -> HTTPException:
    return HTTPException(404, "The list has no such version; /api/v1/hotwords/NAME/versions lists them.")
