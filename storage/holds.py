"""Legal holds: calls that must be kept whatever retention says, and whoever asks to erase them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from storage.audit import write_audit
from storage.clean import clean, clean_name
from storage.conversations import lock_conversation, repeat_deadlocked
from storage.cursors import read_number
from storage.database import Database
from storage.models import CallRow, HoldRow

PAGE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on a call, and with it on every call that records the same conversation. `at` is aware UTC."""

    call_id: UUID
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldPage:
    """Holds, newest first, and where to go on; `cursor` None: these were the last."""

    holds: tuple[Hold, ...]
    cursor: str | None


def held() -> ColumnElement[bool]:
    """Whether a hold is on the call of a query, or on another that records its conversation."""
    other = aliased(CallRow)
    same = or_(other.id == CallRow.id, other.conversation_id == CallRow.conversation_id)
    return exists(select(HoldRow.call_id).join(other, other.id == HoldRow.call_id).where(same))


class HoldStore:
    """Puts holds on calls and takes them off, each with an audit entry. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, call_id: UUID, by: str, reason: str) -> Hold:
        """Hold the call; a hold that it has gets this reason. Raises CallNotFound."""
        return repeat_deadlocked(lambda: self._hold(call_id, by, reason))

    def _hold(self, call_id: UUID, by: str, reason: str) -> Hold:
        told = {"by": clean_name(by), "reason": clean(reason)}
        with self._database.transaction() as session:
            lock_conversation(session, call_id)
            renewed = {**told, "at": func.now()}
            upsert = insert(HoldRow).values(call_id=call_id, **told)
            upsert = upsert.on_conflict_do_update(index_elements=[HoldRow.call_id], set_=renewed)
            row = session.scalars(upsert.returning(HoldRow), execution_options={"populate_existing": True}).one()
            write_audit(session, action="call.held", subject=str(call_id), by=by, detail={"reason": reason})
            return _hold_of(row)

    def release(self, call_id: UUID, by: str, reason: str) -> int:
        """Take every hold off the call and off those that record its conversation; how many there were.

        Raises CallNotFound.
        """
        return repeat_deadlocked(lambda: self._release(call_id, by, reason))

    def _release(self, call_id: UUID, by: str, reason: str) -> int:
        with self._database.transaction() as session:
            calls = [row.id for row in lock_conversation(session, call_id)]
            removal = delete(HoldRow).where(HoldRow.call_id.in_(calls)).returning(HoldRow.call_id)
            released = session.scalars(removal).all()
            for found in released:
                write_audit(session, action="call.released", subject=str(found), by=by, detail={"reason": reason})
            return len(released)

    def holds(self, limit: int = 50, cursor: str | None = None) -> HoldPage:
        """The newest holds, at most `limit` (1 to 500), from where `cursor` says.

        Raises ValueError for a limit out of bounds or a cursor that no page gave.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")
        query = select(HoldRow).order_by(HoldRow.number.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(HoldRow.number < read_number(cursor))
        with self._database.transaction() as session:
            rows = session.scalars(query).all()
        more = len(rows) > limit
        return HoldPage(tuple(_hold_of(row) for row in rows[:limit]), str(rows[limit - 1].number) if more else None)


def _hold_of(row: HoldRow) -> Hold:
    return Hold(row.call_id, row.by, row.reason, row.at)
