"""Who speaks in utterances of channels that carry several people."""

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base


class SpeakerTurnRow(Base):
    """A part of an utterance that one speaker says (callscribe.domain.speaker.SpeakerTurn)."""

    __tablename__ = "speaker_turns"
    __table_args__ = (
        CheckConstraint("number > 0 AND speaker > 0", name="numbers"),
        CheckConstraint('start >= 0 AND "end" >= start', name="span"),
    )

    utterance_id: Mapped[UUID] = mapped_column(ForeignKey("utterances.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 for the first of the utterance."""
    speaker: Mapped[int]
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    overlapped: Mapped[bool]
