"""Finding a call by what someone calls it."""

import asyncio
from uuid import UUID

from callscribe.console.backlog import read_event
from callscribe.console.sources import Sources
from callscribe.domain.errors import CallNotFound
from callscribe.events.schema import CallErased
from callscribe.events.subscriber import Delivery, latest


async def find_call(sources: Sources, key: str) -> UUID:
    """Callscribe's id of the call with this id or outside id.

    A call that has just begun is in its stream before it is in the database; until then it is known by its own id only,
    and to those who see all calls.
    Raises CallNotFound, DatabaseUnavailable, and for a call that is not stored EventsUnavailable.
    """
    return (await _find(sources, key))[0]


async def find_shown(sources: Sources, key: str) -> UUID:
    """As `find_call`, for who wants to look at the call: CallNotFound also where its stream only tells its erasure."""
    found, newest = await _find(sources, key)
    if newest is not None and isinstance(read_event(newest), CallErased):
        raise CallNotFound
    return found


async def _find(sources: Sources, key: str) -> tuple[UUID, Delivery | None]:
    """The call's id, and of a call that is not stored the newest event."""
    try:
        return (await asyncio.to_thread(sources.reader.call, key)).call.id, None
    except CallNotFound:
        call_id = as_uuid(key)
        if sources.scope is not None or call_id is None:
            raise
        newest = await latest(sources.events_url, call_id)
        if newest is None:
            raise
        return call_id, newest


def as_uuid(text: str) -> UUID | None:
    """Callscribe's own id, if a key is one."""
    try:
        return UUID(text)
    except ValueError:
        return None
