"""Words of a text as a search sees them: cut the same way from what was said and from what is looked for.

A word is folded to lower case without accents ("Déjà" is "deja") and apostrophes ("don't" is "dont"; but French and
Italian elisions are words: "l'hôtel" is "l", "hotel"). All but letters and figures parts words: "e-mail" is "e",
"mail", "3.5" is "3", "5"; only the comma of thousands goes without a trace ("1,250" is "1250"). A script that is
written without blanks (Chinese, Japanese, Thai, Lao, Myanmar, Khmer) gives a token for each character with its marks:
a word of several is found as the phrase that it is, exactly, and without a dictionary to agree on.

Who searches does not say in what language, so none is asked for.
"""

import re
import unicodedata
from typing import NamedTuple

ELISIONS = frozenset(
    (
        "l",
        "d",
        "j",
        "m",
        "t",
        "s",
        "n",
        "c",
        "qu",
        "jusqu",
        "lorsqu",
        "puisqu",
        "quoiqu",
        "quelqu",
        "un",
        "all",
        "dell",
        "nell",
        "dall",
        "sull",
        "coll",
        "quell",
        "bell",
    )
)
"""What is a word of its own before an apostrophe."""

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x3007),  # Han iteration mark, closing mark, zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),  # Han
    (0xFF66, 0xFF9F),  # Katakana of half width
    (0x20000, 0x3FFFF),  # Han
)
"""First and last code points of scripts without blanks between words."""

ACCENTS = ((0x0300, 0x036F), (0x0591, 0x05C7), (0x064B, 0x065F), (0x0670, 0x0670))
"""First and last code points of marks that writers leave out: accents, Hebrew points, Arabic vowels."""

LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not take apart."""

WORD, FIGURE, ALONE, MARK, APOSTROPHE, COMMA, GAP = "wfam', "
"""Shapes of characters. A MARK belongs to the character before it, ALONE is of a script without blanks."""

ZERO_WIDTH_SPACE = "\u200b"
TOKEN = re.compile(r"am*|[wf]m*(?:(?:'|(?<=f),(?=fff(?!f)))?[wf]m*)*")
"""Of shapes."""


class Token(NamedTuple):
    """A word, or a character of a script without blanks."""

    text: str
    """Folded; never empty."""
    start: int
    """Index of its first character in the text that it is of."""
    end: int
    """Index of the character behind its last."""


def tokens(text: str) -> tuple[Token, ...]:
    """The words of any text, in their order."""
    shapes = text.translate(_SHAPES)
    found: list[Token] = []
    for match in TOKEN.finditer(shapes):
        start, end = match.span()
        elided = shapes.find(APOSTROPHE, start, end)
        if elided > 0 and _folded(text[start:elided]) in ELISIONS:
            found.append(Token(_folded(text[start:elided]), start, elided))
            start = elided + 1
        found.append(Token(_folded(text[start:end]), start, end))
    return tuple(found)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word.translate(_FOLDS))


def _fold(character: str) -> str:
    """What remains of a character of a word."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()).translate(LETTERS)
    return "".join(part for part in apart if (part.isalnum() or _is_mark(part)) and not _is_left_out(part))


def _shape(character: str) -> str:
    if character in "'’ʼ＇":
        return APOSTROPHE
    if character in ",，":
        return COMMA
    if all(_is_mark(part) for part in unicodedata.normalize("NFKD", character)):
        return MARK
    if not character.isalnum() or not _fold(character):
        return GAP
    if _within(character, UNSPACED):
        return ALONE
    return FIGURE if character.isdecimal() else WORD


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or _is_unseen(character)


def _is_left_out(character: str) -> bool:
    return _within(character, ACCENTS) or _is_unseen(character)


def _is_unseen(character: str) -> bool:
    """Such as a soft hyphen."""
    return unicodedata.category(character) == "Cf" and character != ZERO_WIDTH_SPACE


def _within(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


class _Shapes(dict[int, str]):
    """For `str.translate`: a shape for each character that came up."""

    def __missing__(self, point: int) -> str:
        self[point] = _shape(chr(point))
        return self[point]


class _Folds(dict[int, str]):
    """For `str.translate`: a fold for each character that came up; "" where nothing remains."""

    def __missing__(self, point: int) -> str:
        self[point] = _fold(chr(point)) if _shape(chr(point)) not in (APOSTROPHE, COMMA) else ""
        return self[point]


_SHAPES = _Shapes()
_FOLDS = _Folds()
