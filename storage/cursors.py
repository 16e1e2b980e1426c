"""Cursors of lists that are ordered by a number of the database's making."""

_LAST = 2**63 - 1


def read_number(cursor: str) -> int:
    """The number that a page gave as its cursor. Raises ValueError for what no page gives."""
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) <= _LAST):
        raise ValueError("the cursor was not given by a page of this list")
    return int(cursor)
