"""Calls removed for good: rows, recordings, and whatever of them is still on its way.

The tables of a call hang on its row, so that removing it removes them all. What remains is a tombstone without anything
of the call but its id, which keeps a journal or a job that comes later from writing the call anew, and an audit entry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.call import CallState
from callscribe.domain.errors import CallActive, CallHeld, CallNotFound, DatabaseUnavailable, StorageError
from storage.audit import write_audit
from storage.conversations import lock_conversation, repeat_deadlocked
from storage.database import Database
from storage.holds import held
from storage.models import CallRow, ErasedCallRow, UtteranceRow
from storage.models.audit import Detail
from storage.party_calls import PartyConversation, PartyFilter, find_party_calls
from storage.removal import NOTHING, RemovedFiles, remove_audio

log = structlog.get_logger()

UNDERWAY = timedelta(minutes=10)
"""Events of a call that were on their way when it was erased have come after so long."""
SWEPT_AT_ONCE = 10_000
"""Erased calls that are looked for in the streams at once: Postgres takes 65,535 parameters."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be."""

    calls: tuple[UUID, ...] = ()
    utterances: int = 0
    files: RemovedFiles = NOTHING
    """Nothing where it was only tried."""
    held: tuple[UUID, ...] = ()
    """Calls that stay, for a hold is on their conversation."""
    active: tuple[UUID, ...] = ()
    """Calls that stay, for their conversation goes on."""

    failed: tuple[UUID, ...] = ()
    """Calls that stay, perhaps without their files, for something of them could not be removed."""
    addresses: tuple[str, ...] = ()
    """Of a party: all that were meant."""
    trunks: tuple[str, ...] = ()
    """Of a party: all that it has calls on."""

    @classmethod
    def total(cls, parts: Sequence["Erasure"]) -> "Erasure":
        """What was erased in parts, without addresses and trunks."""
        return cls(
            tuple(call for part in parts for call in part.calls),
            sum(part.utterances for part in parts),
            sum((part.files for part in parts), NOTHING),
            tuple(call for part in parts for call in part.held),
            tuple(call for part in parts for call in part.active),
            tuple(call for part in parts for call in part.failed),
        )


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """Who wants calls erased, and why."""

    by: str
    reason: str
    dry_run: bool = False
    """Tell what would be erased, and leave it."""


class ErasureStore:
    """Erases calls. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, recordings: Path) -> None:
        """`recordings`: the recordings folder."""
        self._database = database
        self._recordings = recordings

    def erase_call(self, call_id: UUID, order: ErasureOrder) -> Erasure:
        """Erase a call, with every call that records the same conversation.

        The files go first: what is killed halfway is done by asking again. Raises CallNotFound, CallHeld, CallActive,
        and StorageError where a file cannot be removed; then everything is as it was but for the files that are gone.
        """
        return repeat_deadlocked(lambda: self._erase(call_id, order))

    def erase_party(self, wanted: PartyFilter, order: ErasureOrder) -> Erasure:
        """Erase every call with this party, each conversation in a transaction of its own.

        What is held, goes on, or failed is told, and stays; after the database was away the rest counts as failed.
        """
        with self._database.transaction() as session:
            found = find_party_calls(session, wanted)
        each = self._planned if order.dry_run else self._erased
        done = Erasure.total(list(each(found.conversations, order)))
        if not order.dry_run:
            self._note_party(order, done)
        return replace(done, addresses=found.addresses, trunks=found.trunks)

    def unswept(self) -> tuple[UUID, ...]:
        """Erased calls of which something may still stand in the event streams, or come there; the longest erased, at
        most SWEPT_AT_ONCE."""
        return self._unswept()

    def settled(self) -> tuple[UUID, ...]:
        """Those of them that were erased so long ago that nothing comes any more."""
        return self._unswept(ErasedCallRow.erased_at < func.now() - UNDERWAY)

    def note_swept(self, calls: Sequence[UUID]) -> None:
        """Nothing of these `settled` calls stands in the streams, nor in their store's file."""
        with self._database.transaction() as session:
            session.execute(update(ErasedCallRow).where(ErasedCallRow.call_id.in_(calls)).values(swept=True))

    def _unswept(self, *rules: ColumnElement[bool]) -> tuple[UUID, ...]:
        query = select(ErasedCallRow.call_id).where(~ErasedCallRow.swept, *rules)
        with self._database.transaction() as session:
            return tuple(session.scalars(query.order_by(ErasedCallRow.erased_at).limit(SWEPT_AT_ONCE)))

    def _erase(self, call_id: UUID, order: ErasureOrder) -> Erasure:
        with self._database.transaction() as session:
            rows = lock_conversation(session, call_id)
            calls = tuple(row.id for row in rows)
            if session.scalar(select(func.count()).select_from(CallRow).where(CallRow.id.in_(calls), held())):
                raise CallHeld
            if any(row.state == CallState.ACTIVE for row in rows):
                raise CallActive
            spoken = select(UtteranceRow.call_id, func.count()).where(UtteranceRow.call_id.in_(calls))
            utterances = dict(session.execute(spoken.group_by(UtteranceRow.call_id)).all())
            if order.dry_run:
                return Erasure(calls, sum(utterances.values()))
            removed = {row.id: remove_audio(self._recordings, row) for row in rows}
            for found in calls:
                _note(session, found, order, removed[found], utterances.get(found, 0))
            session.execute(insert(ErasedCallRow).values([{"call_id": found} for found in calls]))
            session.execute(delete(CallRow).where(CallRow.id.in_(calls)))
        return Erasure(calls, sum(utterances.values()), sum(removed.values(), NOTHING))

    def _erased(self, conversations: Sequence[PartyConversation], order: ErasureOrder) -> Iterator[Erasure]:
        for number, found in enumerate(conversations):
            theirs = tuple(found.theirs)
            try:
                yield self.erase_call(theirs[0], order)
            except CallNotFound:
                # Somebody else erased it meanwhile.
                continue
            except CallHeld:
                yield Erasure(held=theirs)
            except CallActive:
                yield Erasure(active=theirs)
            except DatabaseUnavailable as error:
                log.error("erasure_broke_off", reason=str(error))
                yield Erasure(failed=tuple(call for rest in conversations[number:] for call in rest.theirs))
                return
            except StorageError as error:
                log.error("call_not_erased", call_id=str(theirs[0]), reason=str(error))
                yield Erasure(failed=theirs)

    def _planned(self, conversations: Sequence[PartyConversation], order: ErasureOrder) -> Iterator[Erasure]:
        """The same without erasing."""
        for found in conversations:
            theirs = tuple(found.theirs)
            if found.held:
                yield Erasure(held=theirs)
            elif found.active:
                yield Erasure(active=theirs)
            else:
                yield Erasure(theirs + tuple(found.others), found.utterances)

    def _note_party(self, order: ErasureOrder, done: Erasure) -> None:
        counts = {
            "calls": len(done.calls),
            "held": len(done.held),
            "active": len(done.active),
            "failed": len(done.failed),
        }
        with self._database.transaction() as session:
            write_audit(
                session, action="party.erased", subject="", by=order.by, detail={**counts, "reason": order.reason}
            )


def _note(session: Session, call_id: UUID, order: ErasureOrder, removed: RemovedFiles, utterances: int) -> None:
    counts = {"utterances": utterances, "files": removed.files, "bytes": removed.bytes}
    detail: Detail = {**counts, "reason": order.reason}
    write_audit(session, action="call.erased", subject=str(call_id), by=order.by, detail=detail)
