"""What is sent to others about calls."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOUGHT, NOW, Base, one_of
from storage.records import DeliveryState


class WebhookDeliveryRow(Base):
    """What one webhook is told of one processing of a call. `lease_until` is set while a worker sends it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("state", DeliveryState),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("processing >= 1", name="processing"),
        CheckConstraint("(state = 'queued') = (finished_at IS NULL)", name="finished"),
        UniqueConstraint("call_id", "hook", "processing"),
        Index("ix_webhook_deliveries_due", "hook", "priority", "due_at", postgresql_where=text("state = 'queued'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    hook: Mapped[str]
    """Name of the webhook in the settings."""
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    processing: Mapped[int]
    """1 for the first time that nothing of the call was left to do."""
    priority: Mapped[int] = mapped_column(server_default=NOUGHT)
    """That of the job that was the call's last (storage.records.JobIntent): of due deliveries the lowest go first."""
    state: Mapped[str] = mapped_column(server_default=DeliveryState.QUEUED)
    attempts: Mapped[int] = mapped_column(server_default=NOUGHT)
    error: Mapped[str] = mapped_column(server_default="")
    """Why the last attempt failed, one sentence; "" when it did not."""
    due_at: Mapped[datetime] = mapped_column(server_default=NOW)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    finished_at: Mapped[datetime | None]
    """When it was delivered or given up."""


class WebhookHoldRow(Base):
    """A webhook to which nothing is sent for now, as its receiver asked for that."""

    __tablename__ = "webhook_holds"

    hook: Mapped[str] = mapped_column(primary_key=True)
    """Name of the webhook in the settings."""
    address: Mapped[str]
    """SHA-256 of its URL, in hexadecimal digits: another address has not asked."""
    reason: Mapped[str]
    """One sentence."""
    until: Mapped[datetime | None]
    """None: until somebody has it go on."""
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
