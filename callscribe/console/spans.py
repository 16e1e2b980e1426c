"""Stretches of a call in which somebody speaks, as their union: how much it is, and how long the longest gap. Pure."""

from bisect import bisect_left

KEPT = 32
"""Stretches that may still grow together with others. Earlier ones are only counted."""


class Spans:
    """A union of stretches that come about in their order, some of them again; in milliseconds from the call's start.

    It does not grow with the call: what lies before its newest KEPT stretches is settled, and nothing is added there.
    """

    __slots__ = ("_counted_ms", "_gap_ms", "_kept", "_settled_ms")

    def __init__(self) -> None:
        self._kept: list[tuple[int, int]] = []
        self._counted_ms = 0
        self._gap_ms = 0
        self._settled_ms = 0

    def add(self, start_ms: int, end_ms: int) -> None:
        """Take a stretch in; one that was taken before changes nothing."""
        start_ms = max(start_ms, self._settled_ms)
        if end_ms <= start_ms:
            return
        kept = self._kept
        if not kept or start_ms > kept[-1][1]:
            kept.append((start_ms, end_ms))
        elif start_ms >= kept[-1][0]:
            kept[-1] = (kept[-1][0], max(kept[-1][1], end_ms))
        else:
            self._insert(start_ms, end_ms)
        if len(kept) > KEPT:
            self._settle()

    def _insert(self, start_ms: int, end_ms: int) -> None:
        kept = self._kept
        first = bisect_left(kept, start_ms, key=lambda span: span[1])
        last = first
        while last < len(kept) and kept[last][0] <= end_ms:
            start_ms, end_ms = min(start_ms, kept[last][0]), max(end_ms, kept[last][1])
            last += 1
        kept[first:last] = [(start_ms, end_ms)]

    def _settle(self) -> None:
        start_ms, end_ms = self._kept.pop(0)
        self._gap_ms = max(self._gap_ms, start_ms - self._settled_ms)
        self._counted_ms += end_ms - start_ms
        self._settled_ms = end_ms

    @property
    def length_ms(self) -> int:
        """All stretches together."""
        return self._counted_ms + sum(end - start for start, end in self._kept)

    @property
    def longest_gap_ms(self) -> int:
        """From the call's start, or between two stretches."""
        longest, before = self._gap_ms, self._settled_ms
        for start, end in self._kept:
            longest = max(longest, start - before)
            before = end
        return longest

    @property
    def until_ms(self) -> int:
        """Where the last stretch ends; 0 without any."""
        return self._kept[-1][1] if self._kept else self._settled_ms
