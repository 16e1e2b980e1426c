"""What people write beside a call while it goes on or after it: notes, comments at a time, pins on utterances."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

MAX_NOTE_CHARACTERS = 4_000
MAX_NOTES = 500
"""Of one call."""
MAX_NOTE_MS = 2**31 - 1
"""Latest place of a note: about 24 days."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note. Times of day are aware UTC."""

    id: UUID
    text: str
    """"" only where it is a pin: `utterance_id` says on what."""
    at_ms: int | None
    """What it is about, in milliseconds from the call's start; None: the whole call, or the utterance."""
    utterance_id: UUID | None
    by: str
    """Name of the user; where nobody signs in, whatever name was given, or ""."""
    made_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class NewNote:
    """What somebody wants noted. Either `text` or `utterance_id` is given."""

    text: str = ""
    at_ms: int | None = None
    utterance_id: UUID | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Editor:
    """Who wants to change or remove a note."""

    name: str
    of_all: bool = False
    """May do so with the notes of others."""

    def may(self, author: str) -> bool:
        return self.of_all or self.name == author
