"""How well a confidence tells wrong from right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A word or an utterance with its confidence."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """What was said with about this confidence."""

    confidence: float
    """Mean."""
    right: float
    """Share that was right: of a calibrated confidence, about the same."""
    count: int


def auc(judged: Sequence[Judged]) -> float | None:
    """Chance that a wrong one has less confidence than a right one, ties counting half; None where a kind lacks."""
    right = np.array([one.confidence for one in judged if one.right])
    wrong = np.array([one.confidence for one in judged if not one.right])
    if not len(right) or not len(wrong):
        return None
    below = (wrong[:, None] < right[None, :]).mean()
    return float(below + (wrong[:, None] == right[None, :]).mean() / 2)


def reliability(judged: Sequence[Judged]) -> list[Bin]:
    """The reliability plot as numbers: bins of a tenth of confidence, empty ones left out."""
    bins: list[list[Judged]] = [[] for _ in range(_BINS)]
    for one in judged:
        bins[min(_BINS - 1, int(one.confidence * _BINS))].append(one)
    return [
        Bin(
            round(float(np.mean([one.confidence for one in group])), 3),
            round(float(np.mean([one.right for one in group])), 3),
            len(group),
        )
        for group in bins
        if group
    ]
