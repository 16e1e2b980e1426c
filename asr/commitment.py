"""Which words of a partial may be trusted: those that have stood unchanged for a while. Pure.

That two partials running agree on a word (Liu et al., "Low-Latency Sequence-to-Sequence Speech Recognition and
Translation by Partial Hypothesis Selection", Interspeech 2020) says little where they are a fifth of a second apart:
9 % of such words changed later. Of words that had stood for 1.5 s, 1 % did in single prompts, 6 % in channels of many;
docs/performance.md has the whole trade.
"""

from dataclasses import dataclass, field

from asr.engine import ENGINE_RATE

_TRUSTED_AFTER = 3 * ENGINE_RATE // 2
"""Samples that a word and all before it must have stood unchanged."""
_GUESSED_MARKS = " .,;:?!…"


@dataclass(frozen=True, slots=True)
class Split:
    """A partial's text in two parts, both without outer spaces; a space lies between."""

    committed: str
    tentative: str
    since: tuple[int, ...] = field(default=(), compare=False)
    """For each word, the sample up to which had been heard when it came to stand where it does."""

    @property
    def words(self) -> list[str]:
        return f"{self.committed} {self.tentative}".split()


NOTHING = Split("", "")


def split_at_trusted(before: Split, text: str, heard: int) -> Split:
    """Cut what was understood of audio up to sample `heard` after the words that have stood long enough; case and
    marks do not count. `before` is what the partial before this one showed."""
    words = text.split()
    since: list[int] = []
    for word, earlier, first in zip(words, before.words, before.since, strict=False):
        if _bare(word) != _bare(earlier):
            break
        since.append(first)
    since += [heard] * (len(words) - len(since))
    trusted = sum(first <= heard - _TRUSTED_AFTER for first in since)
    return Split(" ".join(words[:trusted]), " ".join(words[trusted:]), tuple(since))


def open_ended(text: str) -> str:
    """The text of an utterance that goes on: a mark at its end is a guess that it ends there."""
    return text.rstrip(_GUESSED_MARKS)


def _bare(word: str) -> str:
    return "".join(character for character in word.casefold() if character.isalnum()) or word
