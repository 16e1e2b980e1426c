"""Hotwords as a trie of tokens, so that a decoder can be drawn towards them (shallow fusion by a logit bonus). Pure."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = 0


class Preference(NamedTuple):
    """Tokens to prefer, and how much is added to the logit of each."""

    tokens: list[int]
    bonuses: NDArray[np.float32]


class HotwordTrie:
    """The spellings of all hotwords as token paths. Nodes are numbers; the root is always open."""

    __slots__ = ("_begin_bonus", "_bonus", "_children", "_preferences")

    def __init__(
        self, hotwords: Iterable[str], encode: Callable[[str], tuple[int, ...]], *, begin_bonus: float, bonus: float
    ) -> None:
        """Each hotword is taken as written, in lower case, and with a capital. Its first token is worth `begin_bonus`,
        each further one `bonus`."""
        self._begin_bonus, self._bonus = begin_bonus, bonus
        self._preferences: dict[int, Preference] = {}
        self._children: list[dict[int, int]] = [{}]
        for hotword in hotwords:
            word = " ".join(hotword.split())
            for spelling in {word, word.lower(), word[:1].upper() + word[1:]} - {""}:
                self._add(encode(spelling))

    def __bool__(self) -> bool:
        return bool(self._children[ROOT])

    def after(self, node: int, token: int) -> int:
        """The node reached from `node` by `token`: further along its path, at a new path's beginning, or the root."""
        further = self._children[node].get(token)
        return further if further is not None else self._children[ROOT].get(token, ROOT)

    def preferred(self, node: int) -> Preference:
        """What to prefer at `node`: the tokens that go on from it, and those that begin any hotword."""
        if node not in self._preferences:
            worth = dict.fromkeys(self._children[ROOT], self._begin_bonus)
            if node != ROOT:
                worth |= dict.fromkeys(self._children[node], self._bonus)
            self._preferences[node] = Preference(list(worth), np.array(list(worth.values()), np.float32))
        return self._preferences[node]

    def _add(self, tokens: tuple[int, ...]) -> None:
        node = ROOT
        for token in tokens:
            if token not in self._children[node]:
                self._children[node][token] = len(self._children)
                self._children.append({})
            node = self._children[node][token]
