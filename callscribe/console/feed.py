"""The events of one call for one subscriber: history from the database, then the call's stream, each final once."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import UUID

from callscribe.console.backlog import Backlog, Entry
from callscribe.console.history import closing_events, is_over, noted_events, opening_event, past_events
from callscribe.console.position import Position
from callscribe.console.sources import Sources
from callscribe.domain.assist import AssistCard
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from callscribe.domain.note import Note
from callscribe.domain.utterance import Transcript
from callscribe.events.schema import (
    CallEnded,
    CallErased,
    CallProcessed,
    CallStarted,
    CardGiven,
    Event,
    UtteranceFinal,
    UtterancePartial,
    to_json,
)
from callscribe.events.subscriber import BEGINNING, Signal, latest_id, subscribe
from storage.records import CallRecord

IDLE_S = 10.0
"""Longest silence: then the subscriber gets a ping, and the database is asked whether the call is over."""
DATABASE_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to send."""

    type: str
    """The event's type; "ping" between events, "resync" after missed ones, "end" after the last."""
    json: str = ""
    id: str = ""
    """What to ask with to go on after this message; "" where nothing changes that."""
    encoded: bytes = field(default=b"", repr=False, compare=False)
    """The message as an event stream has it, where it is made once for many; b"": it is not."""


PING = Message("ping")
RESYNC = Message("resync", '{"type":"resync"}')


class CallFeed:
    """One subscriber's way through the events of one call."""

    def __init__(self, sources: Sources, call_id: UUID, position: Position | None, idle_s: float = IDLE_S) -> None:
        """`position`: where the subscriber stands; None for one that comes for the first time."""
        self._sources = sources
        self._call_id = call_id
        self._position = position or Position()
        self._idle_s = idle_s
        self._introduced = position is not None
        self._from_database = False
        self._ended = False
        self._processed = False
        self._erased = False
        self._latest = BEGINNING
        self._cards: set[UUID] = set()
        """Ids of those that were delivered."""

    async def prepare(self) -> None:
        """Look at the call before anything is promised.

        Raises CallNotFound when neither database nor stream knows it, DatabaseUnavailable, and EventsUnavailable where
        the call is not over and so its stream is needed.
        """
        try:
            record = await asyncio.to_thread(self._sources.reader.call, self._call_id)
        except CallNotFound:
            # A call that has just begun is in its stream before it is in the database.
            self._latest = await latest_id(self._sources.events_url, self._call_id)
            if self._latest == BEGINNING:
                raise
            return
        self._from_database = is_over(record) or self._position.stream_id == BEGINNING
        if not is_over(record):
            self._latest = await latest_id(self._sources.events_url, self._call_id)

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Everything after the position, to the end of the call. Call `prepare` first; read once."""
        if self._from_database:
            for message in await self._history():
                yield message
        if not self._position.over:
            async with aclosing(self._live()) as live:
                async for message in live:
                    yield message
        yield Message("end", '{"type":"end"}', str(replace(self._position, over=True)))

    async def _live(self) -> AsyncGenerator[Message, None]:
        """The stream until the call is processed."""
        backlog = Backlog(self._latest)
        arrivals = subscribe(self._sources.events_url, self._call_id, self._position.stream_id, self._idle_s)
        async with aclosing(arrivals):
            async for arrival in arrivals:
                if isinstance(arrival, Signal):
                    messages = [*self._deliver(backlog.release()), PING, *await self._on_signal(arrival)]
                else:
                    messages = list(self._deliver(backlog.take(arrival)))
                for message in messages:
                    yield message
                if self._erased:
                    return
                if self._processed:
                    for message in await self._close():
                        yield message
                self._processed = False
                if self._position.over:
                    return

    async def _close(self) -> Sequence[Message]:
        """After all jobs: nothing follows; what did not come yet does.

        A worker may say that it is done while the node that had the call still waits to send its last finals again.
        """
        if not await self._is_over(unless_known=True):
            return ()
        messages = await self._history() if not self._ended else ()
        self._position = replace(self._position, over=True)
        return messages

    async def _on_signal(self, signal: Signal) -> Sequence[Message]:
        """What the database can say when the stream is silent or has lost something."""
        lost_some = signal is Signal.GAP and self._position.stream_id != BEGINNING
        if lost_some or (signal is Signal.IDLE and await self._is_over(unless_known=False)):
            return await self._history()
        return ()

    async def _is_over(self, *, unless_known: bool) -> bool:
        """What the database says: a node may die before it publishes the end, and a job may be tried again after it."""
        try:
            return is_over(await asyncio.to_thread(self._sources.reader.call, self._call_id))
        except (CallNotFound, DatabaseUnavailable):
            return unless_known

    async def _history(self) -> Sequence[Message]:
        """What the database knows and the subscriber does not; where the call is over, also that it is."""
        stored = await self._stored()
        if stored is None:
            return ()
        record, transcript, cards = stored
        opening = () if self._introduced else (opening_event(record),)
        messages = [
            self._message(event) for event in (*opening, *past_events(record, transcript, self._position, cards))
        ]
        if is_over(record):
            notes = noted_events(self._call_id, await self._notes())
            messages += [self._message(event) for event in (*notes, *closing_events(record))]
            self._position = replace(self._position, over=True)
        return messages

    async def _stored(self) -> tuple[CallRecord, Transcript, Sequence[AssistCard]] | None:
        """The call as the database has it; None while it has not. Waits where the database is away."""
        while True:
            try:
                record = await asyncio.to_thread(self._sources.reader.call, self._call_id)
                transcript = await asyncio.to_thread(self._sources.reader.transcript, self._call_id)
                cards = await asyncio.to_thread(self._sources.cards.of_call, self._call_id)
                # Those that this subscriber has had from the stream are no news.
                return record, transcript, [card for card in cards if card.id not in self._cards]
            except CallNotFound:
                return None
            except DatabaseUnavailable:
                await asyncio.sleep(DATABASE_RETRY_S)

    async def _notes(self) -> Sequence[Note]:
        """None where the database is away: whoever shows notes reads them from the API, too."""
        try:
            return await asyncio.to_thread(self._sources.notes.of_call, self._call_id)
        except DatabaseUnavailable:
            return ()

    def _deliver(self, entries: Sequence[Entry]) -> Iterator[Message]:
        for stream_id, event in entries:
            known = self._knows(event)
            self._position = self._position.at(stream_id)
            if not known:
                yield self._message(event)
            self._ended = self._ended or isinstance(event, CallEnded)
            self._processed = self._processed or isinstance(event, CallProcessed)
            self._erased = self._erased or isinstance(event, CallErased)

    def _knows(self, event: Event) -> bool:
        """Whether the subscriber has the event, or what came after it."""
        if isinstance(event, UtterancePartial | UtteranceFinal):
            return self._position.has_final(event.channel, event.start_ms)
        if isinstance(event, CardGiven):
            return event.card_id in self._cards
        return isinstance(event, CallStarted) and self._introduced

    def _message(self, event: Event) -> Message:
        if isinstance(event, UtteranceFinal):
            self._position = self._position.with_final(event.channel, event.start_ms)
        if isinstance(event, CardGiven):
            self._cards.add(event.card_id)
        self._introduced = True
        place = str(self._position)
        return Message(event.type, to_json(replace(event, id=place)), place)
