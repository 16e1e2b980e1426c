"""What subscribers read: one frozen dataclass for each event type, written and read as JSON.

Times within a call are milliseconds from its start; wall-clock times are ISO 8601 in UTC with a Z.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, Self, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticSerializationError

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallEnd, Channel, Dialect, Party, Role
from callscribe.domain.language import joined
from callscribe.domain.transcript import Correction, Final, Partial, Revision, Word, utterance_id
from callscribe.domain.utterance import Utterance

T = TypeVar("T")

_strict = with_config(ConfigDict(extra="forbid", strict=True))


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, PlainSerializer(_in_utc, return_type=datetime)]
"""Aware; written in UTC with a Z whatever its zone."""


@_strict
@dataclass(frozen=True, slots=True)
class EventParty:
    """A person or device, as the signalling names it; both "" when it names none."""

    name: str
    address: str
    """SIP or tel URI."""

    @classmethod
    def of(cls, party: Party) -> Self:
        return cls(party.name, party.address)


@_strict
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


@_strict
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


@_strict
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


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class _Stamped:
    """What every event has."""

    type: str = ""
    id: str = ""
    """Stream id, given to the event when it is read from a stream; "" before."""
    call_id: UUID
    at: UtcTime
    """When the event was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described(_Stamped):
    """What is known of a call: the whole of it each time."""

    started_at: UtcTime
    trunk: str
    dialect: Dialect
    caller: EventParty
    callee: EventParty
    channels: tuple[EventChannel, ...]
    outside_ids: dict[str, str]
    """Value by kind, for example "sip-call-id"; of a kind that comes twice, the first."""

    @classmethod
    def of(cls, call: Call, at: datetime) -> Self:
        return cls(
            call_id=call.id,
            at=at,
            started_at=call.started_at,
            trunk=call.trunk,
            dialect=call.dialect,
            caller=EventParty.of(call.caller),
            callee=EventParty.of(call.callee),
            channels=tuple(EventChannel.of(channel) for channel in call.channels),
            outside_ids=dict(reversed(call.outside_ids.pairs())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(_Described):
    """A call was answered."""

    type: Literal["call.started"] = "call.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUpdated(_Described):
    """Parties, channels or ids changed; the event holds all of them as they are now."""

    type: Literal["call.updated"] = "call.updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spoken(_Stamped):
    """What every utterance event has."""

    channel: int
    """0-based."""
    role: Role
    party: str
    """Name of who speaks, "" when it is not known."""
    utterance_id: UUID
    """The same in all partials, the final and the revisions of one utterance."""
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UtterancePartial(_Spoken):
    """An utterance that is still being spoken; each partial replaces the one before."""

    type: Literal["utterance.partial"] = "utterance.partial"
    committed: str
    """The part of `text` that changes seldom."""
    tentative: str
    """The rest of `text`."""
    revision: int
    """1 for the first, growing."""

    @classmethod
    def of(cls, call: Call, partial: Partial, at: datetime) -> Self:
        role, party = _speaker(call, partial.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=partial.channel,
            role=role,
            party=party,
            utterance_id=utterance_id(call.id, partial.channel, partial.start),
            start_ms=samples_to_ms(partial.start, call.sample_rate),
            end_ms=samples_to_ms(partial.end, call.sample_rate),
            text=joined(partial.committed, partial.tentative),
            committed=partial.committed,
            tentative=partial.tentative,
            revision=partial.revision,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceFinal(_Spoken):
    """A whole utterance as the live engine understood it."""

    type: Literal["utterance.final"] = "utterance.final"
    confidence: float
    """0 to 1."""
    words: tuple[EventWord, ...]
    """As they were spoken; empty where the engine gives no word times."""
    language: str
    engine: str
    spoken: str = ""
    """The text as it was spoken, where `text` writes it otherwise; "": the same."""
    corrections: tuple[EventCorrection, ...] = ()
    """What was replaced in the text after decoding, in its order."""
    emotion: str = ""
    """How the speaker sounded ("happy", "angry"); "" where the engine does not tell."""
    audio_events: tuple[str, ...] = ()
    """What was heard beside speech ("laughter", "music")."""
    cost: float = 0.0
    """What a paid service asks for it, about; in the money of the settings' price."""

    @classmethod
    def of(cls, call: Call, final: Final, at: datetime) -> Self:
        role, party = _speaker(call, final.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=final.channel,
            role=role,
            party=party,
            utterance_id=utterance_id(call.id, final.channel, final.start),
            start_ms=samples_to_ms(final.start, call.sample_rate),
            end_ms=samples_to_ms(final.end, call.sample_rate),
            text=final.text,
            confidence=final.confidence,
            words=tuple(EventWord.of(word, call.sample_rate) for word in final.words),
            language=final.language,
            engine=final.engine,
            spoken=final.spoken,
            corrections=tuple(EventCorrection.of(made) for made in final.corrections),
            emotion=final.emotion,
            audio_events=final.audio_events,
            cost=final.cost,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceRevised(_Spoken):
    """A later, better text of an utterance whose final was published before."""

    type: Literal["utterance.revised"] = "utterance.revised"
    confidence: float
    """0 to 1."""
    words: tuple[EventWord, ...]
    engine: str
    reason: str
    """Why it was made, for example "second-pass"."""
    replaces: Literal["final"] | int
    """What was the newest text before: the final, or the revision of that number (1 for the first)."""
    spoken: str = ""
    """As a final's."""
    corrections: tuple[EventCorrection, ...] = ()
    """As a final's."""
    cost: float = 0.0
    """As a final's."""

    @classmethod
    def of(cls, call: Call, utterance: Utterance, revision: Revision, at: datetime) -> Self:
        """`utterance`: as it was before `revision`."""
        final = utterance.final
        role, party = _speaker(call, final.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=final.channel,
            role=role,
            party=party,
            utterance_id=utterance.id,
            start_ms=samples_to_ms(final.start, call.sample_rate),
            end_ms=samples_to_ms(final.end, call.sample_rate),
            text=revision.text,
            confidence=revision.confidence,
            words=tuple(EventWord.of(word, call.sample_rate) for word in revision.words),
            engine=revision.engine,
            reason=revision.reason,
            replaces=len(utterance.revisions) or "final",
            spoken=revision.spoken,
            corrections=tuple(EventCorrection.of(made) for made in revision.corrections),
            cost=revision.cost,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(_Stamped):
    """A call is over; its finals are all published, revisions may follow."""

    type: Literal["call.ended"] = "call.ended"
    ended_at: UtcTime
    duration_ms: int
    reason: str
    interrupted: bool
    """True when a part of Callscribe failed: speech may be missing until it is recovered."""

    @classmethod
    def of(cls, call: Call, end: CallEnd, at: datetime) -> Self:
        return cls(
            call_id=call.id,
            at=at,
            ended_at=end.ended_at,
            duration_ms=samples_to_ms(end.samples, call.sample_rate),
            reason=end.reason,
            interrupted=end.interrupted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProcessed(_Stamped):
    """No job of the call is left to do."""

    type: Literal["call.processed"] = "call.processed"
    done: tuple[str, ...]
    """Kinds of the jobs that were done, for example "second-pass"."""
    failed: tuple[str, ...]
    """Kinds of the jobs that were given up."""


Event = CallStarted | CallUpdated | UtterancePartial | UtteranceFinal | UtteranceRevised | CallEnded | CallProcessed

_ANY: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def to_json(event: Event) -> str:
    """The event as one line of JSON, without `id` where it has none."""
    return json_bytes(_ANY, event, exclude=None if event.id else {"id"}).decode()


def json_bytes(adapter: TypeAdapter[T], value: T, exclude: set[str] | None = None) -> bytes:
    """The value as JSON in UTF-8; half characters, which UTF-8 has no place for, become question marks."""
    try:
        return adapter.dump_json(value, exclude=exclude)
    except PydanticSerializationError:
        tree = adapter.dump_python(value, mode="json", exclude=exclude)
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def from_json(text: str) -> Event:
    """The event that `to_json` wrote. Raises ValueError for anything else."""
    try:
        return _ANY.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"not an event: {place or 'the whole text'}: {first['msg']}") from error


def _speaker(call: Call, index: int) -> tuple[Role, str]:
    for channel in call.channels:
        if channel.index == index:
            return channel.role, channel.party.name if channel.party else ""
    return Role.UNKNOWN, ""
