"""Continuous integrate-and-fire: at which frames of an encoder a token is complete, and what it is made of. Pure.

Dong and Xu, "CIF: Continuous Integrate-and-Fire for End-to-End Speech Recognition", ICASSP 2020, arXiv 1905.11235.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Firing:
    """What came of integrating some frames of several rows."""

    shares: Weights
    """(rows, tokens, frames): how much of each frame belongs to each token. A row's tokens that fired come first, then
    the one that has begun; the rest is zero."""
    fired: NDArray[np.bool_]
    """(rows, frames): whether a token was complete at the frame."""
    left: Weights
    """(rows,): weight of the token that has begun."""

    @property
    def counts(self) -> list[int]:
        """Tokens that fired, a row."""
        counts: list[int] = self.fired.sum(axis=1).tolist()
        return counts


def fire(weights: Weights, threshold: float) -> Firing:
    """Add the weights of frames (rows, frames) until they reach the threshold: there a token is complete, and what is
    beyond the threshold is the next one's. No frame completes two."""
    rows, frames = weights.shape
    row, token = np.arange(rows), np.zeros(rows, np.intp)
    shares = np.zeros((rows, frames + 1, frames), np.float32)
    fired = np.zeros((rows, frames), np.bool_)
    # In single precision, as the model was trained: near the threshold it decides.
    bound, integrated = np.float32(threshold), np.zeros(rows, np.float32)
    for frame in range(frames):
        total = integrated + weights[:, frame]
        full = total >= bound
        shares[row, token, frame] = np.where(full, bound - integrated, weights[:, frame])
        token += full
        integrated = np.where(full, total - bound, total)
        shares[row[full], token[full], frame] = integrated[full]
        fired[:, frame] = full
    return Firing(shares[:, : int(token.max(initial=0)) + 1], fired, integrated)
