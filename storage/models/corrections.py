"""Utterances whose text is a person's now."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import NOW, Base


class CorrectionRow(Base):
    """That an utterance's newest text is a person's, and how far the machine's texts were from it."""

    __tablename__ = "corrections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["utterance_id", "number"], ["revisions.utterance_id", "revisions.number"], ondelete="CASCADE"
        ),
        CheckConstraint("words >= 0 AND live_errors >= 0 AND second_pass_errors >= 0", name="counts"),
        Index(None, "corrected_at"),
    )

    utterance_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int]
    """Of the person's revision."""
    words: Mapped[int]
    """Of the person's text (callscribe.text.word_errors.tokens)."""
    live_errors: Mapped[int]
    """Words in which the final differs."""
    second_pass_errors: Mapped[int | None]
    """Words in which the newest text that an engine gave after the call differs; NULL where there is none."""
    corrected_at: Mapped[datetime] = mapped_column(server_default=NOW)
