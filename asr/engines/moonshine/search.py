"""The search for the most likely text, over a tree of tokens that are evaluated as they are wanted. Pure.

A beam search (of width 1: a greedy one) that asks for tokens to be evaluated and goes on when they are. An earlier text
is put into the tree as a chain and evaluated at one go: as far as the search agrees with it, nothing more has to be.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.hotwords import ROOT, HotwordTrie
from asr.repetition import loop_length
from asr.tokenizer import BEGIN, END


@dataclass(frozen=True, slots=True)
class Outlook:
    """What may follow a token."""

    best_tokens: NDArray[np.int64]
    """The likeliest, most likely first."""
    best: NDArray[np.float32]
    """Their logits."""
    logits: NDArray[np.float32]
    """Of the whole vocabulary."""

    @property
    def norm(self) -> float:
        """What taken from a logit leaves its log-probability."""
        peak = self.best[0]
        return float(peak) + math.log(float(np.exp(self.logits - peak).sum()))


@dataclass(slots=True, eq=False)
class Node:
    """A token at its place in the tree. It knows its parent only: a ring of references would keep what was decoded, a
    vocabulary of logits a token, in memory until Python looks for rings, which it does ever more rarely."""

    token: int
    parent: "Node | None"
    depth: int
    """Tokens before it."""
    columns: tuple[int, ...] = ()
    """Where the keys of its path lie in the decoder's cache, its own last; empty before it is evaluated."""
    outlook: Outlook | None = None
    query: NDArray[np.float32] | None = None
    """With what the decoder looked for it in what was heard."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One beginning of the text, or a whole one."""

    node: Node
    """Of its last token."""
    score: float = 0.0
    """Sum of its log-probabilities and of what hotwords add."""
    place: int = ROOT
    """Node of the hotword trie."""
    tokens: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    """One for each token, and one for the end where it was said."""

    @property
    def queries(self) -> NDArray[np.float32]:
        """With what the decoder looked for each token, and for the end where it was said; shape (…, WIDTH)."""
        path: list[NDArray[np.float32]] = []
        node: Node | None = self.node
        while node is not None:
            if node.query is not None:
                path.append(node.query)
            node = node.parent
        return np.array(path[::-1][: len(self.log_probabilities)])


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search."""

    limit: int
    """Most tokens of a text."""
    width: int = 1
    """Beginnings followed side by side."""
    margin: float = np.inf
    """How much less likely (natural logarithm) than the best one a beginning may be."""
    trie: HotwordTrie | None = None
    """Never an empty one."""
    draft: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    """A beginning that costs `hold` (natural logarithm) to leave."""
    hold: float = 0.0


class Search:
    """One utterance's. Evaluate what is `wanted`, call `advance`, until nothing is wanted; then there is a `result`."""

    __slots__ = ("_alive", "_ended", "_grown", "_plan", "wanted")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._grown: dict[tuple[Node, int], Node] = {}
        """The child of a node for a token."""
        root = Node(BEGIN, None, 0)
        self.wanted = [root]
        """Nodes to evaluate; each one's parent is evaluated, or stands before it."""
        for token in plan.draft[: plan.limit - 1]:
            self.wanted.append(self._child(self.wanted[-1], token))
        self._alive = [Hypothesis(root)]
        self._ended: list[Hypothesis] = []

    @property
    def result(self) -> Hypothesis:
        return max(self._ended or self._alive, key=lambda hypothesis: hypothesis.score)

    def advance(self) -> None:
        """Go on as far as the evaluated nodes allow."""
        self.wanted = []
        while self._alive:
            self.wanted = [hypothesis.node for hypothesis in self._alive if hypothesis.node.outlook is None]
            if self.wanted:
                return
            self._extend()

    def _extend(self) -> None:
        """All hypotheses get one token more; the likeliest go on, those that end are set aside."""
        further = sorted(
            (candidate for hypothesis in self._alive for candidate in self._continuations(hypothesis)),
            key=lambda candidate: candidate.score,
            reverse=True,
        )
        least = further[0].score - self._plan.margin
        self._alive = []
        for candidate in further[: self._plan.width]:
            if candidate.score >= least:
                self._sort_in(candidate)
        if self._ended and self._alive:
            done = self.result.score
            self._alive = [hypothesis for hypothesis in self._alive if hypothesis.score > done]

    def _sort_in(self, candidate: Hypothesis) -> None:
        if candidate.node.token == END:
            self._ended.append(candidate)
            return
        loop = loop_length(candidate.tokens)
        if loop:
            kept = len(candidate.tokens) - loop
            shorter = Hypothesis(
                candidate.node,
                candidate.score,
                tokens=candidate.tokens[:kept],
                log_probabilities=candidate.log_probabilities[:kept],
            )
            self._ended.append(shorter)
        elif len(candidate.tokens) >= self._plan.limit:
            self._ended.append(candidate)
        else:
            self._alive.append(candidate)

    def _continuations(self, hypothesis: Hypothesis) -> list[Hypothesis]:
        """A hypothesis with each of the tokens that are likeliest after it."""
        outlook = hypothesis.node.outlook
        if outlook is None:
            return []
        rivals = min(self._plan.width, len(outlook.best) - 1)
        likeliest = slice(rivals + 1)
        logits = dict(zip(outlook.best_tokens[likeliest].tolist(), outlook.best[likeliest].tolist(), strict=True))
        held = self._held(hypothesis)
        if held is not None and held not in logits:
            logits[held] = float(outlook.logits[held])
        trie, norm = self._plan.trie, outlook.norm
        if trie is not None and not (hypothesis.place == ROOT and outlook.best_tokens[0] == END):
            tokens, bonuses = trie.preferred(hypothesis.place)
            drawn = outlook.logits[tokens]
            for place in np.flatnonzero(drawn + bonuses >= outlook.best[rivals]):
                logits[tokens[place]] = float(drawn[place])
        return [self._continued(hypothesis, token, logit - norm, held) for token, logit in logits.items()]

    def _held(self, hypothesis: Hypothesis) -> int | None:
        """The token that is to be kept after a hypothesis; None when all were, or one was left."""
        said, held = hypothesis.tokens, self._plan.held
        return held[len(said)] if len(said) < len(held) and said == held[: len(said)] else None

    def _continued(self, before: Hypothesis, token: int, log_probability: float, held: int | None) -> Hypothesis:
        place, bonus = self._worth(before.place, token)
        if held is not None and token != held:
            bonus -= self._plan.hold
        return Hypothesis(
            self._child(before.node, token),
            before.score + log_probability + bonus,
            place,
            before.tokens if token == END else (*before.tokens, token),
            (*before.log_probabilities, log_probability),
        )

    def _child(self, parent: Node, token: int) -> Node:
        return self._grown.setdefault((parent, token), Node(token, parent, parent.depth + 1))

    def _worth(self, place: int, token: int) -> tuple[int, float]:
        """The place in the trie after a token, and what hotwords add to it there."""
        trie = self._plan.trie
        if trie is None:
            return ROOT, 0.0
        if token == END:
            return ROOT, -trie.unfinished(place)
        return trie.score(place, token)
