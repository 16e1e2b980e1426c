"""What was measured of ended calls, and the scorecards that judge them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.models.base import NOW, Base


class CallMeasuresRow(Base):
    """The measures of a call that has ended (callscribe.domain.measures.CallMeasures); times are milliseconds."""

    __tablename__ = "call_measures"
    __table_args__ = (
        CheckConstraint(
            "least(longest_silence_start_ms, longest_silence_ms, overtalk_ms, agent_speech_ms, customer_speech_ms,"
            " interruptions) >= 0",
            name="measures",
        ),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        CheckConstraint("least(hold_ms, longest_hold_start_ms, longest_hold_ms) >= 0", name="hold"),
        Index(None, "score"),
    )

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    longest_silence_start_ms: Mapped[int]
    longest_silence_ms: Mapped[int]
    overtalk_ms: Mapped[int]
    agent_speech_ms: Mapped[int]
    customer_speech_ms: Mapped[int]
    interruptions: Mapped[int]
    hold_ms: Mapped[int | None]
    """NULL, as the two that follow: telephony could not tell."""
    longest_hold_start_ms: Mapped[int | None]
    longest_hold_ms: Mapped[int | None]
    channels: Mapped[object] = mapped_column(JSONB)
    """An array of callscribe.domain.measures.ChannelMeasures."""
    score: Mapped[float | None]
    """The lowest of its scorecards' scores; NULL: no scorecard is for it, or none had a rule that applied."""
    computed_at: Mapped[datetime] = mapped_column(server_default=NOW)

    scores: Mapped[list["CallScoreRow"]] = relationship(order_by="CallScoreRow.scorecard", viewonly=True)


class ScorecardRow(Base):
    """One version of a scorecard. The newest counts; versions stay, for calls were scored by them."""

    __tablename__ = "scorecards"
    __table_args__ = (CheckConstraint("name <> ''", name="name"), CheckConstraint("version > 0", name="version"))

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition: Mapped[object | None] = mapped_column(JSONB(none_as_null=True))
    """callscribe.domain.scorecard.Scorecard but its name; NULL: in this version it was removed."""
    by: Mapped[str]
    """Who made the version."""
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class CallScoreRow(Base):
    """How a call did by a scorecard."""

    __tablename__ = "call_scores"
    __table_args__ = (
        ForeignKeyConstraint(["scorecard", "version"], ["scorecards.name", "scorecards.version"]),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        Index(None, "scorecard", "version"),
    )

    call_id: Mapped[UUID] = mapped_column(ForeignKey("call_measures.call_id", ondelete="CASCADE"), primary_key=True)
    scorecard: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    score: Mapped[float | None]
    """NULL: none of its rules applied."""

    results: Mapped[list["RuleResultRow"]] = relationship(order_by="RuleResultRow.number", viewonly=True)


class RuleResultRow(Base):
    """What a rule of a scorecard found in a call, with its evidence."""

    __tablename__ = "rule_results"
    __table_args__ = (
        ForeignKeyConstraint(
            ["call_id", "scorecard"], ["call_scores.call_id", "call_scores.scorecard"], ondelete="CASCADE"
        ),
        Index(None, "utterance_id"),
        Index("ix_rule_results_failed", "rule", "call_id", postgresql_where=text("NOT passed")),
    )

    call_id: Mapped[UUID] = mapped_column(primary_key=True)
    scorecard: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Place of the rule in its scorecard."""
    rule: Mapped[str]
    """Its name."""
    weight: Mapped[float]
    critical: Mapped[bool]
    passed: Mapped[bool | None]
    """NULL: the rule did not apply."""
    reason: Mapped[str]
    """What was found, a sentence without what was said."""
    utterance_id: Mapped[UUID | None] = mapped_column(ForeignKey("utterances.id", ondelete="SET NULL"))
    """Where the evidence lies; NULL: nowhere, or in no one utterance."""
    start_ms: Mapped[int | None]
    """Where it begins in the call."""
    quote: Mapped[str]
    """What was said there; empty: nothing."""
