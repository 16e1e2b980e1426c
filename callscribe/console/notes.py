"""The API's routes for what people write beside a call: notes, comments at a time, pins on utterances."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from callscribe.console.answer import Answer
from callscribe.console.calls import Key
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.console.visitor import Visitor, visitor_of
from callscribe.domain.access import Permission
from callscribe.domain.call import Call
from callscribe.domain.errors import EventsUnavailable
from callscribe.domain.note import MAX_NOTE_CHARACTERS, MAX_NOTE_MS, MAX_NOTES, Editor, NewNote, Note
from callscribe.events.notes import CallNoted
from callscribe.events.publisher import publish_now
from callscribe.text.redaction.notes import masked_note
from callscribe.text.visible import LINE

log = structlog.get_logger()
router = APIRouter(prefix=API, tags=["Notes"])

PROBLEMS = responses(403, 404, 409, 422, 503)


def _visitor(request: Request) -> Visitor | None:
    return visitor_of(request)


VisitorOf = Annotated[Visitor | None, Depends(_visitor)]
NoteText = Annotated[str, Field(max_length=MAX_NOTE_CHARACTERS)]


class NoteOrder(BaseModel):
    """What to note."""

    model_config = ConfigDict(extra="forbid")

    text: NoteText = Field("", description='"" pins the utterance; where the trunk has `redaction`, it is masked.')
    at_ms: int | None = Field(
        None, ge=0, le=MAX_NOTE_MS, description="What it is about, in milliseconds from the call's start."
    )
    utterance_id: UUID | None = Field(None, description="The utterance that it is about.")
    by: str = Field(
        "", max_length=100, pattern=LINE, description="Who notes it. Where people sign in, their name counts."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip() and self.utterance_id is None:
            raise ValueError("give a text, or the utterance_id of what is to be pinned")
        return self


class NoteChange(BaseModel):
    """Another text of a note."""

    model_config = ConfigDict(extra="forbid")

    text: NoteText
    by: str = Field("", max_length=100, pattern=LINE, description="Who changes it, where nobody signs in.")


class NoteAnswer(Answer):
    """A note, a comment at a time, or a pin."""

    id: UUID
    text: str = Field(description='"" where it is a pin on an utterance.')
    at_ms: int | None = Field(description="What it is about, from the call's start; null where that is no one moment.")
    utterance_id: UUID | None = Field(description="The utterance that it is about, or null.")
    by: str = Field(description='Who wrote it; "" where nobody signs in and no name was given.')
    made_at: datetime = Field(description="UTC.")
    changed_at: datetime = Field(description="When its text was written, UTC.")

    @classmethod
    def of(cls, note: Note) -> "NoteAnswer":
        return cls(
            id=note.id,
            text=note.text,
            at_ms=note.at_ms,
            utterance_id=note.utterance_id,
            by=note.by,
            made_at=note.made_at,
            changed_at=note.changed_at,
        )


class NotesAnswer(Answer):
    """What people wrote beside a call."""

    notes: list[NoteAnswer] = Field(description=f"In the order in which they were made, {MAX_NOTES} at most.")


@router.get("/calls/{key:path}/notes", responses=responses(404, 422, 503))
def get_notes(sources: SourcesOf, key: Key) -> NotesAnswer:
    """Notes, comments and pins on a call."""
    found = sources.notes.of_call(sources.reader.find_id(key))
    return NotesAnswer(notes=[NoteAnswer.of(note) for note in found])


@router.post("/calls/{key:path}/notes", status_code=201, responses=PROBLEMS)
def add_note(sources: SourcesOf, visitor: VisitorOf, key: Key, order: NoteOrder) -> NoteAnswer:
    """Note something about the call, also while it goes on. Pinning again what one has pinned changes nothing.

    Whoever follows the call is told (`call.noted`). A note goes when the call's text does, or the call is erased.
    """
    call = sources.reader.call(key).call
    by = visitor.name if visitor else order.by.strip()
    text = _masked(sources, call, order.text)
    note = sources.notes.add(call.id, NewNote(text, order.at_ms, order.utterance_id, by))
    _tell(sources, CallNoted.of(call.id, note, datetime.now(UTC)))
    return NoteAnswer.of(note)


@router.patch("/calls/{key:path}/notes/{note_id}", responses=PROBLEMS)
def change_note(sources: SourcesOf, visitor: VisitorOf, key: Key, note_id: UUID, change: NoteChange) -> NoteAnswer:
    """Write a note anew. Only its author may, or an administrator; where nobody signs in, everybody."""
    call = sources.reader.call(key).call
    text = _masked(sources, call, change.text)
    if not text:
        raise HTTPException(422, "text: a note needs one; remove the note where there is nothing to say")
    note = sources.notes.change(call.id, note_id, text, _editor(visitor, change.by))
    _tell(sources, CallNoted.of(call.id, note, datetime.now(UTC)))
    return NoteAnswer.of(note)


@router.delete("/calls/{key:path}/notes/{note_id}", status_code=204, responses=PROBLEMS)
def remove_note(sources: SourcesOf, visitor: VisitorOf, key: Key, note_id: UUID) -> Response:
    """Take a note or a pin away. Only its author may, or an administrator; where nobody signs in, everybody."""
    call_id = sources.reader.find_id(key)
    sources.notes.remove(call_id, note_id, _editor(visitor))
    _tell(sources, CallNoted.gone(call_id, note_id, datetime.now(UTC)))
    return Response(status_code=204)


def _editor(visitor: Visitor | None, by: str = "") -> Editor:
    if visitor is None:
        return Editor(by.strip(), of_all=True)
    return Editor(visitor.name, visitor.principal.may(Permission.ADMIN))


def _masked(sources: Sources, call: Call, text: str) -> str:
    return masked_note(text.strip(), sources.settings.trunk_named(call.trunk).redaction_policy)


def _tell(sources: Sources, event: CallNoted) -> None:
    """Whoever misses it reads the same from the database."""
    try:
        publish_now(sources.events_url, [event], sources.stream_length)
    except EventsUnavailable as error:
        log.warning("note_not_announced", call_id=str(event.call_id), reason=str(error))
