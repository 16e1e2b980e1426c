"""What must be kept, and what is gone for good."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOW, Base


class HoldRow(Base):
    """A legal hold on a call. The database itself refuses to remove a call that has one."""

    __tablename__ = "holds"
    __table_args__ = (CheckConstraint("by <> ''", name="by"), UniqueConstraint("number"))

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """Order of holding."""
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=NOW)


class ErasedCallRow(Base):
    """A call that was erased: whatever still comes of it, as from a node that was away, is not written."""

    __tablename__ = "erased_calls"
    __table_args__ = (Index("ix_erased_calls_unswept", "erased_at", postgresql_where=text("NOT swept")),)

    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(server_default=NOW)
    swept: Mapped[bool] = mapped_column(server_default=text("false"))
    """Its events are gone from the streams, those too that were on their way at the time."""


class LostNodeRow(Base):
    """A node that has calls that go on, and does not run. It is no more here once it runs again.

    The row with the name "" is of no node: its `since` is when it was last looked who runs.
    """

    __tablename__ = "lost_nodes"

    name: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(server_default=NOW)
    """When it was first found missing."""


class LostCallRow(Base):
    """A call that was ended because its node was lost. What the node tells when it comes back takes its place."""

    __tablename__ = "lost_calls"
    __table_args__ = (Index(None, "node"),)

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    node: Mapped[str]
