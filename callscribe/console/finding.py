"""Finding a call by what someone calls it."""

import asyncio
from uuid import UUID

from callscribe.console.sources import Sources
from callscribe.domain.errors import CallNotFound
from callscribe.events.subscriber import BEGINNING, latest_id


async def find_call(sources: Sources, key: str) -> UUID:
    """Callscribe's id of the call with this id or outside id.

    A call that has just begun is in its stream before it is in the database; until then it is known by its own id only,
    and to those who see all calls.
    Raises CallNotFound, DatabaseUnavailable, and for a call that is not stored EventsUnavailable.
    """
    try:
        return (await asyncio.to_thread(sources.reader.call, key)).call.id
    except CallNotFound:
        call_id = _as_uuid(key)
        if sources.scope is not None or call_id is None or await latest_id(sources.events_url, call_id) == BEGINNING:
            raise
        return call_id


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
