"""What events are made of: what every one has, parties, channels, words, speakers, pauses."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, PlainSerializer, with_config

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, Channel, Party, Role
from callscribe.domain.hotword import ListVersion
from callscribe.domain.pause import Pause
from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Correction, Word
from callscribe.text.speakers import Piece

strict = with_config(ConfigDict(extra="forbid", strict=True))


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, PlainSerializer(_in_utc, return_type=datetime)]
"""Aware; written in UTC with a Z whatever its zone."""


@strict
@dataclass(frozen=True, slots=True)
class EventParty:
    """A person or device, as the signalling names it; both "" when it names none."""

    name: str
    address: str
    """SIP or tel URI."""

    @classmethod
    def of(cls, party: Party) -> Self:
        return cls(party.name, party.address)


@strict
@dataclass(frozen=True, slots=True)
class EventChannel:
    """One party's audio within the call."""

    index: int
    """0-based."""
    label: str
    role: Role
    codec: str
    party: EventParty | None

    @classmethod
    def of(cls, channel: Channel) -> Self:
        party = EventParty.of(channel.party) if channel.party else None
        return cls(channel.index, channel.label, channel.role, channel.codec, party)


@strict
@dataclass(frozen=True, slots=True)
class EventWord:
    """One recognised word."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    """0 to 1."""

    @classmethod
    def of(cls, word: Word, rate: int) -> Self:
        return cls(word.text, samples_to_ms(word.start, rate), samples_to_ms(word.end, rate), word.confidence)


@strict
@dataclass(frozen=True, slots=True)
class EventCorrection:
    """Words of a text that were replaced, because they sound like a hotword."""

    heard: str
    """What the engine wrote."""
    phrase: str
    """The hotword that stands there now."""
    score: float
    """0 to 1: how alike the two sound."""

    @classmethod
    def of(cls, correction: Correction) -> Self:
        return cls(correction.heard, correction.phrase, correction.score)


@strict
@dataclass(frozen=True, slots=True)
class EventTurn:
    """A part of an utterance that one speaker says."""

    speaker: int
    """1 for the first that the channel's transcript shows, growing; of the channel alone."""
    start_ms: int
    end_ms: int
    overlapped: bool
    """True when somebody else on the channel speaks at the same time."""
    text: str

    @classmethod
    def of(cls, piece: Piece, rate: int) -> Self:
        turn = piece.turn
        start_ms, end_ms = samples_to_ms(turn.start, rate), samples_to_ms(turn.end, rate)
        return cls(turn.speaker, start_ms, end_ms, turn.overlapped, piece.text)


@strict
@dataclass(frozen=True, slots=True)
class EventHotwordList:
    """A hotword list that the engine had been told when it gave a text."""

    name: str
    version: int

    @classmethod
    def of(cls, told: ListVersion) -> Self:
        return cls(told.name, told.version)


@strict
@dataclass(frozen=True, slots=True)
class EventRedaction:
    """A stretch of an utterance whose words are masked."""

    kind: str
    """"card", "phone" …"""
    start_ms: int
    end_ms: int

    @classmethod
    def of(cls, redaction: Redaction, rate: int) -> Self:
        return cls(redaction.kind, samples_to_ms(redaction.start, rate), samples_to_ms(redaction.end, rate))


@strict
@dataclass(frozen=True, slots=True)
class EventPause:
    """A stretch of a channel of which nothing is kept, because somebody wants it so."""

    channel: int
    """0-based."""
    start_ms: int
    end_ms: int | None
    """None where it goes on, or went on to the end of the call."""
    by: str
    """Who wanted it: "api", or "sip" for the peer's signalling."""
    reason: str
    """What for, as the API was told; "" where it was not."""

    @classmethod
    def of(cls, pause: Pause, rate: int) -> Self:
        end_ms = None if pause.end is None else samples_to_ms(pause.end, rate)
        return cls(pause.channel, samples_to_ms(pause.start, rate), end_ms, pause.by, pause.reason)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """What every event has."""

    type: str = ""
    id: str = ""
    """Stream id, given to the event when it is read from a stream; "" before."""
    call_id: UUID
    at: UtcTime
    """When the event was made."""


def speaker_of(call: Call, index: int) -> tuple[Role, str]:
    """Role and name of who is on a channel, as far as they are known."""
    for channel in call.channels:
        if channel.index == index:
            return channel.role, channel.party.name if channel.party else ""
    return Role.UNKNOWN, ""
