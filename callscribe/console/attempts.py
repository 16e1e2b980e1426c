"""How often may be tried to sign in. Pure: the time is told."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """For one kind of key."""

    free: int
    """Failures without a delay."""
    longest_s: float
    """The delay doubles up to this."""


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    next_s: float = 0.0
    """When the next attempt may come."""
    last_s: float = 0.0


class Attempts:
    """Counts attempts by key, such as an address or a name, and delays those that follow failures, each longer.

    An attempt counts as failed from its beginning until it is taken back: so attempts side by side are counted, too.
    """

    FORGET_S = 3600.0
    """A key that nobody tried for so long begins anew."""
    KEYS = 10_000
    """Keys that are remembered; the one that was tried least recently is forgotten."""

    def __init__(self, limit: AttemptLimit) -> None:
        self._limit = limit
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds until the key may be tried; 0: now."""
        tries = self._tries.get(key)
        return 0.0 if tries is None else max(0.0, tries.next_s - now_s)

    def begin(self, key: str, now_s: float) -> None:
        """Count an attempt."""
        tries = self._tries.pop(key, None) or _Tries()
        if now_s - tries.last_s > self.FORGET_S:
            tries = _Tries()
        tries.failed, tries.last_s = tries.failed + 1, now_s
        if tries.failed >= self._limit.free:
            # Of a longer row of failures the power would not fit a float.
            doubled = 2.0 ** min(tries.failed - self._limit.free, 60)
            tries.next_s = now_s + min(doubled, self._limit.longest_s)
        self._tries[key] = tries
        while len(self._tries) > self.KEYS:
            self._tries.popitem(last=False)

    def take_back(self, key: str) -> None:
        """The last attempt was none of those that failed."""
        tries = self._tries.get(key)
        if tries is not None:
            tries.failed, tries.next_s = tries.failed - 1, 0.0

    def forget(self, key: str) -> None:
        """All attempts so far are forgiven."""
        self._tries.pop(key, None)
