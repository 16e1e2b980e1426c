"""Finals and their revisions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from callscribe.domain.hotword import ListVersion
from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Correction, Word
from storage.columns import Corrections, ListVersions, Redactions, Words
from storage.models.base import EMPTY_ARRAY, EMPTY_LIST, NOUGHT, NOW, Base
from storage.models.speakers import SpeakerTurnRow


class UtteranceRow(Base):
    """A final."""

    __tablename__ = "utterances"
    __table_args__ = (
        ForeignKeyConstraint(["call_id", "channel"], ["channels.call_id", "channels.index"], ondelete="CASCADE"),
        UniqueConstraint("call_id", "channel", "start"),
        CheckConstraint('start >= 0 AND "end" >= start', name="span"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("cost >= 0", name="cost"),
        Index(None, "call_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """callscribe.domain.transcript.utterance_id of call, channel and start."""
    call_id: Mapped[UUID]
    channel: Mapped[int]
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str]
    confidence: Mapped[float]
    engine: Mapped[str]
    language: Mapped[str]
    words: Mapped[tuple[Word, ...]] = mapped_column(Words)
    spoken: Mapped[str] = mapped_column(server_default="")
    """Empty where it is the text."""
    corrections: Mapped[tuple[Correction, ...]] = mapped_column(Corrections, server_default=EMPTY_LIST)
    emotion: Mapped[str] = mapped_column(server_default="")
    audio_events: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)
    cost: Mapped[float] = mapped_column(server_default=NOUGHT)
    """callscribe.domain.transcript.Final.cost."""
    redactions: Mapped[tuple[Redaction, ...]] = mapped_column(Redactions, server_default=EMPTY_LIST)
    hotword_lists: Mapped[tuple[ListVersion, ...]] = mapped_column(ListVersions, server_default=EMPTY_LIST)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)

    revisions: Mapped[list["RevisionRow"]] = relationship(order_by="RevisionRow.number", viewonly=True)
    turns: Mapped[list[SpeakerTurnRow]] = relationship(order_by=SpeakerTurnRow.number, viewonly=True)


class RevisionRow(Base):
    """A later text of an utterance: a job's, which writes at most one for each, or a person's."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("utterance_id", "job_id"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("(job_id IS NULL) = (by <> '')", name="author"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("cost >= 0", name="cost"),
        Index(None, "job_id"),
    )

    utterance_id: Mapped[UUID] = mapped_column(ForeignKey("utterances.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 for the first revision of the utterance."""
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    """NULL: a person wrote it."""
    by: Mapped[str] = mapped_column(server_default="")
    text: Mapped[str]
    confidence: Mapped[float]
    engine: Mapped[str]
    reason: Mapped[str]
    words: Mapped[tuple[Word, ...]] = mapped_column(Words)
    spoken: Mapped[str] = mapped_column(server_default="")
    corrections: Mapped[tuple[Correction, ...]] = mapped_column(Corrections, server_default=EMPTY_LIST)
    cost: Mapped[float] = mapped_column(server_default=NOUGHT)
    redactions: Mapped[tuple[Redaction, ...]] = mapped_column(Redactions, server_default=EMPTY_LIST)
    hotword_lists: Mapped[tuple[ListVersion, ...]] = mapped_column(ListVersions, server_default=EMPTY_LIST)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
