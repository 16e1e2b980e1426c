"""Publishing: every event goes into its call's stream and the floor's. After a lost reply an event may come twice."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog
from redis.asyncio.client import Pipeline as AsyncPipeline
from redis.client import Pipeline
from redis.typing import EncodableT, FieldT

from callscribe.domain.errors import EventsUnavailable
from callscribe.domain.tasks import ended
from callscribe.events.board import ENGINE_MARK
from callscribe.events.outbox import Outbox
from callscribe.events.schema import CallProcessed, Event, to_json
from callscribe.events.streams import (
    FAILURES,
    FIELD,
    FLOOR,
    FLOOR_TIMES,
    PROCESSED_TTL_S,
    STREAM_TTL_S,
    call_stream,
    connect,
    connect_sync,
)

log = structlog.get_logger()

BATCH = 500
"""Events of one pipeline at most."""
GATHER_S = 0.01
"""How long a batch is gathered before it is sent: later than a person notices, and one round trip for many calls."""
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits after the first, second … failure in a row; the last for all later ones."""


class EventPublisher:
    """Sends events from the event loop it was started on; `publish` neither blocks nor raises."""

    def __init__(self, url: str, stream_length: int) -> None:
        """`stream_length`: entries kept in each stream, approximately."""
        self._client = connect(url)
        self._stream_length = stream_length
        self._outbox = Outbox()
        self._counts: Counter[str] = Counter()
        self._waiting = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to send. The store need not be there yet."""
        self._task = asyncio.create_task(self._run(), name="event-publisher")

    async def stop(self, timeout_s: float = 2.0) -> None:
        """Send what waits, for at most `timeout_s`, and close."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_s)
            await ended(self._task)
            self._task = None
        if self._outbox:
            log.warning("events_unsent", events=len(self._outbox))
        await self._client.aclose()

    def publish(self, event: Event) -> None:
        """Queue an event. Partials give way to newer ones; beyond a bound the oldest events are dropped and counted."""
        self._outbox.put(event)
        self._idle.clear()
        self._waiting.set()

    def counters(self) -> Mapping[str, int]:
        """Since start: events_published, events_store_failures, events_dropped by reason; events_waiting is a gauge."""
        dropped = {f"events_dropped{ENGINE_MARK}{reason}": count for reason, count in self._outbox.dropped.items()}
        return {
            "events_published": self._counts["published"],
            "events_store_failures": self._counts["store_failures"],
            "events_waiting": len(self._outbox),
            **dropped,
        }

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._waiting.wait()
            await asyncio.sleep(GATHER_S if not failures else BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
            batch = self._outbox.take(BATCH)
            if await self._send(batch, failures):
                failures = 0
            else:
                failures += 1
                self._outbox.put_back(batch)
            if not self._outbox:
                self._waiting.clear()
                self._idle.set()

    async def _send(self, batch: Sequence[Event], failures: int) -> bool:
        try:
            pipeline = self._client.pipeline(transaction=False)
            _queue_entries(pipeline, batch, self._stream_length)
            await pipeline.execute()
        except FAILURES as error:
            self._counts["store_failures"] += 1
            if not failures:
                log.warning("event_store_away", error=type(error).__name__)
            return False
        if failures:
            log.info("event_store_back", failures=failures)
        self._counts["published"] += len(batch)
        return True


def publish_now(url: str, events: Sequence[Event], stream_length: int) -> None:
    """Publish from synchronous code, and wait until it is done. Raises EventsUnavailable."""
    client = connect_sync(url)
    try:
        pipeline = client.pipeline(transaction=False)
        _queue_entries(pipeline, events, stream_length)
        pipeline.execute()
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        client.close()


def _queue_entries(pipeline: Pipeline | AsyncPipeline, events: Sequence[Event], stream_length: int) -> None:
    streams = dict.fromkeys(call_stream(event.call_id) for event in events)
    for event in events:
        entry: dict[FieldT, EncodableT] = {FIELD: to_json(event)}
        pipeline.xadd(call_stream(event.call_id), entry, maxlen=stream_length, approximate=True)
        pipeline.xadd(FLOOR, entry, maxlen=stream_length * FLOOR_TIMES, approximate=True)
    processed = {call_stream(event.call_id) for event in events if isinstance(event, CallProcessed)}
    for stream in streams:
        pipeline.expire(stream, PROCESSED_TTL_S if stream in processed else STREAM_TTL_S)
