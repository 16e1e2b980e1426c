"""Sends to the broker what the database says is due, and sends again what was lost there."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.errors import EventsUnavailable, StorageError

log = structlog.get_logger()

POLL_S = 1.0
LEASE_S = 60.0
"""A job that was sent and not begun for so long is sent again: the broker may have lost it, or its queue is long."""
QUEUE_LENGTH = 64
"""Messages kept in the broker at most, so that a long queue is not filled with ids sent again."""
BACKOFF_S = (1.0, 2.0, 5.0, 10.0)
"""Waits after the first, second … failed round; the last for all later ones."""


class DueJobs(Protocol):
    """Where due jobs are claimed (storage.jobs.JobStore)."""

    def claim_due(self, limit: int, lease_s: float) -> Sequence[UUID]: ...


class IdQueue(Protocol):
    """Where their ids go (callscribe.jobs.app.TaskQueue)."""

    def waiting(self) -> int: ...
    def send(self, job_id: UUID) -> None: ...


class Dispatcher:
    """Runs in a thread of its own. Any number of dispatchers may run over one database."""

    def __init__(self, jobs: DueJobs, queue: IdQueue, is_held: Callable[[], bool] = lambda: False) -> None:
        """While it `is_held`, nothing is sent."""
        self._jobs = jobs
        self._queue = queue
        self._is_held = is_held
        self._claimed: deque[UUID] = deque()
        """Jobs that are still to be sent: the broker went away after they were claimed."""
        self._counts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Dispatch until `stop` is set, over outages of the database and of the broker."""
        failures = 0
        while not stop.is_set():
            try:
                self.dispatch()
                failures = 0
            except (StorageError, EventsUnavailable) as error:
                where = "database" if isinstance(error, StorageError) else "broker"
                self._counts[f"{where}_failures"] += 1
                if not failures:
                    log.warning("dispatch_failed", where=where, reason=str(error))
                failures += 1
            stop.wait(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else POLL_S)

    def dispatch(self) -> int:
        """Send what is due and return how many jobs that were. Raises StorageError and EventsUnavailable."""
        if self._is_held():
            return 0
        room = QUEUE_LENGTH - self._queue.waiting()
        if room > 0 and not self._claimed:
            self._claimed.extend(self._jobs.claim_due(room, LEASE_S))
        sent = 0
        while self._claimed:
            self._queue.send(self._claimed[0])
            self._claimed.popleft()
            sent += 1
            self._counts["sent"] += 1
        return sent

    def counters(self) -> Mapping[str, int]:
        """Since start: jobs_sent, and rounds that failed: dispatch_database_failures, dispatch_broker_failures."""
        return {
            "jobs_sent": self._counts["sent"],
            "dispatch_database_failures": self._counts["database_failures"],
            "dispatch_broker_failures": self._counts["broker_failures"],
        }
