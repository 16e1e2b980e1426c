"""One utterance while it is being understood: what was heard, decoded and shown of it so far. Pure."""

from dataclasses import dataclass, replace

from asr.commitment import NOTHING, Split, split_at_trusted
from asr.engine import EMPTY, Decoding, Waveform

_UNSURE = 0.5
"""Confidence, at most, in what was shown where the engine failed on the rest."""


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
    language: str = ""
    """What it is spoken in, as a BCP 47 tag or UNKNOWN; "": it was not asked yet."""
    audio: Waveform | None = None
    """All that is to be decoded, once it has ended and waits for that."""
    latest: Decoding = EMPTY
    """Of all that was decoded."""
    told: Decoding = EMPTY
    """The one that is shown."""
    told_until: int = 0
    """Where the audio of that ended."""
    failed: bool = False
    """Whether the engine failed on what was to be decoded last."""
    shown: Split = NOTHING
    revision: int = 0

    @property
    def foreseen(self) -> bool:
        """True when all up to the pause going on has been decoded: if this is the end, the final is known."""
        return bool(self.pause) and self.decoded == self.pause

    def understood(self, decoding: Decoding, decoded: int) -> bool:
        """Take a newer decoding over. True when there is something new to show."""
        self.heard(decoding, decoded)
        split = split_at_trusted(self.shown, decoding, decoded)
        if self.pause and not split.goes_on_from(self.shown):
            # Should this be the end, the final says it. Else nobody need see committed words change, and change back.
            return False
        self.told, self.told_until = decoding, decoded
        return self._show(split)

    def heard(self, decoding: Decoding, decoded: int) -> None:
        """Take a newer decoding over that need not be shown, as the final says it."""
        self.latest, self.decoded, self.failed = decoding, decoded, False

    def missed(self, decoded: int) -> None:
        """The engine failed on the audio up to `decoded`: what is shown stands, as something less certain."""
        words = tuple(replace(word, confidence=min(word.confidence, _UNSURE)) for word in self.told.words)
        confidence = min(self.told.confidence, _UNSURE)
        self.latest = replace(self.told, confidence=confidence, words=words, cost=0.0, unsettled=0)
        self.decoded, self.failed = decoded, True

    def take_back(self) -> bool:
        """It was no speech after all. True when something was shown that has to go."""
        return self._show(NOTHING)

    def _show(self, split: Split) -> bool:
        changed = split != self.shown
        self.shown = split
        self.revision += changed
        return changed
