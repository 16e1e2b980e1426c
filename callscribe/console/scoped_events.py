"""Which events of the floor somebody sees."""

import asyncio
from uuid import UUID

from callscribe.domain.access import CallScope
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from callscribe.events.schema import CallCorrected, CallEnded, CallProcessed, CallStarted, CallUpdated, Described, Event
from storage.reader import CallReader


def described_in(scope: CallScope, event: Described) -> bool:
    """Whether the call that the event describes is in the scope."""
    heard = [channel.party.address for channel in event.channels if channel.party]
    return scope.sees(event.trunk, (event.caller.address, event.callee.address, *heard))


class ScopedEvents:
    """Tells one subscriber's events from the others', by what they tell of their calls or, of calls whose beginning
    was not seen, by the database."""

    def __init__(self, reader: CallReader, scope: CallScope | None) -> None:
        """`reader`: of the same scope. None: every event is theirs."""
        self._reader = reader
        self._scope = scope
        self._known: dict[UUID, bool] = {}

    async def has(self, event: Event) -> bool:
        if self._scope is None:
            return True
        if isinstance(event, CallStarted | CallUpdated | CallCorrected):
            # Who took part once sees the call: parties that leave stay in its record.
            seen = self._known.get(event.call_id, False) or described_in(self._scope, event)
            self._known[event.call_id] = seen
        found = await self._look(event.call_id)
        if isinstance(event, CallEnded | CallProcessed):
            self._known.pop(event.call_id, None)
        return found

    async def _look(self, call_id: UUID) -> bool:
        known = self._known.get(call_id)
        if known is not None:
            return known
        try:
            await asyncio.to_thread(self._reader.find_id, call_id)
        except DatabaseUnavailable:
            return False
        except CallNotFound:
            self._known[call_id] = False
            return False
        self._known[call_id] = True
        return True
