"""What is kept out of a call because somebody wants it so, as while a card's number is said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of a channel of which nothing is kept: silence stands in the recording, and nobody has heard it."""

    channel: int
    """Index of the channel in its call."""
    start: int
    """Samples from the start of the call."""
    end: int | None
    """Samples from the start of the call, exclusive; None where it goes on, or went on to the end of the call."""
    by: str
    """Who wanted it: "api", or "sip" for the peer's signalling."""
    reason: str = ""
    """What for, as the API was told; never what was said."""
