"""What a recognition engine promises, so that the scheduler need not know which one it drives."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN, primary

ENGINE_RATE = 16_000
"""Sample rate in Hz of the audio every engine hears."""

Waveform = NDArray[np.float32]
"""Mono audio at ENGINE_RATE, -1 to 1."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do beyond turning audio into text."""

    languages: tuple[str, ...]
    """ISO 639-1 codes."""
    hotwords: bool = False
    word_times: bool = False
    partials: bool = True
    identifies_language: bool = False
    """It tells of each utterance which of the languages was spoken."""
    emotion: bool = False
    """It tells how the speaker sounded, and sounds beside speech."""
    parallel: bool = False
    """Many jobs at once take it hardly longer than one, however long they are."""
    remote: bool = False
    """A server hears the audio, which may be somebody else's and may have to be paid for it."""

    def knows(self, language: str) -> bool:
        """True for a BCP 47 tag whose first part is one of the languages, and for UNKNOWN where it finds out itself."""
        return primary(language) in map(primary, self.languages) or (language == UNKNOWN and self.identifies_language)


@dataclass(frozen=True, slots=True)
class DecodedWord:
    """A word of a decoding."""

    text: str
    start: int
    """Sample of the job's audio."""
    end: int
    """Sample of the job's audio, exclusive."""
    confidence: float
    """0 to 1: chance that the word is right."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """What an engine understood of one utterance, or of its beginning."""

    tokens: tuple[int, ...]
    """The engine's own."""
    text: str
    confidence: float
    """0 to 1: chance that the text is right, as far as the engine can tell."""
    words: tuple[DecodedWord, ...] = ()
    """Empty where the engine gives no word times; one a character in scripts that have no blanks."""
    language: str = ""
    """ISO 639-1 code that the engine heard; "": it goes by the job's."""
    engine: str = ""
    """Name of the engine that was given the job by the one that was asked; "": it was that itself."""
    emotion: str = ""
    """How the speaker sounded, in the engine's word for it; "": not told."""
    audio_events: tuple[str, ...] = ()
    """What was heard beside speech, such as laughter."""
    cost: float = field(default=0.0, compare=False)
    """What was paid since the engine was last asked about this audio, about; in the money of the settings' price."""
    unsettled: int = 0
    """Words at the end, or characters of scripts that have no blanks, that it will decode anew when it hears more: they
    are not to be committed."""
    state: object = field(default=None, compare=False, repr=False)
    """What the engine needs to go on where this decoding's audio ended; its own, and never changed."""


EMPTY = Decoding(tokens=(), text="", confidence=0.0)


@dataclass(frozen=True, slots=True)
class DecodingJob:
    """One utterance, or its beginning, to be decoded."""

    audio: Waveform
    earlier: Decoding = EMPTY
    """What the same engine made of the beginning of this audio (its level may have been a little different). It saves
    work, and is no promise."""
    held: int = 0
    """Words of `earlier`, from its first, that are committed: unless it is final, only what sounds far better replaces
    them."""
    final: bool = True
    """False where a later job will know better: it is to be quick. A final's text does not depend on earlier ones."""
    hotwords: tuple[Hotword, ...] = ()
    """Words and phrases to prefer."""
    language: str = "en"
    """BCP 47 tag of what is spoken, or UNKNOWN."""


class Engine(Protocol):
    """A loaded recognition model. Used by one thread at a time; no call changes the text of a later one."""

    @property
    def name(self) -> str:
        """What a final's `engine` field says."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def max_batch(self) -> int:
        """How many jobs are worth giving at once."""
        ...

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job, in order; jobs have nothing to do with each other. Raises RecognitionError."""
        ...


@runtime_checkable
class RemoteEngine(Engine, Protocol):
    """An engine whose work a server does: finals need not wait for each other, and nobody waits for partials."""

    def begin(self, job: DecodingJob) -> Future[Decoding]:
        """Ask for a final, and do not wait. Up to `max_batch` at once, of one utterance one.

        The future raises as `decode` does. Cancelled, it ends the work.
        """
        ...
