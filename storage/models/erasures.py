"""Erasures of all calls of somebody, while they are on their way."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOUGHT, NOW, Base, one_of


class Outcome(StrEnum):
    """What came of a call that shall be erased, and is not."""

    WAITING = "waiting"
    HELD = "held"
    ACTIVE = "active"
    FAILED = "failed"


class PartyErasureRow(Base):
    """Somebody's calls shall be erased. Whose is not kept: which calls those are was found at once."""

    __tablename__ = "party_erasures"
    __table_args__ = (
        CheckConstraint("by <> ''", name="by"),
        CheckConstraint("least(found, calls, utterances, files, bytes) >= 0", name="counts"),
        Index("ix_party_erasures_due", "created_at", postgresql_where=text("finished_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    by: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    lease_until: Mapped[datetime | None]
    """Set while a worker is busy with it."""
    finished_at: Mapped[datetime | None]
    found: Mapped[int]
    """Calls with the party."""
    calls: Mapped[int] = mapped_column(server_default=NOUGHT)
    """Erased until now, with those that recorded the same conversations."""
    utterances: Mapped[int] = mapped_column(BigInteger, server_default=NOUGHT)
    files: Mapped[int] = mapped_column(server_default=NOUGHT)
    bytes: Mapped[int] = mapped_column(BigInteger, server_default=NOUGHT)


class PartyErasureCallRow(Base):
    """One of the calls that are not erased yet."""

    __tablename__ = "party_erasure_calls"
    __table_args__ = (one_of("outcome", Outcome), Index(None, "call_id"))

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("party_erasures.id", ondelete="CASCADE"), primary_key=True)
    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(server_default=Outcome.WAITING)
