"""Calls removed for good: rows, recordings, and whatever of them is still on its way.

The tables of a call hang on its row, so that removing it removes them all. What remains is a tombstone without anything
of the call but its id, which keeps a journal or a job that comes later from writing the call anew, and an audit entry.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.call import CallState
from callscribe.domain.errors import (
    CallActive,
    CallHeld,
    CallNotFound,
    DatabaseUnavailable,
    StorageError,
    TooManyAlike,
)
from storage.alike import alike_calls
from storage.audit import write_audit
from storage.conversations import lock_conversation, repeat_deadlocked
from storage.database import Database
from storage.holds import held
from storage.models import CallRow, ErasedCallRow, UtteranceRow
from storage.models.audit import Detail
from storage.party_calls import PartyConversation, find_conversations
from storage.removal import NOTHING, RemovedFiles, remove_audio

log = structlog.get_logger()

UNDERWAY = timedelta(minutes=10)
"""Events of a call that were on their way when it was erased have come after so long."""
ALIKE_LIMIT = 500
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
    alike: tuple[UUID, ...] = ()
    """Of one call: others that stay and may record the same conversation (storage.alike), at most ALIKE_LIMIT."""

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
    alike: bool = False
    """With one call also those go that may record the same conversation, and what each of them is linked with."""


Noting = Callable[[Session, Erasure], None]


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
        With `order.alike` the call's own conversation goes last, and what is held, goes on or failed of the others is
        told as of a party; raises TooManyAlike.
        """
        tried = repeat_deadlocked(lambda: self._erase(call_id, replace(order, dry_run=True)))
        with self._database.transaction() as session:
            alike = alike_calls(session, tried.calls, ALIKE_LIMIT + 1)
        if not order.alike or not alike:
            done = tried if order.dry_run else self._erase_one(call_id, order)
            return replace(done, alike=alike[:ALIKE_LIMIT])
        if len(alike) > ALIKE_LIMIT:
            raise TooManyAlike
        with self._database.transaction() as session:
            others = find_conversations(session, alike)
        done = self.planned(others) if order.dry_run else Erasure.total(list(self._erased(others, order)))
        own = tried if order.dry_run else self._erase_one(call_id, order)
        return Erasure.total([own, done])

    def _erase_one(self, call_id: UUID, order: ErasureOrder) -> Erasure:
        return repeat_deadlocked(lambda: self._erase(call_id, order))

    def erase_conversation(self, call_id: UUID, order: ErasureOrder, note: Noting) -> Erasure:
        """As `erase_call`, without calls that are alike; `note` is told in the transaction what goes."""
        return repeat_deadlocked(lambda: self._erase(call_id, order, note))

    def planned(self, conversations: Sequence[PartyConversation]) -> Erasure:
        """What erasing these would do, as far as they tell."""
        return Erasure.total([_planned(found) for found in conversations])

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

    def _erase(self, call_id: UUID, order: ErasureOrder, note: Noting | None = None) -> Erasure:
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
            done = Erasure(calls, sum(utterances.values()), sum(removed.values(), NOTHING))
            if note is not None:
                note(session, done)
        return done

    def _erased(self, conversations: Sequence[PartyConversation], order: ErasureOrder) -> Iterator[Erasure]:
        for number, found in enumerate(conversations):
            theirs = tuple(found.theirs)
            try:
                yield self._erase_one(theirs[0], order)
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


def _planned(found: PartyConversation) -> Erasure:
    theirs = tuple(found.theirs)
    if found.held:
        return Erasure(held=theirs)
    if found.active:
        return Erasure(active=theirs)
    return Erasure(theirs + tuple(found.others), found.utterances)


def _note(session: Session, call_id: UUID, order: ErasureOrder, removed: RemovedFiles, utterances: int) -> None:
    counts = {"utterances": utterances, "files": removed.files, "bytes": removed.bytes}
    detail: Detail = {**counts, "reason": order.reason}
    write_audit(session, action="call.erased", subject=str(call_id), by=order.by, detail=detail)
