"""The line's clock: ticks of the conference bridge, held to the wall clock. Pure."""

from collections import deque

_WINDOW = 5
"""Ticks that must agree before the count is corrected: a late tick that is followed by a burst corrects itself."""
_SETTLING = 20
"""Ticks after the first in which the origin is still being found."""
_TOLERANCE = 0.6
"""Ticks of lasting difference that are left alone."""


class LineClock:
    """Counts ticks so that position x tick length follows the wall clock.

    The bridge makes up for a short stall with a burst of ticks, and skips the rest of a long one (half a second in
    PJMEDIA's clock thread): then every channel misses the same ticks, and the position jumps. A tick too many repeats
    the position of the one before.
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._origin: float | None = None
        self._first = 0
        """Position at the origin's tick."""
        self._lags: deque[float] = deque(maxlen=_WINDOW)
        self._surplus = 0
        self.position = 0
        """Number of the newest tick."""
        self.filled = 0
        """Ticks that never came and were counted nevertheless."""
        self.dropped = 0
        """Ticks that came and were not counted."""

    def restart(self) -> None:
        """Hold to the wall clock from the next tick on: nobody listened, and PJSUA2 rests its sound device then."""
        self._origin = None

    def beat(self, now: float) -> None:
        """A tick came at `now`, in seconds of a monotonic clock."""
        if self._origin is None:
            self._origin = now - self.position * self._tick_s
            self._first = self.position
            self._surplus = 0
            self._lags.clear()
            return
        if self._surplus:
            self._surplus -= 1
            self.dropped += 1
            return
        self.position += 1
        lag = (now - self._origin) / self._tick_s - self.position
        if self.position - self._first < _SETTLING and -_TOLERANCE < lag < 0:
            # A tick may be late and is never early: this one shows that the first one was late.
            self._origin += lag * self._tick_s
            lag = 0.0
        self._lags.append(lag)
        if len(self._lags) == _WINDOW:
            self._correct()

    def _correct(self) -> None:
        missing, surplus = min(self._lags), -max(self._lags)
        if missing > _TOLERANCE:
            self.position += round(missing)
            self.filled += round(missing)
            self._lags.clear()
        elif surplus > _TOLERANCE:
            self._surplus = round(surplus)
            self._lags.clear()
