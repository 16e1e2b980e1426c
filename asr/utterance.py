"""One utterance while it is being understood: what was heard, decoded and shown of it so far. Pure."""

from dataclasses import dataclass

from asr.commitment import NOTHING, Split, split_at_trusted
from asr.engine import EMPTY, Decoding, Waveform


@dataclass(slots=True)
class Utterance:
    """Places are samples at ENGINE_RATE from the start of the call."""

    start: int
    """Where speech begins."""
    first: int
    """Where the audio to decode begins: the pre-roll lies before the speech."""
    decoded: int
    """Where the audio ended that was decoded last."""
    speech_end: int = 0
    """Where speech ends (exclusive), once there was a pause."""
    pause: int = 0
    """Where the audio ends if the pause going on is the end; 0 while there is speech."""
    done: bool | None = None
    """Whether the speaker was taken to be done at the pause going on; None while nothing can be said of it."""
    activity: float = 0.0
    """Highest speech probability heard in it so far."""
    cut: bool = False
    """Whether it ended because it was long."""
    audio: Waveform | None = None
    """All that is to be decoded, once it has ended and waits for that."""
    latest: Decoding = EMPTY
    """Of all that was decoded."""
    told: Decoding = EMPTY
    """The one that is shown."""
    shown: Split = NOTHING
    revision: int = 0

    @property
    def foreseen(self) -> bool:
        """True when all up to the pause going on has been decoded: if this is the end, the final is known."""
        return bool(self.pause) and self.decoded >= self.pause

    def understood(self, decoding: Decoding, decoded: int) -> bool:
        """Take a newer decoding over. True when there is something new to show."""
        self.latest, self.decoded = decoding, decoded
        split = split_at_trusted(self.shown, decoding, decoded)
        if self.pause and not split.goes_on_from(self.shown):
            # Should this be the end, the final says it. Else nobody need see committed words change, and change back.
            return False
        self.told = decoding
        return self._show(split)

    def take_back(self) -> bool:
        """It was no speech after all. True when something was shown that has to go."""
        return self._show(NOTHING)

    def _show(self, split: Split) -> bool:
        changed = split != self.shown
        self.shown = split
        self.revision += changed
        return changed
