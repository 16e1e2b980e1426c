"""The event of a note that somebody writes, changes or takes away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from callscribe.domain.note import Note
from callscribe.events.parts import Stamped, UtcTime, strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class EventNote:
    """A note as it is now."""

    id: UUID
    text: str
    """"" where it is a pin on an utterance."""
    at_ms: int | None
    """What it is about, from the call's start; null where that is no one moment."""
    utterance_id: UUID | None
    by: str
    made_at: UtcTime
    changed_at: UtcTime

    @classmethod
    def of(cls, note: Note) -> Self:
        return cls(
            id=note.id,
            text=note.text,
            at_ms=note.at_ms,
            utterance_id=note.utterance_id,
            by=note.by,
            made_at=note.made_at,
            changed_at=note.changed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNoted(Stamped):
    """A note was written, changed or removed."""

    type: Literal["call.noted"] = "call.noted"
    note_id: UUID
    removed: bool
    note: EventNote | None
    """As it is now; null where it was removed."""

    @classmethod
    def of(cls, call_id: UUID, note: Note, at: datetime) -> Self:
        return cls(call_id=call_id, at=at, note_id=note.id, removed=False, note=EventNote.of(note))

    @classmethod
    def gone(cls, call_id: UUID, note_id: UUID, at: datetime) -> Self:
        return cls(call_id=call_id, at=at, note_id=note_id, removed=True, note=None)
