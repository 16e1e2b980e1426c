"""All calls that go on now: what was said last, and everything that happens from then on."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import UUID

from callscribe.console.backlog import read_event
from callscribe.console.feed import IDLE_S, PING, RESYNC, Message
from callscribe.console.floor_board import Standing
from callscribe.console.floor_hub import FloorHub
from callscribe.console.floor_models import FloorAnswer, LiveAnswer
from callscribe.console.models import LiveCallAnswer
from callscribe.console.scoped_events import ScopedEvents, described_in
from callscribe.console.sources import Sources
from callscribe.domain.call import Call, CallState
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from callscribe.domain.transcript import Final
from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    CallErased,
    CallStarted,
    CallUpdated,
    Described,
    Event,
    UtteranceFinal,
    UtterancePartial,
)
from callscribe.events.subscriber import BEGINNING, NOW, Delivery, Signal, latest_id, subscribe
from storage.reader import PAGE_LIMIT, CallReader
from storage.records import CallFilter

LATEST = 8
"""Finals of a call that are shown on the floor."""

Spoken = UtteranceFinal | UtterancePartial


class FloorState:
    """What the floor's events tell of each call. Pure."""

    def __init__(self, newest: int = LATEST) -> None:
        """`newest`: finals of a call that are told."""
        self._newest = newest
        self._finals: dict[UUID, dict[UUID, UtteranceFinal]] = defaultdict(dict)
        self._partials: dict[tuple[UUID, int], UtterancePartial] = {}
        self._described: dict[UUID, Described] = {}
        self._ended: set[UUID] = set()

    def take(self, event: Event) -> None:
        """Take the next event; one that came before changes nothing."""
        match event:
            case CallStarted() | CallUpdated() | CallCorrected():
                self._described[event.call_id] = event
            case UtterancePartial():
                self._partials[event.call_id, event.channel] = event
            case UtteranceFinal():
                self._finals[event.call_id][event.utterance_id] = event
                partial = self._partials.get((event.call_id, event.channel))
                if partial is not None and partial.start_ms <= event.start_ms:
                    del self._partials[event.call_id, event.channel]
            case CallEnded():
                self._ended.add(event.call_id)
            case CallErased():
                self._drop(event.call_id)

    def _drop(self, call_id: UUID) -> None:
        self._ended.add(call_id)
        self._finals.pop(call_id, None)
        self._partials = {key: partial for key, partial in self._partials.items() if key[0] != call_id}

    def going_on(self) -> Mapping[UUID, Described]:
        """Calls of which the beginning was seen and no end."""
        return {call_id: event for call_id, event in self._described.items() if call_id not in self._ended}

    def ended(self, call_id: UUID) -> bool:
        return call_id in self._ended

    def latest(self, call_id: UUID) -> list[Spoken]:
        """The call's newest finals and open partials, in order of their starts."""
        finals = sorted(self._finals.get(call_id, {}).values(), key=_by_start)
        finals = finals[len(finals) - min(self._newest, len(finals)) :]
        partials = [partial for (owner, _), partial in self._partials.items() if owner == call_id]
        return sorted([*finals, *partials], key=_by_start)


async def read_floor(sources: Sources, hub: FloorHub, newest: int = LATEST) -> FloorAnswer:
    """The calls that go on now, each with so many of its finals. Raises DatabaseUnavailable and EventsUnavailable."""
    board = await hub.board()
    cursor = await latest_id(sources.events_url, None)
    stored = await asyncio.to_thread(_read_active, sources.reader, newest)
    floor = FloorState(newest)
    for call, finals in stored:
        for final in finals:
            floor.take(UtteranceFinal.of(call, final, call.started_at))
    for event in await _floor_events(sources.events_url, cursor):
        floor.take(event)
    known = {call.id for call, _ in stored}
    going_on = (event for call_id, event in floor.going_on().items() if call_id not in known)
    fresh = [event for event in going_on if sources.scope is None or described_in(sources.scope, event)]
    unstored = await asyncio.to_thread(_unstored, sources.reader, fresh)
    calls = [LiveCallAnswer.of(call) for call, _ in stored if not floor.ended(call.id)]
    calls += [LiveCallAnswer.of_event(event) for event in unstored]
    stand = {call.id: board.calls.get(call.id) or Standing(call) for call in calls}
    live = [LiveAnswer(call=call, row=stand[call.id].row(), latest=floor.latest(call.id)) for call in calls]
    return FloorAnswer(at=datetime.now(UTC), cursor=cursor, calls=live)


async def floor_messages(
    sources: Sources, last_id: str | None, idle_s: float = IDLE_S
) -> AsyncGenerator[Message, None]:
    """Every event of every call that the reader sees, after `last_id`; without one, from now on.

    Never ends but after missed events, or where the database does not tell for a while whose an event is.
    """
    arrivals = subscribe(sources.events_url, None, last_id or NOW, idle_s)
    theirs = ScopedEvents(sources.reader, sources.scope)
    async with aclosing(arrivals):
        async for arrival in arrivals:
            if arrival is Signal.GAP:
                yield RESYNC
                return
            if isinstance(arrival, Delivery):
                event = read_event(arrival)
                try:
                    is_theirs = event is not None and await theirs.has(event)
                except DatabaseUnavailable:
                    yield RESYNC
                    return
                if event is not None and is_theirs:
                    yield Message(event.type, arrival.json, arrival.id)
            else:
                yield PING


def _read_active(reader: CallReader, newest: int) -> Sequence[tuple[Call, Sequence[Final]]]:
    """The calls that go on, oldest first, each with so many of its newest finals."""
    calls: list[Call] = []
    page = reader.list_calls(CallFilter(CallState.ACTIVE), PAGE_LIMIT)
    calls += [summary.call for summary in page.calls]
    while page.cursor is not None:
        page = reader.list_calls(CallFilter(CallState.ACTIVE), PAGE_LIMIT, page.cursor)
        calls += [summary.call for summary in page.calls]
    calls.reverse()
    finals = reader.newest_finals([call.id for call in calls], newest) if newest else {}
    return [(call, finals.get(call.id, ())) for call in calls]


def _unstored(reader: CallReader, events: Sequence[Described]) -> Sequence[Described]:
    """Of calls that are not stored as going on, those that are not stored at all yet."""
    found = []
    for event in events:
        try:
            reader.call(event.call_id)
        except CallNotFound:
            found.append(event)
    return found


async def _floor_events(url: str, until: str) -> Sequence[Event]:
    """What the floor's stream holds, up to an id."""
    found: list[Event] = []
    if until == BEGINNING:
        return found
    arrivals = subscribe(url, None, BEGINNING, idle_s=1.0)
    async with aclosing(arrivals):
        async for arrival in arrivals:
            if arrival is Signal.IDLE:
                break
            if isinstance(arrival, Delivery):
                event = read_event(arrival)
                if event is not None:
                    found.append(event)
                if arrival.id == until:
                    break
    return found


def _by_start(event: Spoken) -> tuple[int, int]:
    return event.start_ms, event.channel
