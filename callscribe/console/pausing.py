"""The API's routes that pause a call, as while a card's number is said, and let it go on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.calls import Key
from callscribe.console.finding import as_uuid
from callscribe.console.models import PauseAnswer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.console.visitor import key_asked
from callscribe.domain.call import CallState
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable, NodeSilent, StorageError
from callscribe.events.control import Asked, PausedCall, PauseRequest, ask
from storage.reader import PAGE_LIMIT, CallReader
from storage.records import CallFilter

router = APIRouter(prefix=API, tags=["Calls"])

ANSWER_LIMIT_S = 5.0
LOOK_UP_LIMIT_S = 1.0
"""How long the database may take: what is said meanwhile in calls that only it knows is kept."""
NEWS_S = 0.5
"""How long a call's end may take from its node to the database."""
PROBLEMS = responses(404, 409, 422, 503, 504)

T = TypeVar("T")
AskedOf = Annotated[str, Depends(key_asked)]


class ResumeOrder(BaseModel):
    """What to hear again."""

    model_config = ConfigDict(extra="forbid")

    channels: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        default=[],
        max_length=64,
        description="Indices of channels; empty: all, of all calls that record the conversation.",
    )


class PauseOrder(ResumeOrder):
    """What to pause."""

    reason: str = Field(
        default="",
        max_length=80,
        pattern=r"^[^\d\x00-\x1f\x7f-\x9f]*$",
        description="Why, for the call's record. Without digits, so that no card's number gets there by mistake.",
        examples=["card payment"],
    )


class PausedCallAnswer(Answer):
    """The pauses of a call that goes on."""

    id: UUID
    pauses: list[PauseAnswer] = Field(description="All so far; those without an end go on.")


class PausesAnswer(Answer):
    """Calls that were paused, or go on again."""

    calls: list[PausedCallAnswer] = Field(
        description="The call that was named, and where no channels were, all others that record its conversation; of "
        "those that were dealt with the ones that the one who asks sees."
    )
    linked_known: bool = Field(
        description="false: the database could not tell in time which other calls record the conversation. Those that "
        "are listed are dealt with; others may go on as they did, until this is asked again."
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """How a request names its call."""

    call: str
    """A key that finds it."""
    asked: str
    """What was sent: other calls may have that id, too."""

    @property
    def by_nodes(self) -> tuple[str, ...]:
        """As nodes may know it. What was sent may be the own id of a call that the one who asks does not see."""
        if self.call != self.asked and as_uuid(self.asked) is not None:
            return (self.call,)
        return tuple(dict.fromkeys((self.call, self.asked, self.asked.lower(), self.asked.partition(";encoding=")[0])))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database tells of the calls that a request is for."""

    own: UUID | None = None
    """The call that was named, also where it has ended; None: not known."""
    active: frozenset[UUID] = frozenset()
    """Calls that go on: by that name, and those that record the same conversation."""
    failure: StorageError | None = None
    """Why nothing is known."""


@router.post("/calls/{key:path}/pause", responses=PROBLEMS)
async def pause_call(
    sources: SourcesOf, key: Key, asked: AskedOf, order: Annotated[PauseOrder | None, Body()] = None
) -> PausesAnswer:
    """Keep nothing of what is said from now on: silence in the recording, no text, no keys.

    Once this is answered the nodes have stopped. What is paused already stays so.
    """
    wanted = order or PauseOrder()
    return await _carry_out(
        sources, _Named(key, asked or key), PauseRequest((), "pause", tuple(wanted.channels), wanted.reason)
    )


@router.post("/calls/{key:path}/resume", responses=PROBLEMS)
async def resume_call(
    sources: SourcesOf, key: Key, asked: AskedOf, order: Annotated[ResumeOrder | None, Body()] = None
) -> PausesAnswer:
    """Keep and understand again what is said from now on. What is not paused goes on as it did."""
    wanted = order or ResumeOrder()
    return await _carry_out(sources, _Named(key, asked or key), PauseRequest((), "resume", tuple(wanted.channels)))


async def _carry_out(sources: Sources, named: _Named, request: PauseRequest) -> PausesAnswer:
    """What the nodes know by the key does not wait for the database.

    Who may pause a call pauses all that is recorded of the conversation, also calls that are not theirs to see.
    """
    reader = CallReader(sources.database)
    by_key, (known, by_id) = await asyncio.gather(
        ask(sources.events_url, replace(request, calls=named.by_nodes), ANSWER_LIMIT_S),
        _ask_known(reader, named, request, sources.events_url),
    )
    calls = {call.id: call for call in (*by_key.calls, *by_id.calls)}
    asked = Asked(tuple(calls.values()), by_key.complete and by_id.complete, (*by_key.over, *by_id.over))
    await _check(reader, asked, known)
    seen = await _seen(sources, named, asked.calls)
    return PausesAnswer(
        calls=[
            PausedCallAnswer(id=call.id, pauses=[PauseAnswer.of(pause) for pause in call.pauses])
            for call in sorted(seen, key=lambda call: call.id != known.own)
        ],
        linked_known=bool(request.channels) or known.own is not None,
    )


async def _ask_known(reader: CallReader, named: _Named, request: PauseRequest, events_url: str) -> tuple[_Known, Asked]:
    """What the database tells, and what the nodes answer for the calls that it names."""
    try:
        known = await within_limit(lambda: _look_up(reader, named, alone=bool(request.channels)))
    except StorageError as error:
        known = _Known(failure=error)
    if known.own is None:
        return known, Asked((), complete=True)
    ids = tuple(str(call_id) for call_id in {known.own, *known.active})
    return known, await ask(events_url, replace(request, calls=ids), ANSWER_LIMIT_S)


async def within_limit(read: Callable[[], T]) -> T:
    """What the database tells. Raises StorageError, also where it takes too long."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(read), LOOK_UP_LIMIT_S)
    except TimeoutError as error:
        raise DatabaseUnavailable from error


async def _seen(sources: Sources, named: _Named, calls: Sequence[PausedCall]) -> Sequence[PausedCall]:
    """Those that the one who asks sees; where the database does not tell, the call that was named."""
    if sources.scope is None:
        return calls
    try:
        return await within_limit(lambda: [call for call in calls if _sees(sources.reader, call.id)])
    except StorageError:
        return [call for call in calls if str(call.id) == named.call]


def _sees(reader: CallReader, call_id: UUID) -> bool:
    try:
        reader.find_id(call_id)
    except CallNotFound:
        return False
    return True


def _look_up(reader: CallReader, named: _Named, *, alone: bool) -> _Known:
    """Raises StorageError; CallNotFound is one."""
    record = reader.call(named.call)
    active = {record.call.id} if record.state is CallState.ACTIVE else set()
    same = reader.list_calls(CallFilter(CallState.ACTIVE, outside_id=named.asked), PAGE_LIMIT).calls
    active.update(summary.call.id for summary in same)
    if not alone:
        for conversation in {record.conversation, *(summary.conversation for summary in same)}:
            linked = reader.list_calls(CallFilter(CallState.ACTIVE, conversation=conversation), PAGE_LIMIT).calls
            active.update(summary.call.id for summary in linked)
    return _Known(record.call.id, frozenset(active))


async def _check(reader: CallReader, asked: Asked, known: _Known) -> None:
    """Raises what the answer is where a call was not dealt with."""
    missing = known.active.difference((call.id for call in asked.calls), asked.over)
    if missing and await _go_on(reader, missing):
        raise NodeSilent
    if not asked.calls and not asked.complete:
        raise NodeSilent
    if not asked.calls and known.failure:
        raise known.failure
    if not asked.calls:
        raise HTTPException(409, "The call has ended: nothing of it is recorded any more.")
    if unknown := sorted({channel for call in asked.calls for channel in call.unknown_channels}):
        listed = ", ".join(map(str, unknown))
        raise HTTPException(422, f"channels: the call has no channel {listed}; its `channels` tell which it has")


async def _go_on(reader: CallReader, calls: frozenset[UUID]) -> bool:
    """True where one goes on as far as is known: its node may be just starting, away from the event store, or of a
    release that knows no pauses."""
    await asyncio.sleep(NEWS_S)
    try:
        records = await within_limit(lambda: [reader.call(call_id) for call_id in calls])
    except StorageError:
        return True
    return any(record.state is CallState.ACTIVE for record in records)
