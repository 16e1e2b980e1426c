"""Where in texts something stands that must be masked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from callscribe.text.redaction.symbols import Token


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line's text."""

    line: int
    """Index of the line."""
    start: int
    """Its first character."""
    end: int
    """After its last."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A number or address, in one line or several."""

    kind: str
    """A RedactionKind."""
    characters: str
    """Its digits; what was written, of an address."""
    places: tuple[Place, ...]


def places(tokens: Sequence[Token]) -> tuple[Place, ...]:
    """The stretches that these tokens of one channel take, with what stands between them."""
    found = []
    for line, group in groupby(tokens, key=lambda token: token.line):
        of_line = list(group)
        found.append(Place(line, of_line[0].word.start, of_line[-1].word.end))
    return tuple(found)
