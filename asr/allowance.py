"""How much computing time partials may take: what hearing and finals leave over. Pure: the clock is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SHARE = 0.7
"""Share of the time that may be spent computing before partials have to wait: the rest lets a final come at once."""
_MOST_S = 0.2
"""Idle time that is remembered: after a rest no burst of partials holds a final up."""
_LEAST_S = -1.0
"""Work beyond the share that is remembered: partials come back soon after the pressure is over."""


class Allowance:
    """A token bucket (RFC 2697 calls its size the burst) that time fills and computing empties.

    At light load it is never empty, and partials come as often as asked. As the load grows it is empty more and more of
    the time: partials become rarer for all channels alike, as the most overdue goes first. Where hearing and finals
    alone take more than their share it stays empty, and there are none until that is over.

    Time is `clock`'s and so counts what other processes take of the core.
    """

    __slots__ = ("_clock", "_filled_at", "_left_s", "_working_since", "partials_s")

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` tells seconds and only grows."""
        self.partials_s = 0.0
        """Seconds that partials have taken; only grows."""
        self._clock = clock
        self._left_s = _MOST_S
        self._filled_at = self._working_since = clock()

    @property
    def left(self) -> bool:
        """True while partials may be decoded."""
        return self._left_s > 0.0

    @contextmanager
    def partials(self) -> Iterator[None]:
        """What is computed meanwhile is partials."""
        began = self._clock()
        yield
        self.partials_s += self._clock() - began

    def begin(self) -> None:
        """Computing begins."""
        now = self._clock()
        self._left_s = min(self._left_s + _SHARE * (now - self._filled_at), _MOST_S)
        self._filled_at = self._working_since = now

    def end(self) -> None:
        """Computing ends."""
        self._left_s = max(self._left_s - (self._clock() - self._working_since), _LEAST_S)
