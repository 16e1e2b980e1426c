"""How much the text on a subscriber's screen changes while an utterance is spoken. Texts are lists of normal words."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

Words = Sequence[str]


@dataclass(frozen=True, slots=True)
class Flicker:
    """Counts over one utterance or several, for one kind of text: all that was shown, or its committed part."""

    final_words: int = 0
    appeared: int = 0
    """Words that came into the text, each time they did."""
    changed: int = 0
    """Words that the next text shown does not have at their place (aligned): UPWR counts them."""
    erased: int = 0
    """Words that must be deleted from the end to type the next text shown: normalised erasure counts them."""

    def __add__(self, other: "Flicker") -> "Flicker":
        return Flicker(
            self.final_words + other.final_words,
            self.appeared + other.appeared,
            self.changed + other.changed,
            self.erased + other.erased,
        )

    @property
    def unstable_word_ratio(self) -> float:
        """UPWR: changed words a final word (Shangguan et al., Interspeech 2020, arXiv 2006.01416)."""
        return self.changed / max(1, self.final_words)

    @property
    def normalised_erasure(self) -> float:
        """Erased words a final word (Arivazhagan et al., ICASSP 2020, arXiv 1912.03393)."""
        return self.erased / max(1, self.final_words)

    @property
    def changed_share(self) -> float:
        """Of the words that appeared, those that later changed."""
        return self.changed / max(1, self.appeared)


@dataclass(frozen=True, slots=True)
class Text:
    """What a partial shows."""

    words: Words
    committed: int
    """How many of them, from the first, it commits to."""


def flicker_of_shown(texts: Sequence[Text], final: Words) -> Flicker:
    """Of all the text of an utterance's partials, in order, up to its final text."""
    return flicker_of_committed([Text(text.words, len(text.words)) for text in texts], final)


def flicker_of_committed(texts: Sequence[Text], final: Words) -> Flicker:
    """Of the words committed at any time: one that becomes tentative again, but is still shown, has not changed."""
    counts = Flicker(final_words=len(final))
    held: Words = ()
    for text in texts:
        kept = _kept(held, text.words)
        counts += _lost(held, text.words)
        reach = max([text.committed, *(place + 1 for place in kept)])
        counts += Flicker(appeared=reach - len(kept))
        held = text.words[:reach]
    return counts + _lost(held, final)


def _lost(held: Words, later: Words) -> Flicker:
    return Flicker(
        changed=len(held) - len(_kept(held, later)),
        erased=len(held) - _same_beginning(held, later),
    )


def _kept(earlier: Words, later: Words) -> list[int]:
    """Places in `later` of the words that `earlier` has too, in the same order."""
    blocks = SequenceMatcher(None, earlier, later, autojunk=False).get_matching_blocks()
    return [block.b + step for block in blocks for step in range(block.size)]


def _same_beginning(earlier: Words, later: Words) -> int:
    for index, (one, other) in enumerate(zip(earlier, later, strict=False)):
        if one != other:
            return index
    return min(len(earlier), len(later))
