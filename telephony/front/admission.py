"""How many calls are let in, and which line gets one. Pure."""

from collections import deque
from collections.abc import Callable, Sequence

from telephony.front.calls import Calls
from telephony.lines import LineStatus

INVITES_PER_LINE = 8
"""New calls a second on one line. PJSIP frees its sockets half a second late, and aborts when it has none left."""
STREAMS_PER_LINE = 12
"""Audio m-lines offered a second on one line, in new calls and in those going on.

Each may take two of PJSIP's 64 sockets beside those of the one it follows, and 16 m-lines in use have 32.
"""
REST_S = 5.0
"""How long a line that did not answer comes last."""


class RateLimit:
    """A token bucket: `rate` a second in the long run, `burst` at once; without it one second's worth."""

    def __init__(self, rate: float, clock: Callable[[], float], burst: float = 0.0) -> None:
        self._rate = rate
        self._clock = clock
        self._burst = burst or max(1.0, rate)
        self._tokens = self._burst
        self._at = clock()

    def take(self) -> bool:
        if self.is_empty():
            return False
        self._tokens -= 1
        return True

    def is_empty(self) -> bool:
        """True where take() would fail now."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return self._tokens < 1


class LineDesk:
    """Picks lines."""

    def __init__(self, lines: Callable[[], Sequence[LineStatus]], calls: Calls, clock: Callable[[], float]) -> None:
        self._lines = lines
        self._calls = calls
        self._clock = clock
        self._recent: dict[int, deque[float]] = {}
        self._streams: dict[int, deque[float]] = {}
        self._resting: dict[int, float] = {}

    def stands(self) -> bool:
        """True where any line is up, also one that is full."""
        return any(line.ready for line in self._lines())

    def has_room(self) -> bool:
        """True where a line could carry one more call, now or in a moment."""
        return bool(self._with_room())

    def pick(self, streams: int, skip: frozenset[int] = frozenset()) -> LineStatus | None:
        """The least loaded line that may get a call of so many m-lines now, outside `skip`; it is counted as given it.

        A line that did not answer lately comes last.
        """
        now = self._clock()
        candidates = [
            (self._resting.get(line.index, now) > now, load, self._given(line.index, now), line.index, line)
            for load, line in self._with_room()
            if line.index not in skip
            and self._given(line.index, now) < INVITES_PER_LINE
            and self._has_sockets(line.index, streams, now)
        ]
        if not candidates:
            return None
        line = min(candidates)[-1]
        self._recent.setdefault(line.index, deque()).append(now)
        self._count_streams(line.index, streams, now)
        return line

    def may_offer(self, line: int, streams: int) -> bool:
        """True where a call of this line may be offered so many m-lines now; then they are counted."""
        now = self._clock()
        if not self._has_sockets(line, streams, now):
            return False
        self._count_streams(line, streams, now)
        return True

    def rest(self, line: int) -> None:
        """Prefer other lines to one that does not answer, for a while."""
        self._resting[line] = self._clock() + REST_S

    def renew(self, line: int) -> None:
        """The line died; its successor starts afresh."""
        self._resting.pop(line, None)
        self._recent.pop(line, None)
        self._streams.pop(line, None)

    def _with_room(self) -> list[tuple[int, LineStatus]]:
        """Lines that could carry one more call, each behind its number of calls."""
        known = self._calls.loads()
        loads = [(max(line.calls, known[line.index]), line) for line in self._lines() if line.ready]
        return [(load, line) for load, line in loads if load < line.capacity]

    def _given(self, line: int, now: float) -> int:
        return _within_a_second(self._recent.get(line), now)

    def _has_sockets(self, line: int, streams: int, now: float) -> bool:
        return _within_a_second(self._streams.get(line), now) + streams <= STREAMS_PER_LINE

    def _count_streams(self, line: int, streams: int, now: float) -> None:
        self._streams.setdefault(line, deque()).extend([now] * streams)


def _within_a_second(times: deque[float] | None, now: float) -> int:
    while times and now - times[0] >= 1.0:
        times.popleft()
    return len(times) if times else 0
