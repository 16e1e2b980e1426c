"""Who did what that changes or removes what was kept."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOW, Base

Detail = Mapping[str, str | int | float | bool]
"""Counts, reasons and the like, by name."""


class AuditRow(Base):
    """An entry of the audit log. Entries are only ever added: the database refuses to change or remove one."""

    __tablename__ = "audit"
    __table_args__ = (
        CheckConstraint("action <> ''", name="action"),
        CheckConstraint("by <> ''", name="by"),
        Index(None, "subject"),
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=NOW)
    by: Mapped[str]
    """As the one who asked called themselves; "callscribe" for what it did by itself."""
    action: Mapped[str]
    subject: Mapped[str]
    """What it was done to: a call's id, a list's name. Never a party."""
    detail: Mapped[Detail] = mapped_column(JSONB, server_default=text("'{}'"))
