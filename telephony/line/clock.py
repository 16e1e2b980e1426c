"""The line's clock: ticks of the conference bridge, held to the wall clock. Pure."""

from collections import deque

_WINDOW_S = 0.5
"""Time in which all ticks must agree before the count is corrected: a late one followed by a burst corrects itself."""
_SETTLING_S = 2.0
"""Time after the first tick in which the origin is still being found."""
_TOLERANCE_S = 0.06
"""Lasting difference that is left alone."""


class LineClock:
    """Counts ticks so that position x tick length follows the wall clock.

    The bridge makes up for a short stall with a burst of ticks, and skips the rest of a long one (half a second in
    PJMEDIA's clock thread): then every channel misses the same ticks, and the position jumps. A tick too many repeats
    the position of the one before.
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._settling = round(_SETTLING_S / tick_s)
        self._tolerance = _TOLERANCE_S / tick_s
        self._origin: float | None = None
        self._first = 0
        """Position at the origin's tick."""
        self._lags: deque[float] = deque(maxlen=round(_WINDOW_S / tick_s))
        self._surplus = 0
        self._beat_at = 0.0
        self.position = 0
        """Number of the newest tick."""
        self.filled = 0
        """Ticks that never came and were counted nevertheless."""
        self.dropped = 0
        """Ticks that came and were not counted."""

    def restart(self) -> None:
        """Hold to the wall clock from the next tick on: nobody listened, and PJSUA2 rests its sound device then."""
        self._origin = None

    def next_last_of(self, ticks: int) -> float:
        """When the last tick of the next group comes, if all come in time: groups of `ticks` count from position 0."""
        return self._beat_at + (ticks - (self.position + 1) % ticks) * self._tick_s

    def beat(self, now: float) -> None:
        """A tick came at `now`, in seconds of a monotonic clock."""
        self._beat_at = now
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
        if self.position - self._first < self._settling and -self._tolerance < lag < 0:
            # A tick may be late and is never early: this one shows that the first one was late.
            self._origin += lag * self._tick_s
            lag = 0.0
        self._lags.append(lag)
        if len(self._lags) == self._lags.maxlen:
            self._correct()

    def _correct(self) -> None:
        missing, surplus = min(self._lags), -max(self._lags)
        if missing > self._tolerance:
            self.position += round(missing)
            self.filled += round(missing)
            self._lags.clear()
        elif surplus > self._tolerance:
            self._surplus = round(surplus)
            self._lags.clear()
