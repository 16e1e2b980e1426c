"""Reading a stream: every event after an id, for as long as the reader wants, over losses of the connection."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from typing import cast
from uuid import UUID

import redis.asyncio
import structlog
from redis.exceptions import ResponseError

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.streams import COMMAND_TIMEOUT_S, FAILURES, FIELD, FLOOR, call_stream, connect, stamped

log = structlog.get_logger()

BEGINNING = "0"
"""Id before a stream's first event."""
NOW = "$"
"""Id that stands for the stream's last event at the moment of asking."""
BATCH = 200
"""Events read at once at most."""
RETRY_S = 1.0
"""Wait between two attempts while the store is away."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event."""

    id: str
    """Stream id: ask with it to go on after this event."""
    json: str
    """The event, its id within."""


class Signal(Enum):
    """What a reader is told between events."""

    IDLE = "idle"
    """Nothing happened for a while; the store may be away. A chance to ping."""
    GAP = "gap"
    """Events between the asked id and the next delivery are no longer in the stream: read finals from the database."""


Arrival = Delivery | Signal


async def latest_id(url: str, call_id: UUID | None) -> str:
    """Id of the last event of a call, or of the floor (None); BEGINNING where there is none.

    Raises EventsUnavailable.
    """
    newest = await latest(url, call_id)
    return newest.id if newest else BEGINNING


async def latest(url: str, call_id: UUID | None) -> Delivery | None:
    """The last event of a call, or of the floor (None); None where there is none. Raises EventsUnavailable."""
    client = connect(url)
    try:
        answer = await client.xrevrange(_stream(call_id), count=1)
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        await client.aclose()
    newest = cast("list[tuple[str, dict[str, str]]]", answer)
    for entry_id, fields in newest:
        return Delivery(entry_id, stamped(fields[FIELD], entry_id))
    return None


async def subscribe(
    url: str, call_id: UUID | None, last_id: str = NOW, idle_s: float = 15.0, batch: int = BATCH
) -> AsyncGenerator[Arrival, None]:
    """Yield what comes after `last_id` (a stream id, BEGINNING or NOW) in a call's stream, or the floor's (None).

    Never ends and never raises by itself; close it (`aclose`) or cancel its reader. At least every `idle_s` seconds
    something is yielded. `batch`: events that are read at once at most. Raises ValueError for a `last_id` that is no
    stream id.
    """
    stream = _stream(call_id)
    if last_id != NOW:
        stream_order(last_id)
    client = connect(url, timeout_s=idle_s + COMMAND_TIMEOUT_S)
    reader = _Reader(client, stream, last_id, batch)
    yielded_at = time.monotonic()
    try:
        while True:
            try:
                arrivals = await reader.read(idle_s)
            except FAILURES as error:
                log.debug("event_read_failed", error=type(error).__name__)
                await asyncio.sleep(min(RETRY_S, idle_s))
                arrivals = []
            for arrival in arrivals:
                yield arrival
            now = time.monotonic()
            if arrivals:
                yielded_at = now
            elif now - yielded_at >= idle_s * 0.9:
                yielded_at = now
                yield Signal.IDLE
    finally:
        await client.aclose()


class _Reader:
    """A place in a stream, kept over losses of the connection."""

    def __init__(self, client: redis.asyncio.Redis, stream: str, last_id: str, batch: int) -> None:
        self._client = client
        self._stream = stream
        self._last_id = last_id
        self._batch = batch
        self._unsure = True
        """Whether the stream may have been trimmed beyond this place since it was looked at."""

    async def read(self, block_s: float) -> list[Arrival]:
        """What came since the last call; empty after `block_s` without any. Raises FAILURES, then keeps its place."""
        arrivals: list[Arrival] = []
        try:
            if self._last_id == NOW:
                self._last_id = await _latest(self._client, self._stream)
            elif self._unsure and await self._lost_some():
                arrivals.append(Signal.GAP)
            self._unsure = False
            found = await self._entries(0.0 if arrivals else block_s)
        except FAILURES:
            self._unsure = True
            if not arrivals:
                raise
            return arrivals
        for entry_id, fields in found:
            arrivals.append(Delivery(entry_id, stamped(fields[FIELD], entry_id)))
            self._last_id = entry_id
        self._unsure = len(found) >= self._batch
        return arrivals

    async def _entries(self, block_s: float) -> list[tuple[str, dict[str, str]]]:
        block_ms = max(int(block_s * 1000), 1)
        answer = await self._client.xread({self._stream: self._last_id}, count=self._batch, block=block_ms)
        streams = cast("list[tuple[str, list[tuple[str, dict[str, str]]]]]", answer)
        return streams[0][1] if streams else []

    async def _lost_some(self) -> bool:
        """Whether events after this place are gone; the place in a stream that is no more becomes its beginning."""
        asked = stream_order(self._last_id)
        try:
            stream = await self._client.xinfo_stream(self._stream)
        except ResponseError:
            self._last_id = BEGINNING
            return asked != stream_order(BEGINNING)
        if asked > stream_order(stream["last-generated-id"]):
            self._last_id = BEGINNING
            return True
        trimmed = stream["entries-added"] > stream["length"]
        never_read = asked == stream_order(BEGINNING)
        return asked < stream_order(stream["first-entry"][0]) and (trimmed or not never_read)


def _stream(call_id: UUID | None) -> str:
    return call_stream(call_id) if call_id else FLOOR


async def _latest(client: redis.asyncio.Redis, stream: str) -> str:
    newest = await client.xrevrange(stream, count=1)
    return str(newest[0][0]) if newest else BEGINNING


def stream_order(stream_id: str) -> tuple[int, int]:
    """A stream id as what it is ordered by: milliseconds and a sequence number. Raises ValueError for anything else."""
    milliseconds, _, sequence = stream_id.partition("-")
    if not (milliseconds.isdecimal() and (sequence or "0").isdecimal()):
        raise ValueError(f"not a stream id: {stream_id!r}")
    return int(milliseconds), int(sequence or "0")
