"""Word error rate for tests: how far a transcript is from what was said."""

import re
from collections.abc import Sequence

import jiwer

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def normalise(text: str) -> str:
    """Lower case, digits as words, apostrophes dropped, other marks as spaces: "It's 5" becomes "its five"."""
    text = text.lower().replace("'", "").replace("’", "")
    text = re.sub(r"[0-9]", lambda digit: f" {_DIGITS[int(digit.group())]} ", text)
    return " ".join(re.sub(r"[^a-z ]", " ", text).split())


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Substituted, deleted and inserted words over the words of the references, after `normalise`; 0 is perfect.

    Raises ValueError when the two differ in length or a reference has no word.
    """
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references but {len(hypotheses)} hypotheses")
    return float(jiwer.wer([normalise(text) for text in references], [normalise(text) for text in hypotheses]))
