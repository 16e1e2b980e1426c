"""Work on ended calls."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.columns import Ranges
from storage.models.base import NOUGHT, NOW, Base, one_of
from storage.records import ChannelRange, JobKind, JobState


class JobRow(Base):
    """Work on an ended call. `lease_until` is set while somebody has it: sent to the broker, or running."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("state", JobState),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("state <> 'running' OR (lease_until IS NOT NULL AND started_at IS NOT NULL)", name="running"),
        CheckConstraint("(state IN ('done', 'failed')) = (finished_at IS NOT NULL)", name="finished"),
        Index("ix_jobs_due", "priority", "due_at", postgresql_where=text("state IN ('queued', 'running')")),
        Index(None, "call_id"),
        Index("ix_jobs_listed", "created_at", "id"),
        Index("ix_jobs_failed", "created_at", "id", postgresql_where=text("state = 'failed'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=JobState.QUEUED)
    ranges: Mapped[tuple[ChannelRange, ...]] = mapped_column(Ranges)
    priority: Mapped[int] = mapped_column(server_default=NOUGHT)
    """Of due jobs the lowest go first (storage.records.JobIntent)."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime] = mapped_column(server_default=NOW)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
