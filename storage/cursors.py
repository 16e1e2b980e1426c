"""Cursors of lists: by a number of the database's making, or by a time and an id."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

_LAST = 2**63 - 1


def read_number(cursor: str) -> int:
    """The number that a page gave as its cursor. Raises ValueError for what no page gives."""
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) <= _LAST):
        raise ValueError("the cursor was not given by a page of this list")
    return int(cursor)


def write_place(at: datetime, row_id: UUID) -> str:
    """A cursor for what is ordered by an aware time, and by ids where the times are the same."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode().rstrip("=")


def read_place(cursor: str) -> tuple[datetime, UUID]:
    """What a page gave as its cursor. Raises ValueError for what no page gives."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, row_id = text.partition(" ")
        place = datetime.fromisoformat(at), UUID(row_id)
    except (ValueError, binascii.Error):
        raise ValueError("the cursor was not given by a page of this list") from None
    if place[0].tzinfo is None:
        raise ValueError("the cursor was not given by a page of this list")
    return place
