"""Assist rules, and the cards that they gave."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from callscribe.domain.assist import Severity
from storage.models.base import NOW, Base, one_of


class AssistRuleRow(Base):
    """One version of an assist rule. The newest counts; versions stay, for cards were given by them."""

    __tablename__ = "assist_rules"
    __table_args__ = (CheckConstraint("name <> ''", name="name"), CheckConstraint("version > 0", name="version"))

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition: Mapped[object | None] = mapped_column(JSONB(none_as_null=True))
    """callscribe.text.assist_rules.AssistRule; NULL: in this version it was removed."""
    by: Mapped[str]
    """Who made the version, as they named themselves; "" where nobody did."""
    changed_at: Mapped[datetime] = mapped_column(server_default=NOW)


class AssistCardRow(Base):
    """A card that a rule gave on a call. It holds the rule's words as they were then, and none that were said."""

    __tablename__ = "assist_cards"
    __table_args__ = (
        ForeignKeyConstraint(["rule", "version"], ["assist_rules.name", "assist_rules.version"]),
        one_of("severity", Severity),
        CheckConstraint("start >= 0 AND heard >= start", name="place"),
        Index(None, "call_id"),
        Index(None, "rule", "call_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    rule: Mapped[str]
    version: Mapped[int]
    title: Mapped[str]
    text: Mapped[str]
    link: Mapped[str]
    severity: Mapped[str]
    start: Mapped[int] = mapped_column(BigInteger)
    """Sample from which on it is about what is said."""
    heard: Mapped[int] = mapped_column(BigInteger)
    """Sample up to which the call had been heard when the rule held."""
    channel: Mapped[int | None]
    """Index; NULL: it is about no one channel."""
    utterance_id: Mapped[UUID | None]
    """The utterance in which the words begin. Its final may come after the card, or never: no foreign key."""
    made_at: Mapped[datetime] = mapped_column(server_default=NOW)
