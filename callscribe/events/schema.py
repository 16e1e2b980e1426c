"""What subscribers read: one frozen dataclass for each event type, written and read as JSON.

Times within a call are milliseconds from its start; wall-clock times are ISO 8601 in UTC with a Z.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallEnd, Dialect, DtmfDigit, Role
from callscribe.domain.pause import Pause
from callscribe.events.assist import CardGiven
from callscribe.events.notes import CallNoted
from callscribe.events.parts import EventChannel, EventParty, EventPause, Stamped, UtcTime, speaker_of
from callscribe.events.utterances import UtteranceFinal, UtterancePartial, UtteranceRevised, UtteranceSpeakers

__all__ = [
    "CallCorrected",
    "CallEnded",
    "CallErased",
    "CallNoted",
    "CallPaused",
    "CallProcessed",
    "CallResumed",
    "CallStarted",
    "CallUpdated",
    "CardGiven",
    "Described",
    "DtmfPressed",
    "Event",
    "UtteranceFinal",
    "UtterancePartial",
    "UtteranceRevised",
    "UtteranceSpeakers",
    "from_json",
    "json_bytes",
    "to_json",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described(Stamped):
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
class CallCorrected(_Described):
    """Parties had each other's channels: an update that holds for what was said before, too."""

    type: Literal["call.corrected"] = "call.corrected"
    corrected: tuple[int, ...] = ()
    """Channels whose utterances, earlier ones too, are those of the party that stands there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfPressed(Stamped):
    """A party pressed a key (RFC 4733)."""

    type: Literal["call.dtmf"] = "call.dtmf"
    channel: int
    """0-based."""
    role: Role
    party: str
    """Name of whose key it was, "" when it is not known."""
    start_ms: int
    digit: str
    """0 to 9, "*", "#", A to D; "x" where the trunk masks it."""
    masked: bool

    @classmethod
    def of(cls, call: Call, pressed: DtmfDigit, at: datetime) -> Self:
        role, party = speaker_of(call, pressed.channel)
        return cls(
            call_id=call.id,
            at=at,
            channel=pressed.channel,
            role=role,
            party=party,
            start_ms=samples_to_ms(pressed.offset, call.sample_rate),
            digit=pressed.digit or "x",
            masked=not pressed.digit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paused(Stamped):
    """What both events about pauses have."""

    by: str
    """Who wanted it: "api", "sip" for the peer's signalling, or "limit" where a pause may last no longer."""
    pauses: tuple[EventPause, ...]
    """One for each channel."""

    @classmethod
    def of(cls, call: Call, pauses: Sequence[Pause], by: str, at: datetime) -> Self:
        told = tuple(EventPause.of(pause, call.sample_rate) for pause in pauses)
        return cls(call_id=call.id, at=at, by=by, pauses=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPaused(_Paused):
    """From here on nothing of these channels is kept or heard."""

    type: Literal["call.paused"] = "call.paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResumed(_Paused):
    """These pauses have an end, from which on their channels are kept and heard again."""

    type: Literal["call.resumed"] = "call.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Stamped):
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
class CallProcessed(Stamped):
    """No job of the call is left to do."""

    type: Literal["call.processed"] = "call.processed"
    done: tuple[str, ...]
    """Kinds of the jobs that were done, for example "second-pass"."""
    failed: tuple[str, ...]
    """Kinds of the jobs that were given up."""
    score: float | None = None
    """0 to 100, by the scorecard by which it is lowest; null where none is for the call."""
    failed_rules: tuple[str, ...] = ()
    """Names of the scorecards' rules that the call failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallErased(Stamped):
    """The call was erased: whoever has anything of it should drop that. Nothing comes after it."""

    type: Literal["call.erased"] = "call.erased"


Described = CallStarted | CallUpdated | CallCorrected
Happened = CardGiven | DtmfPressed | CallPaused | CallResumed | CallEnded | CallProcessed | CallErased | CallNoted
Event = Described | UtterancePartial | UtteranceFinal | UtteranceRevised | UtteranceSpeakers | Happened

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
