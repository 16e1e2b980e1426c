"""How sure a decoder was of each word, as the chance that the word is right. Pure.

A logistic model over what the decoder said of its own tokens. Its weights were fitted to the finals of the 98
even-numbered telephone prompts, clean, 20 dB lower, and in white noise at 20, 10 and 5 dB (6,838 words, of which 13 %
were wrong: replaced or put in, by alignment with what was said); `python -m benchmarks.confidence` measures them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_WORD, _BEFORE, _AFTER, _ALL = 0.595, 0.082, 0.119, 0.730
"""Weight of the doubt in the word's own tokens, in those of its neighbours, and in all tokens of the utterance."""
_TOKENS, _OFFSET = 0.494, -0.005
"""Weight of the number of tokens: words in many pieces are rare ones."""
_MOST_DOUBT = 8.0
_SPACES = ("\u2581".encode(), b" ")
"""What the first piece of a word begins with."""


@dataclass(frozen=True, slots=True)
class WordConfidence:
    """A word of a decoding."""

    text: str
    first: int
    """Place of its first token."""
    end: int
    """Place after its last token."""
    confidence: float
    """0 to 1: chance that the word is right."""


def word_confidences(pieces: Sequence[bytes], log_probabilities: Sequence[float]) -> tuple[WordConfidence, ...]:
    """The words that tokens make up, in order, punctuation included; a piece that begins with a space begins a word.

    `pieces` are the bytes that each token stands for, `log_probabilities` (natural logarithm) what the decoder gave it
    when it was taken; one more than pieces where the end was said too.
    """
    places = _places(pieces)
    if not places:
        return ()
    words = [_mean(log_probabilities[first:end]) for first, end in places]
    last = log_probabilities[len(pieces)] if len(log_probabilities) > len(pieces) else words[-1]
    around = (0.0, *words, last)
    everywhere = _ALL * _doubt(_mean(log_probabilities))
    found = []
    for number, (first, end) in enumerate(places):
        doubt = _WORD * _doubt(words[number]) + _BEFORE * _doubt(around[number]) + _AFTER * _doubt(around[number + 2])
        wrong = _OFFSET + doubt + everywhere + _TOKENS * (end - first)
        found.append(WordConfidence(_text(pieces[first:end]), first, end, 1.0 / (1.0 + math.exp(wrong))))
    return tuple(word for word in found if word.text)


def utterance_confidence(words: Sequence[WordConfidence]) -> float:
    """Chance, 0 to 1, that a text is right word for word; 0 where there is no word."""
    return math.prod(word.confidence for word in words) if words else 0.0


def beginning(pieces: Sequence[bytes], words: int) -> int:
    """Tokens that the first so many words are made of."""
    places = _places(pieces)[:words]
    return places[-1][1] if places else 0


def _places(pieces: Sequence[bytes]) -> list[tuple[int, int]]:
    """First token and the place after the last of each word."""
    starts = [place for place, piece in enumerate(pieces) if not place or piece.startswith(_SPACES)]
    return list(pairwise((*starts, len(pieces))))


def _text(pieces: Sequence[bytes]) -> str:
    return b"".join(pieces).decode("utf-8", "ignore").replace("\u2581", " ").strip()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _doubt(log_probability: float) -> float:
    """Log-odds that another token was right, as the decoder saw it; held within +-_MOST_DOUBT."""
    probability = math.exp(min(log_probability, 0.0))
    odds = (1.0 - probability) / max(probability, 1e-12)
    return min(max(math.log(max(odds, 1e-12)), -_MOST_DOUBT), _MOST_DOUBT)
