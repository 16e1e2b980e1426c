"""Which words of a partial may be trusted: those that two partials running agree on (Liu et al., "Low-Latency
Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis Selection", Interspeech 2020). Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """A partial's text in two parts, both without outer spaces; a space lies between."""

    committed: str
    tentative: str


NOTHING = Split("", "")

_GUESSED_MARKS = " .,;:?!…"


def split_at_agreement(before: str, now: str) -> Split:
    """Cut `now` after the words it shares with `before` from the beginning on; case and marks do not count."""
    words = now.split()
    shared = 0
    for earlier, word in zip(before.split(), words, strict=False):
        if _bare(earlier) != _bare(word):
            break
        shared += 1
    return Split(" ".join(words[:shared]), " ".join(words[shared:]))


def open_ended(text: str) -> str:
    """The text of an utterance that goes on: a mark at its end is a guess that it ends there."""
    return text.rstrip(_GUESSED_MARKS)


def _bare(word: str) -> str:
    return "".join(character for character in word.casefold() if character.isalnum()) or word
