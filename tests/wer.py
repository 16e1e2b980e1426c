"""Word error rate for tests: how far a transcript is from what was said."""

from collections.abc import Sequence

import jiwer

from callscribe.text.word_errors import normalise

__all__ = ["normalise", "word_error_rate"]


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Substituted, deleted and inserted words over the words of the references, after `normalise`; 0 is perfect.

    Raises ValueError when the two differ in length or a reference has no word.
    """
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references but {len(hypotheses)} hypotheses")
    return float(jiwer.wer([normalise(text) for text in references], [normalise(text) for text in hypotheses]))
