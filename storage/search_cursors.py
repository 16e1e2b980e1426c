"""Places in the results of a search. A cursor is one of them, written down."""

import base64
import binascii
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

FOREIGN = "the cursor was not given by a page of this search"


class Place(NamedTuple):
    """Of an utterance in the order of time; the greatest comes first."""

    said_at: datetime
    """Aware UTC."""
    utterance_id: UUID


class RankPlace(NamedTuple):
    """Of an utterance in the order of rank; the greatest comes first."""

    rank: float
    place: Place
    newest: Place
    """Of all matches that are ranked."""


def write_place(place: Place) -> str:
    return _written("time", *_fields(place))


def read_place(cursor: str) -> Place:
    """The inverse of write_place. Raises ValueError for what it has not written."""
    return _place(*_read(cursor, "time", 2))


def write_rank_place(place: RankPlace) -> str:
    return _written("rank", repr(place.rank), *_fields(place.place), *_fields(place.newest))


def read_rank_place(cursor: str) -> RankPlace:
    """The inverse of write_rank_place. Raises ValueError for what it has not written."""
    rank, said_at, utterance_id, newest_at, newest_id = _read(cursor, "rank", 5)
    try:
        return RankPlace(float(rank), _place(said_at, utterance_id), _place(newest_at, newest_id))
    except ValueError:
        raise ValueError(FOREIGN) from None


def _fields(place: Place) -> tuple[str, str]:
    return place.said_at.isoformat(), str(place.utterance_id)


def _place(said_at: str, utterance_id: str) -> Place:
    try:
        at, utterance = datetime.fromisoformat(said_at), UUID(utterance_id)
        if at.tzinfo is not None:
            return Place(at.astimezone(UTC), utterance)
    except (ValueError, OverflowError):
        pass
    raise ValueError(FOREIGN)


def _written(*fields: str) -> str:
    return base64.urlsafe_b64encode(" ".join(fields).encode()).decode().rstrip("=")


def _read(cursor: str, order: str, count: int) -> list[str]:
    try:
        name, *fields = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
    except (ValueError, binascii.Error):
        raise ValueError(FOREIGN) from None
    if name != order or len(fields) != count:
        raise ValueError(FOREIGN)
    return fields
