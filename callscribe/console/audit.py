"""The API's routes for the audit log."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from callscribe.console.answer import Answer
from callscribe.console.moment import Moment
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.text.tables import plain_cell
from storage.audit import PAGE_LIMIT, AuditEntry, AuditFilter, AuditLog, AuditPage

router = APIRouter(prefix=API, tags=["Retention"])

COLUMNS = ("id", "at", "by", "action", "subject", "detail")
"""Of the table; `detail` is JSON."""


class AuditConditions(BaseModel):
    """Which entries; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    action: str | None = Field(None, max_length=100, description="What was done.", examples=["call.erased"])
    subject: str | None = Field(None, max_length=512, description="To what: a call's id, a list's name, a trunk.")
    by: str | None = Field(None, max_length=100, description="Who did it.")
    since: Moment | None = Field(None, description="At or after this time (ISO 8601 with zone).")
    until: Moment | None = Field(None, description="Before this time (ISO 8601 with zone).")

    @property
    def conditions(self) -> AuditFilter:
        return AuditFilter(self.action, self.subject, self.by, self.since, self.until)


class AuditQuery(AuditConditions):
    """Which entries to list."""

    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="Entries at most.")
    cursor: str | None = Field(None, max_length=20, description="`cursor` of the stretch before.")


class AuditEntryAnswer(Answer):
    """One thing that was done. It names no party and quotes nothing."""

    id: int
    at: datetime = Field(description="UTC.")
    by: str = Field(description="Who did it; `callscribe`: nobody asked for it at that moment.")
    action: str = Field(examples=["call.erased", "call.held", "audio.expired"])
    subject: str = Field(description="To what it was done: a call's id, a list's name, a trunk.")
    detail: dict[str, str | int | float | bool] = Field(description="Counts and reasons.")

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryAnswer":
        return cls(
            id=entry.id,
            at=entry.at,
            by=entry.by,
            action=entry.action,
            subject=entry.subject,
            detail=dict(entry.detail),
        )


class AuditPageAnswer(Answer):
    """A stretch of the audit log, newest first."""

    entries: list[AuditEntryAnswer]
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")

    @classmethod
    def of(cls, page: AuditPage) -> "AuditPageAnswer":
        return cls(entries=[AuditEntryAnswer.of(entry) for entry in page.entries], cursor=page.cursor)


@router.get("/audit", responses=responses(422, 503))
def list_audit(sources: SourcesOf, query: Annotated[AuditQuery, Query()]) -> AuditPageAnswer:
    """Who held, erased and changed what, and what retention removed, newest first. Entries are never changed."""
    try:
        return AuditPageAnswer.of(sources.audit.entries(query.conditions, query.limit, query.cursor))
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}; begin again without one") from error


@router.get(
    "/audit.csv",
    response_class=StreamingResponse,
    responses=responses(422, 503) | {200: {"content": {"text/csv": {}}, "description": "One line an entry."}},
)
def export_audit(sources: SourcesOf, query: Annotated[AuditConditions, Query()]) -> StreamingResponse:
    """The same as CSV (RFC 4180), all of it, newest first."""
    first = sources.audit.entries(query.conditions, PAGE_LIMIT)
    name = f"audit-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
    return StreamingResponse(
        _tables(sources.audit, query.conditions, first),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _tables(log: AuditLog, conditions: AuditFilter, page: AuditPage) -> Iterator[str]:
    yield _table([COLUMNS])
    while True:
        yield _table([_cells(entry) for entry in page.entries])
        if page.cursor is None:
            return
        page = log.entries(conditions, PAGE_LIMIT, page.cursor)


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    told = (entry.by, entry.action, entry.subject)
    return (str(entry.id), entry.at.isoformat(), *map(plain_cell, told), json.dumps(dict(entry.detail)))


def _table(rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
