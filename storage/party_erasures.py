"""Erasures of everybody's calls with a party: found at once, erased by workers, one conversation after the other.

Each conversation goes in a transaction of its own, with what is noted of it. So whoever is killed leaves an erasure
that another goes on with, and each call is counted and told in the audit log once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from callscribe.domain.errors import (
    CallActive,
    CallHeld,
    CallNotFound,
    DatabaseUnavailable,
    ErasureNotFound,
    StorageError,
)
from storage.audit import write_audit
from storage.clean import clean, clean_name
from storage.database import Database
from storage.erasure import Erasure, ErasureOrder, ErasureStore
from storage.models import PartyErasureCallRow, PartyErasureRow
from storage.models.audit import Detail
from storage.models.erasures import Outcome
from storage.party_calls import PartyCalls, PartyFilter, find_party_calls
from storage.removal import RemovedFiles

log = structlog.get_logger()

LEASE = timedelta(minutes=2)
"""How long a worker may be busy with one conversation before others take it for lost."""
KEPT = timedelta(days=30)
"""How long it is told what came of an erasure."""
PAGE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class ErasureProgress:
    """How far an erasure is. Times are aware UTC."""

    id: UUID
    by: str
    reason: str
    created_at: datetime
    finished_at: datetime | None
    """None while it is on its way."""
    found: int
    """Calls with the party when it began."""
    waiting: int
    """Of these, those that nothing was done about yet."""
    erased: int
    """Calls that are gone, with those that recorded the same conversations."""
    utterances: int
    files: RemovedFiles
    held: tuple[UUID, ...] = ()
    """Calls that stay, for a hold is on their conversation."""
    active: tuple[UUID, ...] = ()
    """Calls that stay, for their conversation goes on."""
    failed: tuple[UUID, ...] = ()
    """Calls that stay, perhaps without their files, for something of them could not be removed."""


class PartyErasureStore:
    """Erases somebody's calls. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, erasures: ErasureStore) -> None:
        self._database = database
        self._erasures = erasures

    def plan(self, wanted: PartyFilter) -> Erasure:
        """What an erasure would do now."""
        with self._database.transaction() as session:
            found = find_party_calls(session, wanted)
        return replace(self._erasures.planned(found.conversations), addresses=found.addresses, trunks=found.trunks)

    def begin(self, wanted: PartyFilter, order: ErasureOrder) -> ErasureProgress:
        """Have every call erased that there is with this party now; workers do it. Nothing is kept of who it is."""
        erasure_id = uuid4()
        with self._database.transaction() as session:
            session.execute(delete(PartyErasureRow).where(PartyErasureRow.finished_at < func.now() - KEPT))
            calls = _calls_of(find_party_calls(session, wanted))
            told = {"by": clean_name(order.by), "reason": clean(order.reason)}
            session.execute(insert(PartyErasureRow).values(id=erasure_id, found=len(calls), **told))
            if calls:
                rows = [{"erasure_id": erasure_id, "call_id": call_id} for call_id in calls]
                session.execute(insert(PartyErasureCallRow), rows)
        return self.progress(erasure_id)

    def progress(self, erasure_id: UUID) -> ErasureProgress:
        """Raises ErasureNotFound."""
        with self._database.transaction() as session:
            row = session.get(PartyErasureRow, erasure_id)
            if row is None:
                raise ErasureNotFound
            return _progress_of(session, row)

    def newest(self, limit: int = 20) -> tuple[ErasureProgress, ...]:
        """The last erasures, at most `limit` (1 to 100), newest first."""
        with self._database.transaction() as session:
            rows = session.scalars(select(PartyErasureRow).order_by(PartyErasureRow.created_at.desc()).limit(limit))
            return tuple(_progress_of(session, row) for row in rows.all())

    def work(self) -> tuple[UUID, ...] | None:
        """Do the next step of an erasure that nobody is busy with: a conversation, or its end; None: there is none.

        Returns the calls that are gone.
        """
        erasure_id = self._claim()
        if erasure_id is None:
            return None
        with self._database.transaction() as session:
            row = session.get_one(PartyErasureRow, erasure_id)
            order = ErasureOrder(row.by, row.reason)
            call_id = session.scalar(_waiting(erasure_id).order_by(PartyErasureCallRow.call_id).limit(1))
        if call_id is None:
            self._finish(erasure_id, order)
            return ()
        gone = self._erase(erasure_id, call_id, order)
        with self._database.transaction() as session:
            session.execute(update(PartyErasureRow).where(PartyErasureRow.id == erasure_id).values(lease_until=None))
        return gone

    def _claim(self) -> UUID | None:
        free = or_(PartyErasureRow.lease_until.is_(None), PartyErasureRow.lease_until < func.now())
        due = select(PartyErasureRow).where(PartyErasureRow.finished_at.is_(None), free)
        due = due.order_by(PartyErasureRow.created_at).limit(1).with_for_update(skip_locked=True)
        with self._database.transaction() as session:
            row = session.scalar(due)
            if row is None:
                return None
            leased = update(PartyErasureRow).where(PartyErasureRow.id == row.id)
            session.execute(leased.values(lease_until=func.now() + LEASE))
            return row.id

    def _erase(self, erasure_id: UUID, call_id: UUID, order: ErasureOrder) -> tuple[UUID, ...]:
        def note(session: Session, done: Erasure) -> None:
            _note_erased(session, erasure_id, done)

        outcome = Outcome.FAILED
        try:
            return self._erasures.erase_conversation(call_id, order, note).calls
        except CallNotFound:
            # Somebody else erased it meanwhile.
            with self._database.transaction() as session:
                session.execute(delete(PartyErasureCallRow).where(*_is_call(erasure_id, call_id)))
            return ()
        except DatabaseUnavailable:
            raise
        except CallHeld:
            outcome = Outcome.HELD
        except CallActive:
            outcome = Outcome.ACTIVE
        except StorageError as error:
            log.error("call_not_erased", call_id=str(call_id), reason=str(error))
        with self._database.transaction() as session:
            noted = update(PartyErasureCallRow).where(*_is_call(erasure_id, call_id))
            session.execute(noted.values(outcome=outcome))
        return ()

    def _finish(self, erasure_id: UUID, order: ErasureOrder) -> None:
        """Once, whoever comes second."""
        with self._database.transaction() as session:
            open_one = (PartyErasureRow.id == erasure_id, PartyErasureRow.finished_at.is_(None))
            ended = update(PartyErasureRow).where(*open_one).values(finished_at=func.now(), lease_until=None)
            if session.scalar(ended.returning(PartyErasureRow.id)) is None:
                return
            done = _progress_of(session, session.get_one(PartyErasureRow, erasure_id))
            stay = {"held": len(done.held), "active": len(done.active), "failed": len(done.failed)}
            detail: Detail = {"calls": done.erased, **stay, "reason": order.reason}
            write_audit(session, action="party.erased", subject=str(erasure_id), by=order.by, detail=detail)


def _waiting(erasure_id: UUID) -> Select[UUID]:
    waiting = PartyErasureCallRow.outcome == Outcome.WAITING
    return select(PartyErasureCallRow.call_id).where(PartyErasureCallRow.erasure_id == erasure_id, waiting)


def _calls_of(found: PartyCalls) -> list[UUID]:
    return [call for conversation in found.conversations for call in conversation.theirs]


def _is_call(erasure_id: UUID, call_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return PartyErasureCallRow.erasure_id == erasure_id, PartyErasureCallRow.call_id == call_id


def _note_erased(session: Session, erasure_id: UUID, done: Erasure) -> None:
    """In the transaction that erases a conversation, so that it counts just once."""
    theirs = PartyErasureCallRow.erasure_id == erasure_id
    session.execute(delete(PartyErasureCallRow).where(theirs, PartyErasureCallRow.call_id.in_(done.calls)))
    counted = {
        "calls": PartyErasureRow.calls + len(done.calls),
        "utterances": PartyErasureRow.utterances + done.utterances,
        "files": PartyErasureRow.files + done.files.files,
        "bytes": PartyErasureRow.bytes + done.files.bytes,
    }
    session.execute(update(PartyErasureRow).where(PartyErasureRow.id == erasure_id).values(**counted))


def _progress_of(session: Session, row: PartyErasureRow) -> ErasureProgress:
    session.refresh(row)
    of_row = PartyErasureCallRow.erasure_id == row.id
    waiting = session.scalar(select(func.count()).where(of_row, PartyErasureCallRow.outcome == Outcome.WAITING))
    query = select(PartyErasureCallRow.outcome, PartyErasureCallRow.call_id)
    query = query.where(of_row, PartyErasureCallRow.outcome != Outcome.WAITING).order_by(PartyErasureCallRow.call_id)
    stay: Sequence[tuple[str, UUID]] = [(found.outcome, found.call_id) for found in session.execute(query)]

    def those(outcome: Outcome) -> tuple[UUID, ...]:
        return tuple(call_id for came_of_it, call_id in stay if came_of_it == outcome)

    return ErasureProgress(
        row.id, row.by, row.reason, row.created_at, row.finished_at, row.found, waiting or 0, row.calls,
        row.utterances, RemovedFiles(row.files, row.bytes),
        those(Outcome.HELD), those(Outcome.ACTIVE), those(Outcome.FAILED),
    )  # fmt: skip
