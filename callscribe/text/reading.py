"""A text as words that can be read: what a language's rules of inverse text normalisation work on. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from callscribe.domain.language import UNBROKEN

LONGEST = 24
"""Words, or entries of a list, beyond which nothing is one thing: so each word of a text costs the same."""
_LETTERS = rf"[^\W_{UNBROKEN}]+"
_WORD = re.compile(rf"[{UNBROKEN}]|{_LETTERS}(?:['’]{_LETTERS})*")
_JOINED = re.compile(r"\s*|-")
_COMMAS = (",", "，", "、")


@dataclass(frozen=True, slots=True)
class Word:
    """Letters and digits that belong together, with an apostrophe inside or without; or one character of a script
    without blanks."""

    text: str
    """In lower case."""
    start: int
    """Index of its first character in the text."""
    end: int
    """Index after its last character."""
    gap: str
    """What stands between it and the word before, or the text's beginning."""
    capital: bool
    """Whether it was written with one."""

    @property
    def joined(self) -> bool:
        """Whether it follows its forerunner directly: with a space, a hyphen or nothing between, and no mark."""
        return self.start > 0 and _JOINED.fullmatch(self.gap) is not None

    @property
    def listed(self) -> bool:
        """Whether it follows its forerunner after a comma."""
        return self.gap.rstrip() in _COMMAS


@dataclass(frozen=True, slots=True)
class Reading:
    """What so many words from a place on are."""

    words: int
    """At least 1."""
    text: str | None
    """How it is written; None: as it was spoken."""


def split_words(text: str) -> tuple[Word, ...]:
    """The words of a text, in order."""
    return tuple(_words(text))


def _words(text: str) -> Iterator[Word]:
    end = 0
    for match in _WORD.finditer(text):
        word = match[0]
        yield Word(word.lower(), match.start(), match.end(), text[end : match.start()], word[0].isupper())
        end = match.end()


def vocabulary(words: str) -> frozenset[str]:
    """Words that a rule knows."""
    return frozenset(words.split())


def follows(words: Sequence[Word], at: int, known: Collection[str]) -> bool:
    """Whether the word at `at` is one of `known` and follows the one before it directly."""
    return at < len(words) and words[at].joined and words[at].text in known


def precedes(words: Sequence[Word], at: int, known: Collection[str]) -> bool:
    """Whether the word before `at` is one of `known` and no mark stands between."""
    return at > 0 and words[at].joined and words[at - 1].text in known


def ends(words: Sequence[Word], at: int) -> bool:
    """Whether nothing follows directly at `at`: a mark comes first, or the end."""
    return at >= len(words) or not words[at].joined
