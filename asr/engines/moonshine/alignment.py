"""When each word was said, from where the decoder looked for it in what was heard. Pure.

Four heads of the decoder's fifth layer look at what they are about to write: their mean attention, cut into one stretch
of frames a token so that the stretches hold as much of it as can be, places the words of the even-numbered telephone
prompts within 40 ms (median) of where Whisper's cross-attention does, and 50 ms after the pause that they follow.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asr.confidence import WordConfidence
from asr.engine import DecodedWord
from asr.engines.moonshine.graph import HEAD_SIZE, HEADS, HOP

_HEADS = [1, 2, 3, 5]


def aligned(
    words: Sequence[WordConfidence], queries: NDArray[np.float32], keys: NDArray[np.float32], samples: int
) -> tuple[DecodedWord, ...]:
    """Words with their places in audio of `samples`.

    `queries` of shape (tokens or one more, WIDTH) are those with which the layer ALIGNING wrote each token, and the
    end; `keys` of shape (HEADS, frames, HEAD_SIZE) its keys of what was heard.
    """
    starts = stretches(_attention(queries, keys)) * HOP
    starts = np.minimum(np.append(starts, samples), samples)
    starts[0] = 0
    return tuple(
        DecodedWord(word.text, int(starts[word.first]), int(starts[word.end]), word.confidence) for word in words
    )


def stretches(attention: NDArray[np.float32]) -> NDArray[np.int64]:
    """The first frame of each row's stretch; rows in order, at least a frame each, all frames used.

    `attention` has the shape (rows, frames), with no more rows than frames; where there are more, the last share one.
    """
    rows, frames = attention.shape
    sums = np.cumsum(attention, axis=1)
    before = np.concatenate([np.zeros((rows, 1), np.float32), sums[:, :-1]], axis=1)
    best = sums[0]
    begins = np.zeros((rows, frames), np.int64)
    for row in range(1, rows):
        # A stretch that begins at a frame adds all up to where it ends, less what came before it.
        gain = np.full(frames, -np.inf, np.float32)
        gain[1:] = best[:-1] - before[row, 1:]
        highest = np.maximum.accumulate(gain)
        begins[row] = np.maximum.accumulate(np.where(gain >= highest, np.arange(frames), 0))
        best = sums[row] + highest
    starts = np.zeros(rows, np.int64)
    end = frames - 1
    for row in range(rows - 1, 0, -1):
        starts[row] = begins[row, end]
        end = max(int(starts[row]) - 1, 0)
    return starts


def _attention(queries: NDArray[np.float32], keys: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean attention of the heads that align, shape (rows, frames)."""
    by_head = queries.reshape(len(queries), HEADS, HEAD_SIZE)[:, _HEADS]
    scores = np.einsum("rhs,hfs->hrf", by_head, keys[_HEADS]) / np.float32(HEAD_SIZE**0.5)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mean: NDArray[np.float32] = (weights / weights.sum(axis=-1, keepdims=True)).mean(axis=0)
    return mean
