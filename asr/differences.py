"""Where two texts of one utterance differ, and the second text with the first one's words in such a place. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from asr.joining import left_open, uncapitalised
from callscribe.domain.transcript import Word
from callscribe.text.word_errors import normalise

_MARKS = ".,;:?!…"


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where both texts have words, and not the same."""

    start: int
    """The first of the second text's words that stand there."""
    end: int
    """The first of its words after them."""
    words: tuple[Word, ...]
    """The first text's, with the marks and capitals that the second's sentence asks for."""

    def within(self, second: Sequence[Word]) -> tuple[Word, ...]:
        """The second text with these words; where several are put into it, the last is to be first."""
        return (*second[: self.start], *self.words, *second[self.end :])


def differences(first: Sequence[Word], second: Sequence[Word]) -> tuple[Difference, ...]:
    """In their order. Words that only one of the texts has are none: they are the second's choice."""
    matcher = SequenceMatcher(None, _bare(first), _bare(second), autojunk=False)
    return tuple(
        Difference(second_start, second_end, _fitted(first, slice(start, end), second, slice(second_start, second_end)))
        for kind, start, end, second_start, second_end in matcher.get_opcodes()
        if kind == "replace"
    )


def _bare(words: Sequence[Word]) -> list[str]:
    return [normalise(word.text) for word in words]


def _fitted(first: Sequence[Word], theirs: slice, second: Sequence[Word], ours: slice) -> tuple[Word, ...]:
    """Their words with our marks at the end, and a capital only where our sentence begins, or where theirs did not."""
    text = second[ours][-1].text
    marks = text[len(text.rstrip(_MARKS)) :]
    words = list(first[theirs])
    words[-1] = replace(words[-1], text=words[-1].text.rstrip(_MARKS) + marks)
    if not ours.start or not left_open(second[ours.start - 1].text):
        words[0] = replace(words[0], text=words[0].text[:1].upper() + words[0].text[1:])
    elif not theirs.start or not left_open(first[theirs.start - 1].text):
        words[0] = replace(words[0], text=uncapitalised(words[0].text))
    return tuple(words)
