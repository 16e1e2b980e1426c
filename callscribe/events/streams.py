"""Names and connections of the event store: what publisher, subscriber and board agree on."""

from uuid import UUID

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

FLOOR = "callscribe:floor"
"""Stream of every call's events."""
FLOOR_TIMES = 5
"""The floor's stream keeps so many times the events that a call's does: a second of 1,000 calls has two thousand."""
FIELD = "event"
"""The one field of a stream entry: the event as JSON, without its id."""
STREAM_TTL_S = 12 * 3600
"""How long a call's stream stays after its last event."""
PROCESSED_TTL_S = 300
"""The same where that is that all jobs are done: the database has everything then, and who comes later reads it there.
Who follows the call meanwhile has so long to read the rest."""
CONNECT_TIMEOUT_S = 3.0
COMMAND_TIMEOUT_S = 5.0
FAILURES = (redis.RedisError, OSError)
"""What a client raises when the store is away, refuses, or answers nonsense."""


def call_stream(call_id: UUID) -> str:
    """Name of one call's stream."""
    return f"callscribe:call:{call_id}"


def stamped(payload: str, stream_id: str) -> str:
    """The JSON of a stream entry with its id in it."""
    return f'{{"id":"{stream_id}",{payload[1:]}'


def connect(url: str, timeout_s: float = COMMAND_TIMEOUT_S, ping_s: float = 0) -> redis.asyncio.Redis:
    """A client of redis://, rediss:// or unix:// that tries a command once: its user retries as fits.

    A connection that was not used for `ping_s` seconds is tried first; 0: never.
    """
    return redis.asyncio.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=timeout_s,
        health_check_interval=ping_s,
        retry=AsyncRetry(NoBackoff(), 0),
    )


def connect_sync(url: str) -> redis.Redis:
    """The same for synchronous code."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=COMMAND_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
