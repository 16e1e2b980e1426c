"""Word error rate: how far a transcript is from what was said."""

import re
from collections.abc import Sequence

from callscribe.domain.language import units

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def normalise(text: str) -> str:
    """Lower case, digits one by one as words, hyphens as spaces, apostrophes and punctuation dropped."""
    text = re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text.lower().replace("-", " "))
    return " ".join(re.sub(r"[^\w\s]|_", " ", text.replace("'", "").replace("’", "")).split())


def tokens(text: str) -> list[str]:
    """What errors are counted in: the words of the normalised text, of a script without blanks its characters."""
    return units(normalise(text))


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Substitutions, deletions and insertions that turn `reference` into `hypothesis` (Levenshtein distance)."""
    row = list(range(len(hypothesis) + 1))
    for count, said in enumerate(reference, 1):
        diagonal, row[0] = row[0], count
        for column, heard in enumerate(hypothesis, 1):
            diagonal, row[column] = row[column], min(diagonal + (said != heard), row[column] + 1, row[column - 1] + 1)
    return row[-1]


def word_error_rate(reference: Sequence[str], hypothesis: Sequence[str]) -> float:
    """Errors over words said, over pairs of texts, each normalised; 0 is perfect, more than 1 is possible."""
    pairs = [
        (normalise(said).split(), normalise(heard).split()) for said, heard in zip(reference, hypothesis, strict=True)
    ]
    words = sum(len(said) for said, _ in pairs)
    return sum(word_errors(said, heard) for said, heard in pairs) / max(1, words)
