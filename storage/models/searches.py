"""Searches that people keep."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOW, Base


class SavedSearchRow(Base):
    """A query under a name."""

    __tablename__ = "saved_searches"
    __table_args__ = (CheckConstraint("name <> ''", name="name"), CheckConstraint("query <> ''", name="query"))

    name: Mapped[str] = mapped_column(primary_key=True)
    query: Mapped[str]
    """As it was typed: `since:7d` goes on to mean the last seven days."""
    by: Mapped[str]
    """Who saved it last, as they named themselves."""
    saved_at: Mapped[datetime] = mapped_column(server_default=NOW)
