"""Who speaks when within an utterance, where its channel carries several people."""

from dataclasses import dataclass

MOST_SPEAKERS = 20
"""People whom a channel may be known to carry."""


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """A part of an utterance that one speaker says. The turns of an utterance follow each other without a hole, the
    first from its start, the last to its end."""

    speaker: int
    """1 for whom the channel's transcript shows first, growing. Only within the channel does a number mean a person."""
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""
    overlapped: bool = False
    """True when somebody else on the channel speaks at the same time: of words, either's may be missing."""

    def __post_init__(self) -> None:
        if self.speaker < 1 or not 0 <= self.start <= self.end:
            raise ValueError("a speaker's turn needs speaker >= 1 and 0 <= start <= end")
