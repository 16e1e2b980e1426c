"""What a search looks at. It is made of utterances and revisions, and can be made again (storage.search_index)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DDL, BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, event
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base

event.listen(Base.metadata, "before_create", DDL("CREATE EXTENSION IF NOT EXISTS pg_trgm"))  # type: ignore[no-untyped-call]


class SearchTextRow(Base):
    """A text of an utterance as a search sees it: the final's, or a revision's."""

    __tablename__ = "search_texts"
    __table_args__ = (
        CheckConstraint("number >= 0", name="number"),
        # Without the list of pending entries, which every search would read through.
        Index(None, "lexemes", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index(None, "said_at", "utterance_id"),
        Index(None, "call_id"),
        # Room for the row that a revision replaces: what changes in it is in no index.
        {"postgresql_with": {"fillfactor": "90"}},
    )

    utterance_id: Mapped[UUID] = mapped_column(ForeignKey("utterances.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0 for the final, else the revision's."""
    newest: Mapped[bool]
    call_id: Mapped[UUID]
    channel: Mapped[int]
    said_at: Mapped[datetime]
    """When its utterance began."""
    lexemes: Mapped[str] = mapped_column(TSVECTOR)
    """storage.lexemes.text_vector of the text and of what is known of the utterance."""


class SearchWordRow(Base):
    """A word of the texts, to find those that are spelled alike. Stays when its last text goes, until it is swept."""

    __tablename__ = "search_words"
    __table_args__ = (
        Index("ix_search_words_alike", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )

    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)


class SearchQueueRow(Base):
    """An utterance whose search texts are to be made, or made again. Triggers write it, whoever changes a text."""

    __tablename__ = "search_queue"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    utterance_id: Mapped[UUID]
    """It may be gone by now."""
