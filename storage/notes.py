"""Notes, comments and pins: what people write beside a call. They go with what was said on it."""

from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callscribe.domain.errors import NoteForbidden, NoteNotFound, TextExpired, TooManyNotes
from callscribe.domain.note import MAX_NOTES, Editor, NewNote, Note
from storage.audit import write_audit
from storage.clean import clean, clean_name
from storage.database import Database
from storage.finals import hold_call
from storage.models import NoteRow
from storage.models.audit import Detail
from storage.rows import note_of

UNNAMED = "unnamed"
"""Whom the audit log names where nobody signs in and no name was given."""


class NoteStore:
    """Reads and writes notes. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_call(self, call_id: UUID) -> tuple[Note, ...]:
        """In the order in which they were made; empty for a call that is not there."""
        with self._database.transaction() as session:
            return notes_of_call(session, call_id)

    def add(self, call_id: UUID, new: NewNote) -> Note:
        """Keep a note. Where somebody pins again what they have pinned, that pin is returned.

        Raises CallNotFound, TooManyNotes, and TextExpired for a call of whose text nothing is kept any more.
        """
        with self._database.transaction() as session:
            if hold_call(session, call_id).text_expired_at is not None:
                raise TextExpired
            if not new.text and (pinned := _pin(session, call_id, new)):
                return note_of(pinned)
            if (session.scalar(select(func.count()).where(NoteRow.call_id == call_id)) or 0) >= MAX_NOTES:
                raise TooManyNotes
            row = NoteRow(
                id=uuid4(),
                call_id=call_id,
                utterance_id=new.utterance_id,
                at_ms=new.at_ms,
                text=clean(new.text),
                by=clean_name(new.by),
            )
            session.add(row)
            session.flush()
            session.refresh(row)
            return note_of(row)

    def change(self, call_id: UUID, note_id: UUID, text: str, editor: Editor) -> Note:
        """Give a note another text. Raises NoteNotFound, NoteForbidden."""
        with self._database.transaction() as session:
            row = _own(session, call_id, note_id, editor)
            row.text = clean(text)
            row.changed_at = func.now()
            session.flush()
            session.refresh(row)
            _write_audit(session, "note.changed", row, editor)
            return note_of(row)

    def remove(self, call_id: UUID, note_id: UUID, editor: Editor) -> None:
        """Raises NoteNotFound, NoteForbidden."""
        with self._database.transaction() as session:
            row = _own(session, call_id, note_id, editor)
            _write_audit(session, "note.removed", row, editor)
            session.delete(row)


def notes_of_call(session: Session, call_id: UUID) -> tuple[Note, ...]:
    """In the order in which they were made; empty for a call that is not there."""
    query = select(NoteRow).where(NoteRow.call_id == call_id).order_by(NoteRow.made_at, NoteRow.id)
    return tuple(note_of(row) for row in session.scalars(query))


def _pin(session: Session, call_id: UUID, new: NewNote) -> NoteRow | None:
    same = (NoteRow.call_id == call_id, NoteRow.utterance_id == new.utterance_id, NoteRow.by == clean_name(new.by))
    return session.scalar(select(NoteRow).where(*same, NoteRow.text == "").limit(1))


def _own(session: Session, call_id: UUID, note_id: UUID, editor: Editor) -> NoteRow:
    row = session.scalar(select(NoteRow).where(NoteRow.id == note_id, NoteRow.call_id == call_id).with_for_update())
    if row is None:
        raise NoteNotFound
    if not editor.may(row.by):
        raise NoteForbidden
    return row


def _write_audit(session: Session, action: str, row: NoteRow, editor: Editor) -> None:
    """The log never has a note's words."""
    detail: Detail = {"note": str(row.id), "author": row.by}
    write_audit(session, action=action, subject=str(row.call_id), by=editor.name or UNNAMED, detail=detail)
