"""What was said: words, partials, finals and revisions. Offsets are samples from the start of the call."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from callscribe.domain.hotword import ListVersion
from callscribe.domain.redaction import Redaction

PERSON = "person"
"""Reason of a revision whose text a person wrote."""
UNDONE = "undone"
"""Reason of a revision with which a person took such a text back: it has the text that stood before."""


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word with its place in time."""

    text: str
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""
    confidence: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been understood of an utterance that is still being spoken. Never stored."""

    channel: int
    start: int
    """Sample at which the utterance's speech starts; with the channel it names the utterance."""
    end: int
    """Sample up to which audio was heard, exclusive."""
    committed: str
    """Text that has stood unchanged for a while; it changes seldom."""
    tentative: str
    """Text after `committed` that may still change."""
    revision: int
    """1 for an utterance's first partial, growing."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Words of a text that were replaced, because they sound like a hotword."""

    heard: str
    """What the engine wrote."""
    phrase: str
    """The hotword that stands there now."""
    score: float
    """0 to 1: how alike the two sound."""


@dataclass(frozen=True, slots=True)
class Final:
    """A whole utterance as the live engine understood it."""

    channel: int
    start: int
    """Sample at which the utterance's speech starts; with the channel it names the utterance."""
    end: int
    """Sample at which its speech ends, exclusive."""
    text: str
    confidence: float
    """0 to 1."""
    engine: str
    language: str = "en"
    words: tuple[Word, ...] = ()
    """As they were spoken; empty where the engine gives no word times."""
    spoken: str = ""
    """The text as it was spoken, where `text` writes it otherwise (numbers as figures); empty: the same."""
    corrections: tuple[Correction, ...] = ()
    """What was replaced in the text after decoding, in its order."""
    emotion: str = ""
    """How the speaker sounded, in small letters ("happy", "angry"); empty where the engine does not tell."""
    audio_events: tuple[str, ...] = ()
    """What was heard beside speech, in small letters ("laughter", "music")."""
    cost: float = 0.0
    """What a paid service asks for what it heard since the final before, about; in the money of the settings' price."""
    redactions: tuple[Redaction, ...] = ()
    """Stretches whose words are masked in everything above, in order of time."""
    hotword_lists: tuple[ListVersion, ...] = ()
    """Those that the engine had been told last when it gave the text."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A later, better text of a final. It stands beside the final and never overwrites it."""

    utterance_id: UUID
    text: str
    confidence: float
    """0 to 1."""
    engine: str
    reason: str
    """Why it was made: "second-pass", PERSON, UNDONE, …"""
    words: tuple[Word, ...] = ()
    spoken: str = ""
    """As a final's."""
    corrections: tuple[Correction, ...] = ()
    """As a final's."""
    cost: float = 0.0
    """As a final's, for this text alone."""
    redactions: tuple[Redaction, ...] = ()
    """As a final's."""
    hotword_lists: tuple[ListVersion, ...] = ()
    """As a final's."""
    by: str = ""
    """Who wrote it or took it back, as they named themselves; "" where an engine did."""
    made_at: datetime | None = field(default=None, compare=False)
    """When it was stored, aware UTC; None before."""


def utterance_id(call_id: UUID, channel: int, start: int) -> UUID:
    """The id of the utterance that starts at sample `start`: the same however often the audio is decoded again."""
    return uuid5(call_id, f"{channel}:{start}")
