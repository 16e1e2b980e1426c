"""Hotwords as an automaton of tokens, so that a decoder can be drawn towards them (shallow fusion). Pure.

The automaton is Aho and Corasick's ("Efficient string matching", CACM 18, 1975): a trie of all spellings in which every
node knows its longest proper suffix that is a node too. A hotword that begins within another is so never missed. That a
beam takes back what an unfinished phrase was given, when it leaves the phrase, is the back-off of icefall's biasing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from callscribe.domain.hotword import Hotword

ROOT = 0


class Preference(NamedTuple):
    """Tokens to prefer, and how much is added to the logit of each."""

    tokens: list[int]
    bonuses: NDArray[np.float32]


@dataclass(slots=True)
class _Node:
    """What was said of one or several hotwords so far."""

    bonus: float = 0.0
    """Of the token that leads here."""
    total: float = 0.0
    """Of all tokens that lead here."""
    kept: float = 0.0
    """The part of `total` that is not taken back: hotwords that are complete."""
    whole: bool = False
    """A hotword ends here."""
    suffix: int = ROOT
    children: dict[int, int] = field(default_factory=dict)


class HotwordTrie:
    """The spellings of all hotwords as token paths. Nodes are numbers; the root is always open."""

    __slots__ = ("_nodes", "_preferences")

    def __init__(
        self, hotwords: Iterable[Hotword], encode: Callable[[str], tuple[int, ...]], *, begin_bonus: float, bonus: float
    ) -> None:
        """Each hotword is taken as written, in lower case, and with capitals. Its first token is worth `begin_bonus`,
        each further one `bonus`, times its weight; what several share, as much as the heaviest gives."""
        self._preferences: dict[int, Preference] = {}
        self._nodes = [_Node()]
        for hotword in hotwords:
            for spelling in _spellings(hotword.text):
                self._add(encode(spelling), begin_bonus * hotword.weight, bonus * hotword.weight)
        self._join_suffixes()

    def __bool__(self) -> bool:
        return bool(self._nodes[ROOT].children)

    def after(self, node: int, token: int) -> int:
        """The node reached from `node` by `token`: the longest end of what was said that begins a hotword."""
        return self._nodes[self._open(node, token)].children.get(token, ROOT)

    def preferred(self, node: int) -> Preference:
        """What to prefer at `node`: all tokens that go on with a hotword or begin one."""
        if node not in self._preferences:
            worth: dict[int, float] = {}
            for place in self._suffixes(node):
                for token, child in self._nodes[place].children.items():
                    worth[token] = max(worth.get(token, 0.0), self._nodes[child].bonus)
            self._preferences[node] = Preference(list(worth), np.array(list(worth.values()), np.float32))
        return self._preferences[node]

    def score(self, node: int, token: int) -> tuple[int, float]:
        """The node reached from `node` by `token`, and what that adds to a hypothesis' score.

        Less than nothing where a hotword is left before its end: what it was given is taken back.
        """
        place = self._open(node, token)
        reached = self._nodes[place].children.get(token, ROOT)
        given = self._nodes[reached].total - self._nodes[place].kept
        return reached, given - self.unfinished(node)

    def unfinished(self, node: int) -> float:
        """How much of a hypothesis' score was given for hotwords that are not complete at `node`."""
        return self._nodes[node].total - self._nodes[node].kept

    def _open(self, node: int, token: int) -> int:
        """The node itself, or its longest suffix, from which `token` goes on; the root where it does from none."""
        while node != ROOT and token not in self._nodes[node].children:
            node = self._nodes[node].suffix
        return node

    def _suffixes(self, node: int) -> Iterator[int]:
        """The node and all its suffixes, the root last."""
        while node != ROOT:
            yield node
            node = self._nodes[node].suffix
        yield ROOT

    def _add(self, tokens: tuple[int, ...], begin_bonus: float, bonus: float) -> None:
        node = self._nodes[ROOT]
        for place, token in enumerate(tokens):
            if token not in node.children:
                node.children[token] = len(self._nodes)
                self._nodes.append(_Node())
            node = self._nodes[node.children[token]]
            node.bonus = max(node.bonus, bonus if place else begin_bonus)
        node.whole = True

    def _join_suffixes(self) -> None:
        """Breadth first, so that shorter nodes are ready for longer ones."""
        waiting = deque([ROOT])
        while waiting:
            number = waiting.popleft()
            node = self._nodes[number]
            for token, reached in node.children.items():
                child = self._nodes[reached]
                child.suffix = self.after(node.suffix, token) if number != ROOT else ROOT
                own = node.total + child.bonus
                child.kept = max(node.kept, own if child.whole else 0.0, self._nodes[child.suffix].kept)
                child.total = max(own, child.kept)
                waiting.append(reached)


def _spellings(text: str) -> set[str]:
    """As written, in lower case, with a capital, and with a capital for each word; none for blanks."""
    words = text.split()
    plain = " ".join(words)
    titled = " ".join(word[:1].upper() + word[1:] for word in words)
    return {plain, plain.lower(), plain[:1].upper() + plain[1:], titled} - {""}
