"""Timers for a core without a clock of its own."""

import heapq
import itertools
from collections.abc import Callable


class Timer:
    """One call that is due some time. cancel() may be called more than once, and after it rang."""

    __slots__ = ("_call", "due")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self._call: Callable[[], None] | None = call

    @property
    def live(self) -> bool:
        return self._call is not None

    def cancel(self) -> None:
        self._call = None

    def ring(self) -> None:
        call, self._call = self._call, None
        if call:
            call()


class Timers:
    """Timers by due time, on a clock that is passed in (seconds, monotonic)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = itertools.count()

    def __len__(self) -> int:
        return sum(timer.live for _, _, timer in self._heap)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self.now() + seconds, call)
        heapq.heappush(self._heap, (timer.due, next(self._number), timer))
        return timer

    def next_due(self) -> float | None:
        """When the next live timer rings, None where there is none."""
        while self._heap and not self._heap[0][2].live:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ring_due(self) -> None:
        """Ring all timers that are due."""
        now = self.now()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2].ring()
