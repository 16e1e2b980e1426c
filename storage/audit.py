"""The audit log: who did what that changes or removes what was kept, and why. It holds nothing that was said."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from storage.clean import clean, clean_name
from storage.cursors import read_number
from storage.database import Database
from storage.models import AuditRow
from storage.models.audit import Detail

ITSELF = "callscribe"
"""Who did what nobody asked for at that moment, as the end of a retention period."""
PAGE_LIMIT = 500
acting_as: ContextVar[str] = ContextVar("acting_as", default="")
"""The user who signed in and asks for what is being done; "": nobody had to. Entries have it as `user`, whatever name
was given."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done. `at` is aware UTC."""

    id: int
    at: datetime
    by: str
    action: str
    """A subject and a participle: "call.erased", "utterance.corrected"."""
    subject: str
    detail: Detail


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None: any. Times are aware, `since` inclusive, `until` exclusive."""

    action: str | None = None
    subject: str | None = None
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and where to go on; `cursor` None: these were the last."""

    entries: tuple[AuditEntry, ...]
    cursor: str | None


def write_audit(session: Session, *, action: str, subject: str, by: str, detail: Detail | None = None) -> None:
    """Add an entry in the transaction of what it tells, so that there is never one without the other.

    `subject` and `detail` name nobody and quote nothing: an entry outlives the call it is about. Raises ValueError
    where nobody is named in `by`, or no `action`.
    """
    if not action or not by.strip():
        raise ValueError("an audit entry needs who did it and what was done")
    told = {**({"user": user} if (user := acting_as.get()) else {}), **(detail or {})}
    row = AuditRow(
        by=clean_name(by.strip()),
        action=clean_name(action),
        subject=clean_name(subject),
        detail={name: clean(value) if isinstance(value, str) else value for name, value in told.items()},
    )
    session.add(row)


class AuditLog:
    """Reads the audit log. Raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(self, conditions: AuditFilter | None = None, limit: int = 50, cursor: str | None = None) -> AuditPage:
        """The newest entries that meet the conditions, at most `limit` (1 to 500), from where `cursor` says.

        Raises ValueError for a limit out of bounds or a cursor that no page gave.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")
        rules = _rules(conditions or AuditFilter())
        if cursor is not None:
            rules.append(AuditRow.id < read_number(cursor))
        query = select(AuditRow).where(*rules).order_by(AuditRow.id.desc()).limit(limit + 1)
        with self._database.transaction() as session:
            rows = session.scalars(query).all()
        shown = tuple(AuditEntry(r.id, r.at, r.by, r.action, r.subject, r.detail) for r in rows[:limit])
        return AuditPage(shown, str(shown[-1].id) if len(rows) > limit else None)


def _rules(conditions: AuditFilter) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if conditions.action is not None:
        rules.append(AuditRow.action == clean_name(conditions.action))
    if conditions.subject is not None:
        rules.append(AuditRow.subject == clean_name(conditions.subject))
    if conditions.by is not None:
        rules.append(AuditRow.by == clean_name(conditions.by.strip()))
    if conditions.since is not None:
        rules.append(AuditRow.at >= conditions.since)
    if conditions.until is not None:
        rules.append(AuditRow.at < conditions.until)
    return rules
