"""Erases the calls of parties, and tells of it."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.errors import EventsUnavailable, StorageError

log = structlog.get_logger()

IDLE_S = 1.0
"""How often it is looked for something to erase."""
AWAY_S = 5.0
"""Wait after the database was found away."""
TOLD_AT_ONCE = 50
"""Calls that are taken out of the event streams at once, and told: each look goes through all of the floor's."""


class ErasureOrders(Protocol):
    """Where erasures are kept (storage.party_erasures.PartyErasureStore)."""

    def work(self) -> Sequence[UUID] | None: ...


class EventStreams(Protocol):
    """What was told of calls (callscribe.events.forgetting). Raises EventsUnavailable."""

    def erase(self, calls: Sequence[UUID], at: datetime) -> int: ...
    def renew_file(self) -> bool: ...


class Eraser:
    """Runs in a thread of its own. Any number of erasers may run over one database."""

    def __init__(self, orders: ErasureOrders, events: EventStreams) -> None:
        self._orders = orders
        self._events = events
        self._counts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Erase until `stop` is set, over outages of the database and of the event store."""
        while not stop.wait(IDLE_S):
            try:
                self.erase_all(stop)
            except StorageError as error:
                self._counts["failures"] += 1
                log.warning("erasure_waits", reason=str(error))
                stop.wait(AWAY_S)

    def erase_all(self, stop: threading.Event) -> None:
        """Do all that there is to do, or as much of it as is done when `stop` is set. Raises StorageError."""
        gone: list[UUID] = []
        try:
            while not stop.is_set() and (step := self._orders.work()) is not None:
                gone += step
                self._counts["calls"] += len(step)
                if len(gone) >= TOLD_AT_ONCE:
                    self._tell(gone)
                    gone = []
        finally:
            if gone:
                self._tell(gone)

    def counters(self) -> Mapping[str, int]:
        """Since start: calls that were erased for parties, and rounds that broke off."""
        return {f"erasure_{name}": self._counts[name] for name in ("calls", "failures")}

    def _tell(self, calls: Sequence[UUID]) -> None:
        try:
            self._events.erase(calls, datetime.now(UTC))
            self._events.renew_file()
        except EventsUnavailable as error:
            # The sweep does all of it, and tells it, once the store is there.
            log.warning("events_not_erased_yet", calls=len(calls), reason=str(error))
