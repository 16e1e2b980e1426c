"""What a Paraformer's tokens say, as words and as text. Pure.

A token is a character of a script without blanks, an English word, or a piece of one: `@@` at its end says that the
word goes on (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", ACL 2016). So text is made
of all the tokens of an utterance: FunASR makes it of each chunk's and loses the letters of a word that spans two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from callscribe.domain.language import joined, units

_GOES_ON = "@@"
_SILENT = frozenset({"<blank>", "<s>", "</s>", "<unk>", "<OOV>", "<sil>"})
"""Tokens that stand for no sound, or for none that the model can write."""
_STUTTERS = ({"i"}, {"a"})
"""Letters that are words."""


@dataclass(frozen=True, slots=True)
class SpelledWord:
    """A word, or a character of a script without blanks, and the tokens that spell it."""

    text: str
    first: int
    """Place of its first token."""
    end: int
    """Place after its last token."""


def spelled_words(tokens: Sequence[str]) -> tuple[SpelledWord, ...]:
    """The words that tokens spell, in order. Letters said one by one are one word, in capitals: "a p p" is "APP"."""
    words: list[SpelledWord] = []
    pieces, first = "", 0
    for place, token in enumerate(tokens):
        if token in _SILENT:
            continue
        begins = not pieces or _stands_alone(token)
        if begins and pieces:
            words.append(SpelledWord(pieces, first, place))
        first, pieces = (place, "") if begins else (first, pieces)
        pieces += token.removesuffix(_GOES_ON)
        if not token.endswith(_GOES_ON):
            words.append(SpelledWord(pieces, first, place + 1))
            pieces = ""
    if pieces:
        words.append(SpelledWord(pieces, first, len(tokens)))
    return tuple(_with_acronyms([word for word in words if word.text]))


def text_of(tokens: Sequence[str]) -> str:
    """What tokens say, without marks: words with blanks between, characters of scripts without blanks without."""
    return joined(*(word.text for word in spelled_words(tokens)))


def _stands_alone(token: str) -> bool:
    """True for a character that no English piece before it can be a part of."""
    return units(token + token) == [token, token]


def _with_acronyms(words: Sequence[SpelledWord]) -> list[SpelledWord]:
    found: list[SpelledWord] = []
    for letters, run in groupby(
        words, lambda word: len(word.text) == 1 and word.text.isascii() and word.text.isalnum()
    ):
        together = list(run)
        # Who says "I I think" stutters.
        if letters and len(together) > 1 and {word.text for word in together} not in _STUTTERS:
            text = "".join(word.text for word in together).upper()
            together = [SpelledWord(text, together[0].first, together[-1].end)]
        found += together
    return found
