"""Two engines' words for one place, weighed by how likely each of the engines finds the text with either. Pure.

After Ostendorf et al., "Integration of diverse recognition methodologies through reevaluation of N-best sentence
hypotheses" (DARPA Speech and Natural Language Workshop, 1991): what one engine writes another may find unlikely, and
the logarithms of their likelihoods, each with its weight, are added. The texts are those of both, place by place.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from asr.differences import Difference
from asr.engine import Waveform

_SHARE = 0.3
"""What the first engine's logarithm counts beside the second's: fitted, with what their confidences count, to the
even-numbered telephone prompts, near and far, low, in noise, and said by a synthesiser; 0.2 to 0.4 do about as well."""


@runtime_checkable
class Witness(Protocol):
    """An engine that says of a given text how likely it is."""

    @property
    def name(self) -> str:
        """As in a final's `engine`."""
        ...

    def log_probabilities(self, audio: Waveform, texts: Sequence[str]) -> tuple[float, ...]:
        """The natural logarithm of each text's probability, as a whole, given an utterance's audio."""
        ...


def gains(places: Sequence[Difference], first: Sequence[float], second: Sequence[float]) -> dict[int, float]:
    """By the `start` of each place, how much likelier (natural logarithm) the first engine's words make the utterance.

    `first` and `second` are what the two engines say (natural logarithm) of the second text as it is, and then of it
    with each of the places in the first's words.
    """
    before, *after = (_SHARE * one + other for one, other in zip(first, second, strict=True))
    return {place.start: score - before for place, score in zip(places, after, strict=True)}
