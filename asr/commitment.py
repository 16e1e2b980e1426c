"""Which words of a partial may be trusted: those that the engine is sure of and that have stood for a while. Pure.

That two partials running agree on a word (Liu et al., "Low-Latency Sequence-to-Sequence Speech Recognition and
Translation by Partial Hypothesis Selection", Interspeech 2020) says little where they are a fifth of a second apart:
9 % of such words changed later. docs/performance.md has the whole trade.
"""

from dataclasses import dataclass, field

from asr.engine import ENGINE_RATE, Decoding
from callscribe.domain.language import joined, units

_TRUSTED_AFTER = 3 * ENGINE_RATE // 2
"""Samples that a word and all before it must have stood unchanged."""
_SURE = 0.6
"""Confidence that it must have, and all before it."""
_GUESSED_MARKS = " .,;:?!…。，、；：？！"


@dataclass(frozen=True, slots=True)
class Split:
    """A partial's text in two parts, both without outer spaces, to be `joined`."""

    committed: str
    tentative: str
    since: tuple[int, ...] = field(default=(), compare=False)
    """For each unit, the sample up to which had been heard when it came to stand where it does."""

    @property
    def words(self) -> list[str]:
        """The units of both; what is called a word here is a character where a script has no blanks."""
        return units(self.committed) + units(self.tentative)

    def goes_on_from(self, earlier: "Split") -> bool:
        """True when the words that were committed before are all there."""
        committed = units(earlier.committed)
        return [_bare(word) for word in self.words[: len(committed)]] == [_bare(word) for word in committed]


NOTHING = Split("", "")


def split_at_trusted(before: Split, decoding: Decoding, heard: int) -> Split:
    """Cut what was understood of audio up to sample `heard` after the words that may be trusted; case and marks do not
    count. `before` is what the partial before this one showed: of as many words as that committed to, none is tentative
    again, or a word that came back would be free to change once more."""
    words = units(open_ended(decoding.text))
    since: list[int] = []
    for word, earlier, first in zip(words, before.words, before.since, strict=False):
        if _bare(word) != _bare(earlier):
            break
        since.append(first)
    since += [heard] * (len(words) - len(since))
    stood = sum(first <= heard - _TRUSTED_AFTER for first in since[: _sure(decoding)])
    trusted = max(stood, len(units(before.committed)))
    return Split(joined(*words[:trusted]), joined(*words[trusted:]), tuple(since))


def _sure(decoding: Decoding) -> int:
    """How many words, from the first, the engine is sure of: where it tells nothing of them, all that are settled."""
    unsure = (place for place, word in enumerate(decoding.words) if word.confidence < _SURE)
    settled = max(len(units(decoding.text)) - decoding.unsettled, 0)
    return min(next(unsure, settled), settled)


def open_ended(text: str) -> str:
    """The text of an utterance that goes on: a mark at its end is a guess that it ends there."""
    return text.rstrip(_GUESSED_MARKS)


def _bare(word: str) -> str:
    return "".join(character for character in word.casefold() if character.isalnum()) or word
