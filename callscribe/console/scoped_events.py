"""Which events of the floor somebody sees."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callscribe.domain.access import CallScope
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from callscribe.events.schema import (
    CallCorrected,
    CallErased,
    CallStarted,
    CallUpdated,
    Described,
    Event,
)

KNOWN = 10_000
"""Calls that it is remembered of whether they are seen; of others the database is asked."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""A call that is not found is asked for again after so long, and then after twice as long each time."""
RETRIES_S = (0.5, 1.0, 2.0)
"""Waits for a database that does not answer."""


class SeenCalls(Protocol):
    """The calls of one scope (storage.reader.CallReader)."""

    def find_id(self, key: UUID | str) -> UUID:
        """The call's id. Raises CallNotFound, DatabaseUnavailable."""


def described_in(scope: CallScope, event: Described) -> bool:
    """Whether the call that the event describes is in the scope."""
    heard = [channel.party.address for channel in event.channels if channel.party]
    return scope.sees(event.trunk, (event.caller.address, event.callee.address, *heard))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of a call."""

    seen: bool
    until_s: float = math.inf
    """When the database is asked again, by the clock."""
    wait_s: float = 0.0
    """How long after it was asked."""


class ScopedEvents:
    """Tells one subscriber's events from the others', by what they tell of their calls or, of calls whose beginning
    was not seen, by the database. Of erased calls, which it has no more, those are told that had an event before."""

    def __init__(self, calls: SeenCalls, scope: CallScope | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`calls`: of the same scope. None: every event is theirs. `clock`: seconds."""
        self._calls = calls
        self._scope = scope
        self._clock = clock
        self._known: dict[UUID, _Seen] = {}

    async def has(self, event: Event) -> bool:
        """Raises DatabaseUnavailable where it has to be asked and does not answer for a while."""
        if self._scope is None:
            return True
        if isinstance(event, CallErased):
            known = self._known.pop(event.call_id, None)
            return known is not None and known.seen
        if isinstance(event, CallStarted | CallUpdated | CallCorrected):
            if described_in(self._scope, event):
                return self._remember(event.call_id, _Seen(True))
            # Who took part once sees the call: of later descriptions a party that left is gone, of its record not.
            if isinstance(event, CallStarted) and event.call_id not in self._known:
                return self._remember(event.call_id, _Seen(False))
        return await self._look(event.call_id)

    async def _look(self, call_id: UUID) -> bool:
        known = self._known.get(call_id)
        if known is not None and self._clock() < known.until_s:
            return known.seen
        if await self._is_stored(call_id):
            return self._remember(call_id, _Seen(True))
        # A call may be stored a moment after its first events.
        wait_s = min(known.wait_s * 2, LONGEST_WAIT_S) if known else FIRST_WAIT_S
        return self._remember(call_id, _Seen(False, self._clock() + wait_s, wait_s))

    async def _is_stored(self, call_id: UUID) -> bool:
        for wait_s in RETRIES_S:
            try:
                return await asyncio.to_thread(self._finds, call_id)
            except DatabaseUnavailable:
                await asyncio.sleep(wait_s)
        return await asyncio.to_thread(self._finds, call_id)

    def _finds(self, call_id: UUID) -> bool:
        try:
            self._calls.find_id(call_id)
        except CallNotFound:
            return False
        return True

    def _remember(self, call_id: UUID, known: _Seen) -> bool:
        """Also forgets what was remembered longest ago."""
        self._known.pop(call_id, None)
        self._known[call_id] = known
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        return known.seen
