"""Words and phrases that a recogniser should prefer."""

from dataclasses import dataclass

MAX_HOTWORDS = 1_000
"""Of one list, and of one call."""
MAX_HOTWORD_CHARACTERS = 100
MAX_WEIGHT = 5.0


@dataclass(frozen=True, slots=True)
class Hotword:
    """A word or phrase that a recogniser should prefer."""

    text: str
    """As it is spoken and should be written."""
    weight: float = 1.0
    """How strongly, above 0 and at most MAX_WEIGHT; 1 is the engine's own strength."""


@dataclass(frozen=True, slots=True)
class ListVersion:
    """A hotword list as it once stood."""

    name: str
    version: int
    """1 for the list's first, growing with every change."""
