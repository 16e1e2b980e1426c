"""Calls of nodes that are gone: they are ended, or nothing could ever remove them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.call import Call, CallEnd, CallState
from storage.audit import ITSELF, write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.models import CallRow, LostCallRow, LostNodeRow, UtteranceRow
from storage.rows import call_of, call_parts, write_end_of

NODE_LOST = "node-lost"
"""Why such a call ended (callscribe.domain.call.CallEnd.reason)."""
BATCH = 50
"""Calls of one transaction."""


_LOOK = ""
"""Name of the row that tells when it was looked last; no node has it."""


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call that was ended as its node was lost."""

    call: Call
    end: CallEnd


class LostNodeStore:
    """Ends calls of nodes that are gone. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_running(self, nodes: Collection[str], gap: timedelta) -> None:
        """Just these nodes run now: of the others those with calls that go on are missed from now on, or already.

        One that took a call since, or told what was said, runs, though nobody sees it. Where the last look is longer
        than `gap` ago, nobody knows who ran meanwhile: all are missed from now on.
        """
        running = [clean_name(node) for node in nodes]
        active = CallRow.state == CallState.ACTIVE
        missing = select(CallRow.node).where(active, CallRow.node.not_in(running)).distinct()
        looked = select(LostNodeRow.since).where(LostNodeRow.name == _LOOK).scalar_subquery()
        blind = func.coalesce(looked < func.now() - gap, True)
        found = LostNodeRow.name != _LOOK
        with self._database.transaction() as session:
            session.execute(delete(LostNodeRow).where(found, or_(LostNodeRow.name.not_in(missing), blind, _worked())))
            session.execute(insert(LostNodeRow).from_select(["name"], missing).on_conflict_do_nothing())
            look = insert(LostNodeRow).values(name=_LOOK)
            session.execute(look.on_conflict_do_update(index_elements=["name"], set_={"since": func.now()}))

    def end_calls(self, patience: timedelta) -> tuple[LostCall, ...]:
        """End calls of nodes that have been missed for so long, at most BATCH: interrupted, where its last final ends.
        A call that began later than that goes on.

        A node that comes back recovers them all the same, and tells their true end (storage.calls.CallStore).
        """
        before = func.now() - patience
        lost = select(LostNodeRow.name).where(LostNodeRow.since < before, LostNodeRow.name != _LOOK)
        due = select(CallRow).where(CallRow.state == CallState.ACTIVE, CallRow.node.in_(lost))
        due = due.where(CallRow.started_at < before).order_by(CallRow.id).limit(BATCH).options(*call_parts())
        with self._database.transaction() as session:
            rows = session.scalars(due.with_for_update(of=CallRow, skip_locked=True)).all()
            heard = _heard_until(session, [row.id for row in rows])
            return tuple(_end(session, row, heard.get(row.id, 0)) for row in rows)


def _worked() -> ColumnElement[bool]:
    """Whether a LostNodeRow's node began a call that goes on, or wrote a final of one, since it is missed."""
    wrote = exists().where(UtteranceRow.call_id == CallRow.id, UtteranceRow.created_at > LostNodeRow.since)
    began = CallRow.started_at > LostNodeRow.since
    active = CallRow.state == CallState.ACTIVE
    return exists().where(active, CallRow.node == LostNodeRow.name, or_(began, wrote))


def _heard_until(session: Session, calls: Sequence[UUID]) -> dict[UUID, int]:
    """By call the sample at which its last final ends."""
    last = select(UtteranceRow.call_id, func.max(UtteranceRow.end)).where(UtteranceRow.call_id.in_(calls))
    return dict(session.execute(last.group_by(UtteranceRow.call_id)).all())


def _end(session: Session, row: CallRow, samples: int) -> LostCall:
    end = CallEnd(row.started_at + timedelta(seconds=samples / row.sample_rate), samples, NODE_LOST, interrupted=True)
    write_end_of(row, end)
    session.execute(insert(LostCallRow).values(call_id=row.id, node=row.node).on_conflict_do_nothing())
    write_audit(session, action="call.ended", subject=str(row.id), by=ITSELF, detail={"reason": NODE_LOST})
    return LostCall(call_of(row), end)
