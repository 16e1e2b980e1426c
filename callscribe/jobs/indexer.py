"""Makes what was said findable, soon after it was stored."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from traceback import format_tb
from typing import Protocol

import structlog

from callscribe.domain.errors import StorageError

log = structlog.get_logger()

POLL_S = 1.0
FAILED_S = 10.0
FORGET_S = 86_400.0
"""Words that no text has any more are looked for so often."""
FIRST_FORGET_S = 600.0
"""And first so long after the start, for a worker that never runs a whole day."""


class Index(Protocol):
    """What a search looks at (storage.search_index.SearchIndex)."""

    def catch_up(self) -> int: ...
    def forget_words(self) -> int: ...


class Indexer:
    """Runs in a thread of its own. Any number of indexers may run over one database: they take turns."""

    def __init__(self, index: Index, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that pass."""
        self._index = index
        self._clock = clock
        self._counts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Index what is queued until `stop` is set, over outages of the database and whatever else fails."""
        forget_at = self._clock() + FIRST_FORGET_S
        while not stop.is_set():
            try:
                done = self.catch_up()
                if self._clock() >= forget_at:
                    self._index.forget_words()
                    forget_at = self._clock() + FORGET_S
                pause_s = 0.0 if done else POLL_S
            except StorageError as error:
                self._counts["failures"] += 1
                log.warning("indexing_failed", reason=str(error))
                pause_s = FAILED_S
            except Exception as error:  # noqa: BLE001 - what breaks over one text must not end it unseen for all others
                self._counts["failures"] += 1
                # Not its message, which may quote what was said.
                log.error("indexing_broken", kind=type(error).__name__, where=format_tb(error.__traceback__)[-1])
                pause_s = FAILED_S
            stop.wait(pause_s)

    def catch_up(self) -> int:
        """Index a batch and return how much that was. Raises StorageError."""
        done = self._index.catch_up()
        self._counts["done"] += done
        return done

    def counters(self) -> Mapping[str, int]:
        """Since start: texts that were indexed, and rounds that failed."""
        return {"search_indexed": self._counts["done"], "search_index_failures": self._counts["failures"]}
