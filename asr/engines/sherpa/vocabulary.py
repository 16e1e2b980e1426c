"""What a sherpa-onnx model can write, and hotwords in its spelling. Pure.

sherpa-onnx spells hotwords itself, from text, and says nothing where it has no token for a part of one: then it prefers
the rest. So each is tried here first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from callscribe.domain.hotword import Hotword
from callscribe.domain.language import units

SPACE = "\u2581"
"""With which a piece begins that begins a word."""
ModelingUnit = Literal["cjkchar", "bpe", "cjkchar+bpe"]
"""sherpa-onnx's names of what a text is cut into: characters and whole words, pieces of words, or both."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a model."""

    tokens: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """From lines with a token and its number each. Raises OSError, ValueError."""
        lines = path.read_text("utf-8").splitlines()
        return cls(frozenset(line.split()[0] for line in lines if line.split()))

    @property
    def unit(self) -> ModelingUnit:
        """What its texts are cut into."""
        characters = any(
            len(token) == 1 and not token.isascii() and units(token * 2) == [token] * 2 for token in self.tokens
        )
        pieces = any(token.startswith(SPACE) for token in self.tokens)
        return "cjkchar+bpe" if characters and pieces else "bpe" if pieces else "cjkchar"

    @property
    def capitals_only(self) -> bool:
        """True where it writes capitals and no small letters."""
        letters = [token for token in self.tokens if not token.startswith("<")]
        return any(token != token.lower() for token in letters) and all(token == token.upper() for token in letters)

    def written(self, text: str) -> str:
        """A text of the model's as it is to be read: one all in capitals in small letters."""
        return text.lower() if self.capitals_only else text

    def spelled(self, text: str, unit: ModelingUnit) -> str:
        """A hotword with blanks between its words, as sherpa-onnx takes it; "" where the model cannot write it."""
        cased = text.upper() if self.capitals_only else text
        for spelling in dict.fromkeys((cased, cased.lower())):
            plain = "".join(character if _said(character) else " " for character in spelling)
            parts = [part for word in plain.split() for part in units(word)]
            if parts and all(self._writes(part, unit) for part in parts):
                return " ".join(plain.split())
        return ""

    def _writes(self, part: str, unit: ModelingUnit) -> bool:
        if unit == "cjkchar" or (unit == "cjkchar+bpe" and not part.isascii()):
            return part in self.tokens
        return self._in_pieces(SPACE + part)

    def _in_pieces(self, word: str) -> bool:
        """True where pieces, one after another, make up the word."""
        reached = {0}
        for end in range(1, len(word) + 1):
            if any(word[begin:end] in self.tokens for begin in reached):
                reached.add(end)
        return len(word) in reached


def phrases(spellings: Sequence[str], hotwords: Sequence[Hotword], score: float) -> str:
    """Hotwords as sherpa-onnx takes them with a stream: each with what is added for each of its tokens.

    A blank spelling is left out; `score` is what weight 1 is worth.
    """
    chosen: Iterable[tuple[str, Hotword]] = zip(spellings, hotwords, strict=True)
    return "/".join(f"{spelling} :{score * hotword.weight:.3g}" for spelling, hotword in chosen if spelling)


def _said(character: str) -> bool:
    return character.isalnum() or character == "'"
