"""What a diariser finds, and what it may be told before."""

from dataclasses import dataclass

from callscribe.domain.speaker import MOST_SPEAKERS


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch in which one speaker speaks. Turns of different speakers may overlap: then both speak."""

    start: int
    """First sample, of the audio that was given."""
    end: int
    """The sample after its last."""
    speaker: int
    """0-based, in the order in which speakers are first heard."""


@dataclass(frozen=True, slots=True)
class SpeakerCount:
    """How many speakers a channel has, as far as is known."""

    exact: int = 0
    """0: it is found out, within `least` and `most`."""
    least: int = 1
    most: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.exact <= MOST_SPEAKERS:
            raise ValueError(f"exact must be 0 to {MOST_SPEAKERS}")
        if not 1 <= self.least <= self.most <= MOST_SPEAKERS:
            raise ValueError(f"least and most must be 1 to {MOST_SPEAKERS}, most not below least")

    @property
    def bounds(self) -> tuple[int, int]:
        """Fewest and most; the same where the count is known."""
        return (self.exact, self.exact) if self.exact else (self.least, self.most)
