"""The API's routes that keep calls from being removed, and that remove them."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Body, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.calls import KEY_LIMIT, Key
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.errors import EventsUnavailable
from callscribe.events.forgetting import StoredEvents
from callscribe.text.visible import LINE
from storage.erasure import Erasure, ErasureOrder
from storage.holds import PAGE_LIMIT, Hold, HoldPage
from storage.party_calls import PartyFilter
from storage.party_erasures import ErasureProgress

log = structlog.get_logger()
router = APIRouter(prefix=API, tags=["Retention"])


def _told(text: str) -> str:
    if not text.strip():
        raise ValueError("it must say something")
    return text.strip()


By = Annotated[
    str, Field(max_length=100, pattern=LINE, description="Who asks, for the audit log."), AfterValidator(_told)
]
Reason = Annotated[
    str,
    Field(max_length=500, pattern=LINE, description="Why, for the audit log: a case number, no party's name."),
    AfterValidator(_told),
]


class Asking(BaseModel):
    """Who asks for something, and why."""

    model_config = ConfigDict(extra="forbid")

    by: By
    reason: Reason


class ErasureAsked(Asking):
    """The same for an erasure."""

    dry_run: bool = Field(False, description="Tell what would be erased, and leave it.")
    alike: bool = Field(
        False, description="Erase also the calls that are listed under `alike`, and what each of them is linked with."
    )

    @property
    def order(self) -> ErasureOrder:
        return ErasureOrder(self.by, self.reason, self.dry_run, self.alike)


Told = Annotated[str, Field(max_length=KEY_LIMIT, pattern=LINE)]


class PartyErasure(Asking):
    """Whose calls shall be erased: give `party` or `name`."""

    party: Told = Field(
        "",
        description="An address, or its user part (the number of a tel: or sip: address), compared exactly.",
        examples=["+15550100"],
    )
    name: Told = Field("", description="The name that is shown, compared exactly; several people may have it.")
    trunk: Told = Field("", description="Only calls of this trunk, and those that record the same conversations.")
    dry_run: bool = Field(description="Tell what would be erased, and leave it.")

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if bool(self.party) == bool(self.name):
            raise ValueError("give party or name, and not both")
        return self

    @property
    def wanted(self) -> PartyFilter:
        return PartyFilter(self.party, self.name, self.trunk)


class HoldAnswer(Answer):
    """A legal hold on a call, and with it on every call that records the same conversation."""

    call_id: UUID
    by: str
    reason: str
    at: datetime = Field(description="UTC.")

    @classmethod
    def of(cls, hold: Hold) -> "HoldAnswer":
        return cls(call_id=hold.call_id, by=hold.by, reason=hold.reason, at=hold.at)


class HoldPageAnswer(Answer):
    """A stretch of the holds, newest first."""

    holds: list[HoldAnswer]
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")

    @classmethod
    def of(cls, page: HoldPage) -> "HoldPageAnswer":
        return cls(holds=[HoldAnswer.of(hold) for hold in page.holds], cursor=page.cursor)


class ErasureAnswer(Answer):
    """What was erased; with `dry_run`, what would be."""

    dry_run: bool
    calls: list[UUID] = Field(description="With each call, all that record the same conversation.")
    utterances: int
    files: int = Field(description="Removed from the recordings folder; 0 with `dry_run`.")
    bytes: int
    held: list[UUID] = Field(description="Calls of the party that stay, for they are under legal hold.")
    active: list[UUID] = Field(description="Calls of the party that stay, for they go on: ask again later.")
    failed: list[UUID] = Field(
        description="Calls of the party that stay, for something could not be removed: the log tells why; ask again."
    )
    alike: list[UUID] = Field(
        description="Of one call: others of the time, at most 500, that stay though they share an id with it. They may"
        " record the same conversation: an id that more than eight calls have at a time links none."
    )
    addresses: list[str] = Field(description="Of a party: all addresses that were meant.")
    trunks: list[str] = Field(description="Of a party: the trunks of its calls.")

    @classmethod
    def of(cls, erased: Erasure, *, dry_run: bool) -> "ErasureAnswer":
        return cls(
            dry_run=dry_run,
            calls=list(erased.calls),
            utterances=erased.utterances,
            files=erased.files.files,
            bytes=erased.files.bytes,
            held=list(erased.held),
            active=list(erased.active),
            failed=list(erased.failed),
            alike=list(erased.alike),
            addresses=list(erased.addresses),
            trunks=list(erased.trunks),
        )


class PartyErasureAnswer(Answer):
    """How far the erasure of a party's calls is. It does not tell whose they were."""

    id: UUID
    by: str
    reason: str
    created_at: datetime = Field(description="UTC.")
    finished_at: datetime | None = Field(description="UTC; null while it is on its way.")
    found: int = Field(description="Calls with the party when it began.")
    waiting: int = Field(description="Of these, those that nothing was done about yet.")
    erased: int = Field(description="Calls that are gone, with those that recorded the same conversations.")
    utterances: int
    files: int = Field(description="Removed from the recordings folder.")
    bytes: int
    held: list[UUID] = Field(description="Calls of the party that stay, for they are under legal hold.")
    active: list[UUID] = Field(description="Calls of the party that stay, for they go on: erase again later.")
    failed: list[UUID] = Field(
        description="Calls of the party that stay, for something could not be removed: the log tells why; erase again."
    )

    @classmethod
    def of(cls, found: ErasureProgress) -> "PartyErasureAnswer":
        return cls(
            id=found.id,
            by=found.by,
            reason=found.reason,
            created_at=found.created_at,
            finished_at=found.finished_at,
            found=found.found,
            waiting=found.waiting,
            erased=found.erased,
            utterances=found.utterances,
            files=found.files.files,
            bytes=found.files.bytes,
            held=list(found.held),
            active=list(found.active),
            failed=list(found.failed),
        )


@router.put("/calls/{key:path}/hold", responses=responses(404, 422, 503))
def hold_call(sources: SourcesOf, key: Key, asking: Annotated[Asking, Body()]) -> HoldAnswer:
    """Put a legal hold on the call: neither retention nor an erasure removes it, nor those that record the same
    conversation. A hold that it has gets this reason."""
    return HoldAnswer.of(sources.holds.hold(sources.reader.call(key).call.id, asking.by, asking.reason))


@router.delete("/calls/{key:path}/hold", status_code=204, responses=responses(404, 422, 503))
def release_call(sources: SourcesOf, key: Key, asking: Annotated[Asking, Query()]) -> None:
    """Take the hold off the call, and those off that are on calls of the same conversation."""
    if not sources.holds.release(sources.reader.call(key).call.id, asking.by, asking.reason):
        raise HTTPException(404, "There is no hold on this call's conversation; /api/v1/holds lists holds.")


@router.get("/holds", responses=responses(422, 503))
def list_holds(
    sources: SourcesOf,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
) -> HoldPageAnswer:
    """All legal holds, newest first."""
    try:
        return HoldPageAnswer.of(sources.holds.holds(limit, cursor))
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}; begin again without one") from error


@router.delete("/calls/{key:path}", responses=responses(404, 409, 422, 503))
def erase_call(sources: SourcesOf, key: Key, asked: Annotated[ErasureAsked, Query()]) -> ErasureAnswer:
    """Erase the call, and those that record the same conversation: rows, recordings, what a search finds them by,
    events, and whatever of them is still on its way. 409 while one of them goes on, or is under legal hold."""
    erased = sources.erasures.erase_call(sources.reader.call(key).call.id, asked.order)
    return _erased(sources, erased, dry_run=asked.dry_run)


@router.post("/erasures", responses=responses(422, 503) | {202: {"model": PartyErasureAnswer}})
def erase_party(
    sources: SourcesOf, asked: Annotated[PartyErasure, Body()], response: Response
) -> ErasureAnswer | PartyErasureAnswer:
    """Erase every call that there is with this party. Workers do it: 202 and how far it is, at `/erasures/{id}` as
    Location says. With `dry_run` 200 and what would be erased. What is under legal hold, goes on, or failed, stays and
    is listed."""
    if asked.dry_run:
        return ErasureAnswer.of(sources.party_erasures.plan(asked.wanted), dry_run=True)
    begun = sources.party_erasures.begin(asked.wanted, ErasureOrder(asked.by, asked.reason))
    response.status_code = HTTPStatus.ACCEPTED
    response.headers["Location"] = f"{API}/erasures/{begun.id}"
    return PartyErasureAnswer.of(begun)


@router.get("/erasures", responses=responses(422, 503))
def list_erasures(sources: SourcesOf, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[PartyErasureAnswer]:
    """Erasures of parties' calls that are on their way, or ended within the last 30 days, newest first."""
    return [PartyErasureAnswer.of(found) for found in sources.party_erasures.newest(limit)]


@router.get("/erasures/{erasure_id}", responses=responses(404, 422, 503))
def get_erasure(sources: SourcesOf, erasure_id: UUID) -> PartyErasureAnswer:
    """How far the erasure of a party's calls is."""
    return PartyErasureAnswer.of(sources.party_erasures.progress(erasure_id))


def _erased(sources: Sources, erased: Erasure, *, dry_run: bool) -> ErasureAnswer:
    if not dry_run:
        events = StoredEvents(sources.events_url, sources.stream_length)
        try:
            events.erase(erased.calls, datetime.now(UTC))
            events.renew_file()
        except EventsUnavailable as error:
            # The workers' sweep does all of it, and tells it, once the store is there.
            log.warning("events_not_erased_yet", calls=len(erased.calls), reason=str(error))
    return ErasureAnswer.of(erased, dry_run=dry_run)
