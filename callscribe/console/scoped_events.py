"""Which events of the floor somebody sees."""

import asyncio
from typing import Protocol
from uuid import UUID

from callscribe.domain.access import CallScope
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    CallErased,
    CallProcessed,
    CallStarted,
    CallUpdated,
    Described,
    Event,
)

KNOWN = 10_000
"""Calls that it is remembered of whether they are seen; of others the database is asked."""


class SeenCalls(Protocol):
    """The calls of one scope (storage.reader.CallReader)."""

    def find_id(self, key: UUID | str) -> UUID:
        """The call's id. Raises CallNotFound, DatabaseUnavailable."""


def described_in(scope: CallScope, event: Described) -> bool:
    """Whether the call that the event describes is in the scope."""
    heard = [channel.party.address for channel in event.channels if channel.party]
    return scope.sees(event.trunk, (event.caller.address, event.callee.address, *heard))


class ScopedEvents:
    """Tells one subscriber's events from the others', by what they tell of their calls or, of calls whose beginning
    was not seen, by the database. Of erased calls, which it has no more, those are told that had an event before."""

    def __init__(self, calls: SeenCalls, scope: CallScope | None) -> None:
        """`calls`: of the same scope. None: every event is theirs."""
        self._calls = calls
        self._scope = scope
        self._known: dict[UUID, bool] = {}

    async def has(self, event: Event) -> bool:
        if self._scope is None:
            return True
        if isinstance(event, CallErased):
            return self._known.pop(event.call_id, False)
        if isinstance(event, CallStarted | CallUpdated | CallCorrected):
            # Who took part once sees the call: parties that leave stay in its record.
            self._remember(event.call_id, self._known.get(event.call_id, False) or described_in(self._scope, event))
        found = await self._look(event.call_id)
        if isinstance(event, CallEnded | CallProcessed) and not found:
            self._known.pop(event.call_id, None)
        return found

    async def _look(self, call_id: UUID) -> bool:
        known = self._known.get(call_id)
        if known is not None:
            return known
        try:
            await asyncio.to_thread(self._calls.find_id, call_id)
        except DatabaseUnavailable:
            return False
        except CallNotFound:
            return self._remember(call_id, False)
        return self._remember(call_id, True)

    def _remember(self, call_id: UUID, seen: bool) -> bool:
        """Also forgets what was remembered longest ago."""
        self._known.pop(call_id, None)
        self._known[call_id] = seen
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        return seen
