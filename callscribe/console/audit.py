"""The API's route for the audit log."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.moment import Moment
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from storage.audit import PAGE_LIMIT, AuditEntry, AuditFilter, AuditPage

router = APIRouter(prefix=API, tags=["Retention"])


class AuditQuery(BaseModel):
    """Which entries to list; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    action: str | None = Field(None, max_length=100, description="What was done.", examples=["call.erased"])
    subject: str | None = Field(None, max_length=512, description="To what: a call's id, a list's name, a trunk.")
    by: str | None = Field(None, max_length=100, description="Who did it.")
    since: Moment | None = Field(None, description="At or after this time (ISO 8601 with zone).")
    until: Moment | None = Field(None, description="Before this time (ISO 8601 with zone).")
    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="Entries at most.")
    cursor: str | None = Field(None, max_length=20, description="`cursor` of the stretch before.")

    @property
    def conditions(self) -> AuditFilter:
        return AuditFilter(self.action, self.subject, self.by, self.since, self.until)


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
