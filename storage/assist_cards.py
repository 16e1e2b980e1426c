"""Cards that assist rules gave, with their calls."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.assist import AssistCard, Severity
from storage.database import Database
from storage.models import AssistCardRow


class AssistCardStore:
    """Reads cards. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_call(self, call_id: UUID) -> tuple[AssistCard, ...]:
        """In the order in which they were given; empty for a call that is not there."""
        query = select(AssistCardRow).where(AssistCardRow.call_id == call_id)
        with self._database.transaction() as session:
            rows = session.scalars(query.order_by(AssistCardRow.heard, AssistCardRow.rule))
            return tuple(card_of(row) for row in rows)


def write_card(session: Session, call_id: UUID, card: AssistCard) -> None:
    """Insert the card of a call that exists, unless it is there already."""
    values = {
        "id": card.id,
        "call_id": call_id,
        "rule": card.rule,
        "version": card.version,
        "title": card.title,
        "text": card.text,
        "link": card.link,
        "severity": card.severity,
        "start": card.start,
        "heard": card.heard,
        "channel": card.channel,
        "utterance_id": card.utterance_id,
    }
    session.execute(insert(AssistCardRow).values(values).on_conflict_do_nothing())


def card_of(row: AssistCardRow) -> AssistCard:
    """The row as the domain has it."""
    return AssistCard(
        id=row.id,
        rule=row.rule,
        version=row.version,
        title=row.title,
        text=row.text,
        link=row.link,
        severity=Severity(row.severity),
        start=row.start,
        heard=row.heard,
        channel=row.channel,
        utterance_id=row.utterance_id,
    )
