"""The decoder's memory of several utterances at once, and its steps over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.engines.moonshine.graph import HEAD_SIZE, HEADS, LAYERS, QUERY
from asr.engines.moonshine.search import Node, Outlook
from asr.runtime import Model

Keys = list[NDArray[np.float32]]
"""Keys and values by turns, layer by layer, each of shape (rows, HEADS, places, HEAD_SIZE)."""

_NEVER = np.float32(-1e9)
_PARTS = [f"{part}_{layer}" for layer in range(LAYERS) for part in ("key", "value")]
_OUTPUTS = ["logits", "best", "best_tokens", QUERY]


@dataclass(slots=True)
class Cache:
    """What was heard and what was said of some utterances, one row each."""

    heard: Keys
    audible: NDArray[np.float32]
    """0 where a row has a frame, shape (rows, frames)."""
    said: Keys

    @classmethod
    def of(cls, heard: NDArray[np.float32]) -> "Cache":
        """Nothing said yet; `heard` of shape (2 * LAYERS, 1, HEADS, frames, HEAD_SIZE)."""
        said = [np.zeros((1, HEADS, 0, HEAD_SIZE), np.float32)] * (2 * LAYERS)
        return cls(list(heard), np.zeros((1, heard.shape[3]), np.float32), said)

    @classmethod
    def stacked(cls, caches: Sequence["Cache"]) -> "Cache":
        """Rows of several caches in one, filled up to the longest."""
        if len(caches) == 1:
            return caches[0]
        frames = max(cache.audible.shape[1] for cache in caches)
        audible = np.full((sum(len(cache.audible) for cache in caches), frames), _NEVER)
        row = 0
        for cache in caches:
            audible[row : row + len(cache.audible), : cache.audible.shape[1]] = cache.audible
            row += len(cache.audible)
        parts = range(2 * LAYERS)
        return cls(
            [_filled([cache.heard[part] for cache in caches]) for part in parts],
            audible,
            [_filled([cache.said[part] for cache in caches]) for part in parts],
        )

    def said_in(self, row: int) -> Keys:
        """What was said in one row."""
        return [keys[row : row + 1] for keys in self.said]

    def evaluate(self, model: Model, wanted: Sequence[Sequence[Node]]) -> None:
        """One step of the decoder: the wanted nodes of each row get their outlook, and a place in the cache."""
        rows, new, past = len(wanted), max(map(len, wanted)), self.said[0].shape[2]
        tokens, positions = np.zeros((rows, new), np.int64), np.zeros((rows, new), np.int64)
        attended = np.full((rows, 1, new, past + new), _NEVER)
        # A place that nobody wants attends to itself only; nobody ever attends to it.
        attended[:, 0, np.arange(new), past + np.arange(new)] = 0
        for row, nodes in enumerate(wanted):
            for place, node in enumerate(nodes):
                before = node.parent.columns if node.parent else ()
                node.columns = (*before, past + place)
                tokens[row, place], positions[row, place] = node.token, node.depth
                attended[row, 0, place, node.columns] = 0
        audible = np.ascontiguousarray(
            np.broadcast_to(self.audible[:, None, None], (rows, 1, new, self.audible.shape[1]))
        )
        inputs = {"tokens": tokens, "positions": positions, "attended": attended, "audible": audible}
        inputs |= {f"past_{name}": keys for name, keys in zip(_PARTS, self.said, strict=True)}
        inputs |= {f"heard_{name}": keys for name, keys in zip(_PARTS, self.heard, strict=True)}
        outputs = model.run(inputs, [*_OUTPUTS, *_PARTS])
        logits, best, best_tokens, queries = outputs[: len(_OUTPUTS)]
        self.said = outputs[len(_OUTPUTS) :]
        for row, nodes in enumerate(wanted):
            for place, node in enumerate(nodes):
                at = row, place
                node.outlook = Outlook(best_tokens[at], best[at], logits[at])
                node.query = queries[at]


def _filled(keys: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Keys of several caches one below the other, filled up to the most places."""
    places = max(part.shape[2] for part in keys)
    filled = np.zeros((sum(map(len, keys)), HEADS, places, HEAD_SIZE), np.float32)
    row = 0
    for part in keys:
        filled[row : row + len(part), :, : part.shape[2]] = part
        row += len(part)
    return filled
