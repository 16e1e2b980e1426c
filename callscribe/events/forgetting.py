"""Calls taken out of the event streams: an erased call is not to be read there either."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import redis
from redis.typing import EncodableT, FieldT

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.schema import CallErased, to_json
from callscribe.events.streams import FAILURES, FIELD, FLOOR, FLOOR_TIMES, call_stream, connect_sync

ERASED_TTL_S = 60
"""How long it can be read at most in an erased call's own stream that it was erased: those who follow it read it at
once, and the next `forget` or `erase`, as of the workers' sweep, takes it away sooner."""
TOLD_TTL_S = 86_400
"""How long it is known of an erased call that this was told."""
TELLING = "call.erased"
"""Type of the events that stay."""
PAGE = 1_000
"""Entries of the floor's stream that are read at once, and streams that are removed at once."""


class StoredEvents:
    """What the event store has of calls. All methods raise EventsUnavailable."""

    def __init__(self, url: str, stream_length: int) -> None:
        """`stream_length`: entries kept in the floor's stream, approximately."""
        self._url = url
        self._stream_length = stream_length

    def forget(self, calls: Sequence[UUID]) -> int:
        """Remove the calls' own streams, and their entries in the floor's but for what tells that they were erased; how
        many streams and entries that were.

        They stand in the store's file until `renew_file`.
        """
        if not calls:
            return 0
        with self._connected() as client:
            pages = (calls[start : start + PAGE] for start in range(0, len(calls), PAGE))
            streams = sum(client.delete(*map(call_stream, page)) for page in pages)
            return streams + _forget_on_floor(client, calls)

    def erase(self, calls: Sequence[UUID], at: datetime) -> int:
        """As `forget`, for calls that were erased: who follows them, or the floor, is told, at `at`, but of calls of
        which that was told before. What tells it has nothing of a call but its id; it stays in the floor's stream, and
        in the call's own for ERASED_TTL_S."""
        forgotten = self.forget(calls)
        with self._connected() as client:
            for start in range(0, len(calls), PAGE):
                page = calls[start : start + PAGE]
                told = client.mget(map(_told, page))
                self._tell(client, [call for call, before in zip(page, told, strict=True) if before is None], at)
        return forgotten

    def _tell(self, client: redis.Redis, calls: Sequence[UUID], at: datetime) -> None:
        with client.pipeline(transaction=False) as pipeline:
            for call_id in calls:
                entry: dict[FieldT, EncodableT] = {FIELD: to_json(CallErased(call_id=call_id, at=at))}
                pipeline.xadd(call_stream(call_id), entry)
                pipeline.expire(call_stream(call_id), ERASED_TTL_S)
                pipeline.xadd(FLOOR, entry, maxlen=self._stream_length * FLOOR_TIMES, approximate=True)
                pipeline.set(_told(call_id), "", ex=TOLD_TTL_S)
            pipeline.execute()

    def renew_file(self) -> bool:
        """Ask a store that writes what it is told to a file to write that anew, without what was removed until now.

        False where it is at it already, perhaps since before something was removed: ask again later. A store that has
        no such file, or lets nobody ask for it, is done.
        """
        with self._connected() as client:
            try:
                client.bgrewriteaof()
            except redis.ResponseError as error:
                return "in progress" not in str(error)
        return True

    @contextmanager
    def _connected(self) -> Iterator[redis.Redis]:
        client = connect_sync(self._url)
        try:
            yield client
        except FAILURES as error:
            raise EventsUnavailable from error
        finally:
            client.close()


def _told(call_id: UUID) -> str:
    return f"callscribe:erased:{call_id}"


def _forget_on_floor(client: redis.Redis, calls: Collection[UUID]) -> int:
    wanted = {str(call_id) for call_id in calls}
    removed, start = 0, "-"
    while page := _page(client, start):
        told = ((entry_id, json.loads(event)) for entry_id, event in page)
        theirs = [
            entry_id for entry_id, event in told
            if str(event.get("call_id")) in wanted and event.get("type") != TELLING
        ]  # fmt: skip
        if theirs:
            removed += client.xdel(FLOOR, *theirs)
        start = f"({page[-1][0]}"
    return removed


def _page(client: redis.Redis, start: str) -> list[tuple[str, str]]:
    """Ids and events of the entries from `start` on."""
    entries = client.xrange(FLOOR, min=start, count=PAGE) or []
    return [(str(entry_id), str(fields[FIELD])) for entry_id, fields in entries if entry_id and fields]
