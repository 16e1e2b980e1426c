"""The calls that go on, with what a floor tells of them from their beginning on."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, true
from sqlalchemy.orm import Session, aliased

from callscribe.domain.assist import AssistCard
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallState
from callscribe.domain.transcript import Final
from storage.assist_cards import card_of
from storage.database import Database
from storage.models import AssistCardRow, CallRow, UtteranceRow
from storage.rows import call_of, call_parts, final_of


@dataclass(frozen=True, slots=True)
class ActiveCall:
    """A call that goes on."""

    call: Call
    addresses: tuple[str, ...]
    """Of everyone who was ever named on it."""
    spoken_ms: tuple[tuple[int, int, int], ...]
    """Channel, start and end of each final, by their starts."""
    newest: Final | None
    """What was said last."""
    cards: tuple[AssistCard, ...]
    """In the order in which they were given."""


class ActiveCallReader:
    """Reads the calls that go on, whoever may see them. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Sequence[ActiveCall]:
        """Oldest first."""
        active = select(CallRow).where(CallRow.state == CallState.ACTIVE)
        with self._database.transaction() as session:
            rows = session.scalars(active.options(*call_parts()).order_by(CallRow.started_at, CallRow.id)).all()
            ids = [row.id for row in rows]
            spoken, newest, cards = _spoken(session, ids), _newest(session, ids), _cards(session, ids)
            return [
                ActiveCall(
                    call=call_of(row),
                    addresses=tuple(party.address for party in row.parties),
                    spoken_ms=tuple(
                        (channel, samples_to_ms(start, row.sample_rate), samples_to_ms(end, row.sample_rate))
                        for channel, start, end in spoken[row.id]
                    ),
                    newest=newest.get(row.id),
                    cards=tuple(cards[row.id]),
                )
                for row in rows
            ]

    def over(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Those of the calls that are stored and go on no more."""
        query = select(CallRow.id).where(CallRow.id.in_(ids), CallRow.state != CallState.ACTIVE)
        with self._database.transaction() as session:
            return frozenset(session.scalars(query))


def _spoken(session: Session, ids: Collection[UUID]) -> defaultdict[UUID, list[tuple[int, int, int]]]:
    row = UtteranceRow
    found: defaultdict[UUID, list[tuple[int, int, int]]] = defaultdict(list)
    query = select(row.call_id, row.channel, row.start, row.end).where(row.call_id.in_(ids)).order_by(row.start)
    for call_id, channel, start, end in session.execute(query):
        found[call_id].append((channel, start, end))
    return found


def _newest(session: Session, ids: Collection[UUID]) -> dict[UUID, Final]:
    said = UtteranceRow
    last = select(said).where(said.call_id == CallRow.id).order_by(said.created_at.desc(), said.start.desc()).limit(1)
    row = aliased(said, last.lateral())
    query = select(row).select_from(CallRow).join(row, true()).where(CallRow.id.in_(ids))
    return {found.call_id: final_of(found) for found in session.scalars(query)}


def _cards(session: Session, ids: Collection[UUID]) -> defaultdict[UUID, list[AssistCard]]:
    row = AssistCardRow
    found: defaultdict[UUID, list[AssistCard]] = defaultdict(list)
    for card in session.scalars(select(row).where(row.call_id.in_(ids)).order_by(row.heard, row.rule)):
        found[card.call_id].append(card_of(card))
    return found
