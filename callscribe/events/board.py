"""Counters and gauges of every process, where the web process finds them."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from redis.asyncio.client import Pipeline as AsyncPipeline
from redis.client import Pipeline
from redis.typing import EncodableT, FieldT

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.streams import FAILURES, connect, connect_sync

INTERVAL_S = 1.0
EXPIRY_S = 10
"""A process that has not posted for so long is not shown any more."""
TOTALS_EXPIRY_S = 86_400
"""What was added up is forgotten so long after the last of it."""
ENGINE_MARK = ":"
"""Stands between the name of a counter and the engine of which it is, where there is one for each."""
LABELS = {
    "registrations": ("state", "trunk"),
    "events_dropped": ("reason",),
    "webhooks_sent": ("webhook",),
    "webhooks_failed": ("webhook",),
    "webhooks_dead": ("webhook",),
    "first_partial_delay_seconds_bucket": ("le",),
    "text_age_seconds_bucket": ("le",),
    "final_delay_seconds_bucket": ("le",),
}
"""What stands behind marks of a value's name instead of an engine, by the name; the last may hold marks itself."""
NODE_ROLE = "sip-"
"""Stands before the name of a node that takes calls, as it posts."""
WORKER_ROLE = "worker-"
"""The same of a node that works on ended calls."""
_NAMES = "callscribe:boards"


class CounterBoard:
    """The board, for code on an event loop."""

    def __init__(self, url: str) -> None:
        self._client = connect(url)

    async def post(self, process: str, values: Mapping[str, float]) -> None:
        """Replace what `process` posted before. Raises EventsUnavailable."""
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                _queue_post(pipeline, process, values)
                await pipeline.execute()
        except FAILURES as error:
            raise EventsUnavailable from error

    async def read_all(self) -> dict[str, dict[str, float]]:
        """Values by name, by process, of all that posted lately. Raises EventsUnavailable."""
        try:
            names = sorted(str(name) for name in await self._client.smembers(_NAMES))
            async with self._client.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.hgetall(_key(name))
                posted = await pipeline.execute()
            gone = [name for name, values in zip(names, posted, strict=True) if not values]
            if gone:
                await self._client.srem(_NAMES, *gone)
        except FAILURES as error:
            raise EventsUnavailable from error
        return {
            name: {key: float(value) for key, value in values.items()}
            for name, values in zip(names, posted, strict=True)
            if values
        }

    async def keep_posting(self, process: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Post what `read` returns once a second, until cancelled; outages are sat out."""
        while True:
            with contextlib.suppress(EventsUnavailable):
                await self.post(process, read())
            await asyncio.sleep(INTERVAL_S)

    async def close(self) -> None:
        await self._client.aclose()


def post_now(url: str, process: str, values: Mapping[str, float]) -> None:
    """Post from synchronous code. Raises EventsUnavailable."""
    client = connect_sync(url)
    try:
        with client.pipeline(transaction=True) as pipeline:
            _queue_post(pipeline, process, values)
            pipeline.execute()
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        client.close()


def posting_now(url: str) -> frozenset[str]:
    """The processes that posted lately, from synchronous code. Raises EventsUnavailable."""
    client = connect_sync(url)
    try:
        names = sorted(map(str, client.smembers(_NAMES)))
        with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.exists(_key(name))
            return frozenset(name for name, posted in zip(names, pipeline.execute(), strict=True) if posted)
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        client.close()


def read_now(url: str, process: str) -> dict[str, float]:
    """What a process posted lately, from synchronous code; nothing where it posts no more. Raises EventsUnavailable."""
    client = connect_sync(url)
    try:
        return {str(name): float(value) for name, value in client.hgetall(_key(process)).items()}
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        client.close()


def add_now(url: str, process: str, values: Mapping[str, float]) -> None:
    """Add to what was added for `process` before, from synchronous code of any process. Raises EventsUnavailable."""
    client = connect_sync(url)
    try:
        with client.pipeline(transaction=True) as pipeline:
            for name, value in values.items():
                pipeline.hincrbyfloat(_key(process), name, value)
            pipeline.expire(_key(process), TOTALS_EXPIRY_S)
            pipeline.sadd(_NAMES, process)
            pipeline.execute()
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        client.close()


def cost_of(engine: str) -> str:
    """The name of the counter of what a paid engine's service asks for what it heard."""
    return f"recognition_cost{ENGINE_MARK}{engine}"


def _queue_post(pipeline: Pipeline | AsyncPipeline, process: str, values: Mapping[str, float]) -> None:
    key = _key(process)
    pipeline.delete(key)
    if values:
        fields: dict[FieldT, EncodableT] = {name: repr(float(value)) for name, value in values.items()}
        pipeline.hset(key, mapping=fields)
    pipeline.expire(key, EXPIRY_S)
    pipeline.sadd(_NAMES, process)


def _key(process: str) -> str:
    return f"callscribe:board:{process}"
