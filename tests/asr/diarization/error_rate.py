"""The diarization error rate, without a collar: NIST, "Rich Transcription Spring 2009 Evaluation Plan", section 6."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from asr.diarization.turns import Turn

STEP = 80
"""Samples of a frame, in which times are compared."""


def error_rate(reference: Sequence[Turn], found: Sequence[Turn]) -> float:
    """Time that is missed, false, or of the wrong speaker, as a share of all that speakers speak."""
    frames = max(turn.end for turn in (*reference, *found)) // STEP + 1
    speakers = 1 + max(turn.speaker for turn in (*reference, *found))
    wanted, got = _active(reference, frames, speakers), _active(found, frames, speakers)
    shared = wanted.T @ got
    right = max(sum(shared[pair] for pair in enumerate(order)) for order in permutations(range(speakers)))
    return float((np.maximum(wanted.sum(axis=1), got.sum(axis=1)).sum() - right) / wanted.sum())


def _active(turns: Sequence[Turn], frames: int, speakers: int) -> NDArray[np.int64]:
    active = np.zeros((frames, speakers), np.int64)
    for turn in turns:
        active[turn.start // STEP : turn.end // STEP, turn.speaker] = 1
    return active
