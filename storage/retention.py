"""Audio and text whose time is over, removed in batches; any number of processes may do it over one database.

Files go first, then the row that names them: what is killed between is done by the next turn, for a file that is gone
already is no failure. A call is left alone while jobs of it are queued or running, and while it is held.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, false, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from callscribe.domain.errors import StorageError
from storage.audit import ITSELF, write_audit
from storage.database import Database
from storage.holds import held
from storage.models import (
    CallRow,
    ChannelRow,
    JobRow,
    NoteRow,
    OutsideIdRow,
    PartyRow,
    RecordingRow,
    RuleResultRow,
    UtteranceRow,
)
from storage.records import JobState
from storage.removal import NOTHING, RemovedFiles, remove_audio
from storage.rows import call_parts

log = structlog.get_logger()

BATCH = 50
"""Calls of one transaction."""


@dataclass(frozen=True, slots=True)
class KeepTimes:
    """How many days something is kept after the end of a call; 0: for ever."""

    trunks: Mapping[str, float] = field(default_factory=dict)
    """By name of the trunk."""
    others: float = 0.0
    """Of trunks that are not named."""


@dataclass(frozen=True, slots=True)
class Expired:
    """What a turn removed."""

    calls: int = 0
    files: RemovedFiles = NOTHING
    failed: int = 0
    """Calls whose file could not be removed; the next turn tries them again."""


class RetentionStore:
    """Removes what has been kept long enough. Raises DatabaseUnavailable."""

    def __init__(self, database: Database, recordings: Path) -> None:
        """`recordings`: the recordings folder."""
        self._database = database
        self._recordings = recordings

    def expire_audio(self, kept: KeepTimes) -> Expired:
        """Remove the recordings whose time is over. What was said stays."""
        calls, failed, files = 0, 0, NOTHING
        after: UUID | None = None
        while True:
            with self._database.transaction() as session:
                due = _next_due(session, kept, CallRow.audio_expired_at, after)
                rows = _lock_due(session, kept, CallRow.audio_expired_at, due)
                removed = {row: found for row in rows if (found := self._remove_files(row)) is not None}
                gone = [row.id for row in removed]
                session.execute(delete(RecordingRow).where(RecordingRow.call_id.in_(gone)))
                session.execute(update(CallRow).where(CallRow.id.in_(gone)).values(audio_expired_at=func.now()))
                _note(session, "audio.expired", removed)
            calls, failed = calls + len(gone), failed + len(rows) - len(gone)
            files = sum(removed.values(), files)
            if len(due) < BATCH:
                return Expired(calls, files, failed)
            after = due[-1]

    def expire_text(self, kept: KeepTimes, forget: Callable[[Sequence[UUID]], object]) -> Expired:
        """Remove what was said in the calls whose time is over, who spoke, and by what ids other systems know them.

        The call's times, channels and measures stay, without a name. `forget` is told the calls before they are written
        and takes them out of the event streams; what it raises ends the turn, and they are due again. No call is locked
        meanwhile: one that is held in that moment keeps its text, and loses its events, which are kept for hours only.
        """
        calls = 0
        after: UUID | None = None
        while True:
            with self._database.transaction() as session:
                due = _next_due(session, kept, CallRow.text_expired_at, after)
            if due:
                forget(due)
            with self._database.transaction() as session:
                rows = _lock_due(session, kept, CallRow.text_expired_at, due)
                if rows:
                    _remove_text(session, [row.id for row in rows])
                _note(session, "text.expired", rows)
            calls += len(rows)
            if len(due) < BATCH:
                return Expired(calls)
            after = due[-1]

    def _remove_files(self, row: CallRow) -> RemovedFiles | None:
        """None where that failed: the others go on."""
        try:
            return remove_audio(self._recordings, row)
        except StorageError as error:
            log.error("recording_not_removed", call_id=str(row.id), reason=str(error))
            return None


def _next_due(
    session: Session, kept: KeepTimes, expired_at: InstrumentedAttribute[datetime | None], after: UUID | None
) -> Sequence[UUID]:
    """The next calls by id whose time is over and that have no job left to do."""
    rules = _rules(kept, expired_at)
    if after is not None:
        rules.append(CallRow.id > after)
    return session.scalars(select(CallRow.id).where(*rules).order_by(CallRow.id).limit(BATCH)).all()


def _lock_due(
    session: Session, kept: KeepTimes, expired_at: InstrumentedAttribute[datetime | None], due: Sequence[UUID]
) -> Sequence[CallRow]:
    """Those of them that still are due and that nobody else is busy with, locked until the transaction ends."""
    query = select(CallRow).where(CallRow.id.in_(due), *_rules(kept, expired_at)).order_by(CallRow.id)
    rows = session.scalars(query.options(*call_parts()).with_for_update(of=CallRow, skip_locked=True)).all()
    # A hold may have come between the look at the calls and their lock.
    late = set(session.scalars(select(CallRow.id).where(CallRow.id.in_([row.id for row in rows]), held())))
    return [row for row in rows if row.id not in late]


def _rules(kept: KeepTimes, expired_at: InstrumentedAttribute[datetime | None]) -> list[ColumnElement[bool]]:
    busy = exists().where(JobRow.call_id == CallRow.id, JobRow.state.in_((JobState.QUEUED, JobState.RUNNING)))
    return [expired_at.is_(None), _over(kept), ~busy, ~held()]


def _over(kept: KeepTimes) -> ColumnElement[bool]:
    def ended_before(days: float) -> ColumnElement[bool]:
        return CallRow.ended_at < func.now() - timedelta(days=days)

    rules = [and_(CallRow.trunk == name, ended_before(days)) for name, days in kept.trunks.items() if days]
    if kept.others:
        rules.append(and_(CallRow.trunk.not_in(kept.trunks), ended_before(kept.others)))
    return or_(false(), *rules)


def _remove_text(session: Session, calls: Sequence[UUID]) -> None:
    session.execute(delete(UtteranceRow).where(UtteranceRow.call_id.in_(calls)))
    session.execute(delete(NoteRow).where(NoteRow.call_id.in_(calls)))
    session.execute(update(RuleResultRow).where(RuleResultRow.call_id.in_(calls)).values(quote=""))
    session.execute(update(ChannelRow).where(ChannelRow.call_id.in_(calls)).values(party_id=None, label=""))
    session.execute(delete(PartyRow).where(PartyRow.call_id.in_(calls)))
    session.execute(delete(OutsideIdRow).where(OutsideIdRow.call_id.in_(calls)))
    bare = {"hotwords": (), "pauses": (), "text_expired_at": func.now()}
    session.execute(update(CallRow).where(CallRow.id.in_(calls)).values(**bare))


def _note(session: Session, action: str, rows: Iterable[CallRow]) -> None:
    for trunk, calls in Counter(row.trunk for row in rows).items():
        write_audit(session, action=action, subject=trunk, by=ITSELF, detail={"calls": calls})
