"""The best of several texts of an utterance, by what the recogniser and a language model say together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_SHORTEST = 0.9
_SPARE_TOKENS = 2
"""How short a rival of a text may be: this share of its tokens, less these. A language model that does not know a
sentence's words would always prefer it left out."""


class LanguageModel(Protocol):
    """What knows how probable a text is, whatever was heard."""

    def log_probabilities(self, texts: Sequence[str]) -> tuple[float, ...]:
        """The natural logarithm of each text's probability, as a whole; the texts may have marks and capitals."""
        ...


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What may have been said."""

    text: str
    log_probability: float
    """Natural logarithm, by the recogniser: the mean of its tokens'."""
    tokens: int


@dataclass(frozen=True, slots=True)
class Rescorer:
    """A language model with its say."""

    model: LanguageModel
    weight: float
    """What its logarithm counts beside the recogniser's; 0: nothing."""
    hypotheses: int
    """How many texts of an utterance it is to be asked about."""

    def best(self, hypotheses: Sequence[Hypothesis]) -> int:
        """The place of the best, the first being what is taken without a language model; of equals, the first.

        Both logarithms are taken a token, as the recogniser ranks by itself, so that neither of them prefers few words
        and none need be paid a bonus. What is a sentence shorter than the first is left aside.
        """
        least = _SHORTEST * hypotheses[0].tokens - _SPARE_TOKENS
        rivals = [place for place, hypothesis in enumerate(hypotheses) if hypothesis.tokens >= least]
        texts = tuple(dict.fromkeys(hypotheses[place].text for place in rivals))
        known = dict(zip(texts, self.model.log_probabilities(texts), strict=True))
        return max(rivals, key=lambda place: self._score(hypotheses[place], known[hypotheses[place].text]))

    def _score(self, hypothesis: Hypothesis, known: float) -> float:
        return hypothesis.log_probability + self.weight * known / max(1, hypothesis.tokens)
