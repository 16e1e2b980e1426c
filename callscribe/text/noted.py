"""Notes as they stand in documents."""

from collections.abc import Iterable
from datetime import UTC, datetime

from callscribe.domain.note import Note


def note_entries(notes: Iterable[Note]) -> list[dict[str, str | int | None]]:
    """As the API tells them; times of day are ISO 8601 in UTC, `at_ms` counts from the call's start."""
    return [
        {
            "id": str(note.id),
            "text": note.text,
            "at_ms": note.at_ms,
            "utterance_id": None if note.utterance_id is None else str(note.utterance_id),
            "by": note.by,
            "made_at": iso(note.made_at),
            "changed_at": iso(note.changed_at),
        }
        for note in notes
    ]


def iso(time: datetime) -> str:
    """ISO 8601 in UTC, with Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
