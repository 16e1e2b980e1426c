"""The calls that a search's hits belong to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import CallState, Party
from storage.database import Database
from storage.models import CallMeasuresRow, CallRow, PartyRow
from storage.rows import NOBODY


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call as the head of its hits."""

    id: UUID
    state: CallState
    trunk: str
    caller: Party
    """Party("") where nobody was named."""
    callee: Party
    started_at: datetime
    """Aware UTC."""
    duration_ms: int | None
    """None while it goes on."""
    score: float | None
    """0 to 100; None: it was not scored."""


def found_calls(database: Database, call_ids: Collection[UUID]) -> Mapping[UUID, FoundCall]:
    """Those of the calls that are there. Raises DatabaseUnavailable."""
    if not call_ids:
        return {}
    call, caller, callee = CallRow, aliased(PartyRow), aliased(PartyRow)
    query = (
        select(call.id, call.state, call.trunk, call.started_at, call.ended_at, call.samples, call.sample_rate)
        .add_columns(caller.address, caller.name, caller.participant_id)
        .add_columns(callee.address, callee.name, callee.participant_id, CallMeasuresRow.score)
        .outerjoin(caller, and_(caller.call_id == call.id, caller.is_caller))
        .outerjoin(callee, and_(callee.call_id == call.id, callee.is_callee))
        .outerjoin(CallMeasuresRow, CallMeasuresRow.call_id == call.id)
        .where(call.id.in_(call_ids))
    )
    with database.transaction() as session:
        return {
            id_: FoundCall(
                id=id_,
                state=CallState(state),
                trunk=trunk,
                caller=_party(*parties[:3]),
                callee=_party(*parties[3:]),
                started_at=started_at,
                duration_ms=None if ended_at is None or samples is None else samples_to_ms(samples, rate),
                score=score,
            )
            for id_, state, trunk, started_at, ended_at, samples, rate, *parties, score in session.execute(query)
        }


def _party(address: str | None, name: str | None, participant_id: str | None) -> Party:
    return NOBODY if address is None else Party(address, name or "", participant_id or "")
