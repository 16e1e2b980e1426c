"""Hotword lists."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from callscribe.domain.hotword import Hotword
from storage.columns import Hotwords
from storage.models.base import EMPTY_ARRAY, NOW, Base


class HotwordListRow(Base):
    """A named list of hotwords."""

    __tablename__ = "hotword_lists"
    __table_args__ = (UniqueConstraint("name"), CheckConstraint("name <> ''", name="name"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)
    """ISO 639-1 codes of the calls it is for; empty: all."""
    agents: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)
    """Patterns of the agents it is for; empty: all."""
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)

    words: Mapped[list["HotwordRow"]] = relationship(order_by="HotwordRow.number", viewonly=True)


class HotwordRow(Base):
    """A word or phrase of a list."""

    __tablename__ = "hotwords"
    __table_args__ = (
        UniqueConstraint("list_id", "text"),
        CheckConstraint("text <> ''", name="text"),
        CheckConstraint("weight > 0", name="weight"),
    )

    list_id: Mapped[UUID] = mapped_column(ForeignKey("hotword_lists.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Place in the list."""
    text: Mapped[str]
    weight: Mapped[float | None]


class HotwordListVersionRow(Base):
    """A list as it stood from a change on. It outlives the list: texts of calls name it."""

    __tablename__ = "hotword_list_versions"
    __table_args__ = (CheckConstraint("version > 0", name="version"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    words: Mapped[tuple[Hotword, ...]] = mapped_column(Hotwords)
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)
    agents: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)
    deleted: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the change was that the list was removed; its words are those it had."""
    by: Mapped[str] = mapped_column(server_default="")
    """Who changed it, as they named themselves; "" where nobody did."""
    changed_at: Mapped[datetime] = mapped_column(server_default=NOW)
