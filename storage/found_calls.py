"""The calls that a search's hits belong to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from callscribe.domain.call import Call, CallEnd, CallState
from storage.database import Database
from storage.models import CallMeasuresRow, CallRow
from storage.rows import call_of, call_parts, end_of


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call as the head of its hits."""

    call: Call
    state: CallState
    end: CallEnd | None
    """None while it goes on."""
    score: float | None
    """0 to 100; None: it was not scored."""


def found_calls(database: Database, call_ids: Collection[UUID]) -> Mapping[UUID, FoundCall]:
    """Those of the calls that are there. Raises DatabaseUnavailable."""
    query = (
        select(CallRow, CallMeasuresRow.score)
        .outerjoin(CallMeasuresRow, CallMeasuresRow.call_id == CallRow.id)
        .where(CallRow.id.in_(call_ids))
        .options(*call_parts())
    )
    with database.transaction() as session:
        return {
            row.id: FoundCall(call_of(row), CallState(row.state), end_of(row), score)
            for row, score in session.execute(query)
        }
