"""One reader of the floor's stream for all who watch the floor: each event is read once, each change written once."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.requests import HTTPConnection

from callscribe.console.backlog import read_event
from callscribe.console.feed import DATABASE_RETRY_S, IDLE_S, PING, Message
from callscribe.console.floor_board import FloorBoard, Standing
from callscribe.console.floor_frames import FloorFrames
from callscribe.console.models import LiveCallAnswer
from callscribe.domain.access import CallScope
from callscribe.domain.errors import DatabaseUnavailable, EventsUnavailable
from callscribe.domain.tasks import ended
from callscribe.events.parts import EventPause
from callscribe.events.schema import CardGiven, UtteranceFinal
from callscribe.events.subscriber import BEGINNING, Delivery, Signal, latest_id, stream_order, subscribe
from storage.active_calls import ActiveCall, ActiveCallReader
from storage.database import Database

log = structlog.get_logger()

TICK_S = 0.1
"""Changes are told together, so often: sooner than a person notices, and one message for all calls that speak."""
UNSENT = 20
"""Messages that wait for one viewer at most; who falls behind is told everything anew."""
LEFT_S = 60.0
"""How long the stream is read on after the last viewer went."""
BATCH = 1000
"""Events read at once at most: half a second of a thousand calls, so that who fell behind catches up."""
CHECK_S = 30.0
"""How often the database is asked which calls are over: a node may die before it publishes the end."""


@dataclass(slots=True, eq=False)
class Viewer:
    """Somebody who watches the floor."""

    scope: CallScope | None
    messages: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(UNSENT))
    behind: bool = True
    """Must be told everything."""

    def tell(self, message: Message, *, whole: bool) -> None:
        """Put a message in line; where there is no room, all that waits is dropped and `behind` set."""
        try:
            self.messages.put_nowait(message)
            self.behind = self.behind and not whole
        except asyncio.QueueFull:
            self.behind = True
            while not self.messages.empty():
                self.messages.get_nowait()

    async def hear(self, idle_s: float) -> Message:
        """The next message; a ping where none comes for so long."""
        try:
            # asyncio.wait_for loses a cancellation that comes together with a message (Python 3.11).
            async with asyncio.timeout(idle_s):
                return await self.messages.get()
        except TimeoutError:
            return PING


class FloorHub:
    """The floor of one process. It reads while anybody watches, and for a while after that."""

    def __init__(self, database: Database, events_url: str) -> None:
        self._stored = ActiveCallReader(database)
        self._events_url = events_url
        self._board = FloorBoard()
        self._viewers: set[Viewer] = set()
        self._beginning = asyncio.Lock()
        self._caught_up = asyncio.Event()
        self._until = BEGINNING
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._asked_at = 0.0

    async def board(self) -> FloorBoard:
        """The calls as they stand now. Raises DatabaseUnavailable and EventsUnavailable."""
        self._asked_at = time.monotonic()
        async with self._beginning:
            if any(task.done() for task in self._tasks):
                # Raises what it died of, to whoever asks first; the next one finds the floor begun anew.
                await self.close()
            if not self._tasks:
                await self._load()
                self._tasks = (asyncio.create_task(self._follow()), asyncio.create_task(self._tell()))
        await self._caught_up.wait()
        return self._board

    async def watch(self, scope: CallScope | None, idle_s: float = IDLE_S) -> AsyncGenerator[Message, None]:
        """All calls that the scope sees, then what changes. Never ends. Call `board` first."""
        viewer = Viewer(scope)
        self._viewers.add(viewer)
        try:
            while True:
                yield await viewer.hear(idle_s)
        finally:
            self._viewers.discard(viewer)
            self._asked_at = time.monotonic()

    async def close(self) -> None:
        """Stop reading."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            await ended(task)

    async def _load(self) -> None:
        """Begin anew with what is stored."""
        self._caught_up.clear()
        self._until = await latest_id(self._events_url, None)
        stored = await asyncio.to_thread(self._stored.all)
        board, before = FloorBoard(), self._board.calls
        for active in stored:
            board.put(_standing(active))
        unstored = [standing for call_id, standing in before.items() if call_id not in board.calls]
        for standing in unstored:
            board.put(standing)
        self._board = board
        for viewer in self._viewers:
            viewer.behind = True
        if self._until == BEGINNING or before:
            self._caught_up.set()

    async def _follow(self) -> None:
        """Take in what happens; where some of it was missed, begin anew.

        At first the whole stream is read, for calls that are not stored yet. Later only what comes: whoever was too
        slow would be so again.
        """
        since = BEGINNING
        while True:
            await self._take_all(since)
            log.info("floor_missed_events")
            while True:
                try:
                    await self._load()
                    since = self._until
                    break
                except (DatabaseUnavailable, EventsUnavailable):
                    await asyncio.sleep(DATABASE_RETRY_S)

    async def _take_all(self, since: str) -> None:
        """What the stream has after an id, and what follows. Returns after a gap."""
        until = stream_order(self._until)
        checked_at = -CHECK_S
        async with aclosing(subscribe(self._events_url, None, since, 1.0, BATCH)) as arrivals:
            async for arrival in arrivals:
                if isinstance(arrival, Delivery):
                    event = read_event(arrival)
                    if event is not None:
                        self._board.take(event)
                    if not self._caught_up.is_set() and stream_order(arrival.id) < until:
                        continue
                elif arrival is Signal.GAP:
                    if self._caught_up.is_set():
                        return
                    continue
                if time.monotonic() - checked_at > CHECK_S:
                    checked_at = time.monotonic()
                    await self._end_those_over()
                    self._caught_up.set()

    async def _end_those_over(self) -> None:
        try:
            over = await asyncio.to_thread(self._stored.over, tuple(self._board.calls))
        except DatabaseUnavailable:
            return
        self._board.end(over)

    async def _tell(self) -> None:
        """Tell the viewers what changed, until nobody has watched for a while."""
        while self._viewers or time.monotonic() - self._asked_at < LEFT_S:
            await asyncio.sleep(TICK_S)
            if self._caught_up.is_set():
                self._tell_viewers()
        following, self._tasks = self._tasks[0], ()
        await ended(following)

    def _tell_viewers(self) -> None:
        frames = FloorFrames(self._board)
        for viewer in self._viewers:
            message = frames.whole(viewer.scope) if viewer.behind else frames.changes(viewer.scope)
            if message is not None:
                viewer.tell(message, whole=viewer.behind)
        self._board.forget_changes()


def _standing(active: ActiveCall) -> Standing:
    """A stored call with what was said on it until it was read."""
    call = active.call
    standing = Standing(LiveCallAnswer.of(call), set(active.addresses))
    for channel, start_ms, end_ms in active.spoken_ms:
        standing.speak(channel, start_ms, end_ms)
    for pause in (EventPause.of(pause, call.sample_rate) for pause in call.pauses):
        standing.pause(pause)
    if active.newest is not None:
        standing.line = UtteranceFinal.of(call, active.newest, call.started_at)
    for card in active.cards:
        standing.give(CardGiven.of(call, card, call.started_at))
    return standing


def _hub(connection: HTTPConnection) -> FloorHub:
    hub = connection.app.state.floor
    assert isinstance(hub, FloorHub)
    return hub


FloorOf = Annotated[FloorHub, Depends(_hub)]
