"""What people write beside a call."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOW, Base


class NoteRow(Base):
    """A note, a comment at a time, or a pin on an utterance."""

    __tablename__ = "notes"
    __table_args__ = (
        CheckConstraint("text <> '' OR utterance_id IS NOT NULL", name="says_something"),
        CheckConstraint("at_ms >= 0", name="at_ms"),
        Index(None, "call_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    utterance_id: Mapped[UUID | None]
    """Its final may be stored after the note, or recovered anew: no foreign key."""
    at_ms: Mapped[int | None]
    text: Mapped[str]
    by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(server_default=NOW)
    changed_at: Mapped[datetime] = mapped_column(server_default=NOW)
