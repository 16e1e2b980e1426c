"""How late words are told, counted for histograms."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from callscribe.events.board import ENGINE_MARK

BOUNDS_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of what is counted together, in seconds; beyond the last there is one more."""


class Stage(StrEnum):
    """What is told, and from when on its delay counts."""

    FIRST_PARTIAL = "first_partial_delay_seconds"
    """The first text of an utterance, from where its speech begins."""
    TEXT = "text_age_seconds"
    """A partial, from the last of what it tells."""
    FINAL = "final_delay_seconds"
    """A final, from where its speech ends."""


class Delays:
    """Counts of one node, as Prometheus has histograms: each bucket holds those of the ones before it."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._sums: dict[str, float] = {}

    def note(self, stage: Stage, seconds: float) -> None:
        """Something was told so long after it was said."""
        self._sums[f"{stage}_sum"] = self._sums.get(f"{stage}_sum", 0.0) + max(0.0, seconds)
        self._counted[f"{stage}_count"] += 1
        for bound in (*BOUNDS_S, float("inf")):
            self._counted[_bucket(stage, bound)] += seconds <= bound

    def counters(self) -> Mapping[str, float]:
        return {**self._counted, **self._sums}


def _bucket(stage: Stage, bound: float) -> str:
    return f"{stage}_bucket{ENGINE_MARK}{'+Inf' if bound == float('inf') else bound}"
