"""The tables. Offsets and lengths are samples at the call's rate; times are timestamptz. The rules stand here."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from callscribe.domain.call import CallState, Dialect, Role
from callscribe.domain.transcript import Correction, Word
from storage.columns import Corrections, Ranges, UtcTime, Words
from storage.records import ChannelRange, JobKind, JobState

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

NOW = func.now()
EMPTY_LIST = text("'[]'")
EMPTY_ARRAY = text("'{}'")
NOUGHT = text("0")


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A rule that the column holds a member of the enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Base(DeclarativeBase):
    """What all tables share: names that a migration can rely on, and the types of the annotations."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {str: Text, datetime: UtcTime, UUID: Uuid}


class CallRow(Base):
    """A call. Its end is set when it is over, and only then."""

    __tablename__ = "calls"
    __table_args__ = (
        one_of("dialect", Dialect),
        one_of("state", CallState),
        CheckConstraint("sample_rate > 0", name="sample_rate"),
        CheckConstraint("samples >= 0", name="samples"),
        CheckConstraint(
            "(state = 'active') = (ended_at IS NULL)"
            " AND (ended_at IS NULL) = (samples IS NULL)"
            " AND (ended_at IS NULL) = (end_reason IS NULL)",
            name="end",
        ),
        CheckConstraint("interrupted = (state = 'interrupted')", name="interrupted"),
        Index(None, "started_at", "id"),
        Index("ix_calls_active", "node", postgresql_where=text("state = 'active'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    trunk: Mapped[str]
    dialect: Mapped[str]
    node: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=CallState.ACTIVE)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    interrupted: Mapped[bool] = mapped_column(server_default=text("false"))
    sample_rate: Mapped[int]
    samples: Mapped[int | None] = mapped_column(BigInteger)
    quirks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)

    parties: Mapped[list["PartyRow"]] = relationship(order_by="PartyRow.number", viewonly=True)
    channels: Mapped[list["ChannelRow"]] = relationship(order_by="ChannelRow.index", viewonly=True)
    outside_ids: Mapped[list["OutsideIdRow"]] = relationship(order_by="OutsideIdRow.number", viewonly=True)
    recording: Mapped["RecordingRow | None"] = relationship(viewonly=True)


class PartyRow(Base):
    """Someone who was named on the call. A party that leaves stays here: channels may point to it."""

    __tablename__ = "parties"
    __table_args__ = (
        UniqueConstraint("call_id", "id"),
        Index("ix_parties_caller", "call_id", unique=True, postgresql_where=text("is_caller")),
        Index("ix_parties_callee", "call_id", unique=True, postgresql_where=text("is_callee")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made of the call and what the party is, so that the same party is the same row."""
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """Order of first naming."""
    address: Mapped[str]
    name: Mapped[str]
    participant_id: Mapped[str]
    is_caller: Mapped[bool]
    is_callee: Mapped[bool]


class ChannelRow(Base):
    """One party's audio. A channel that is not in a later offer stays: utterances point to it."""

    __tablename__ = "channels"
    __table_args__ = (
        CheckConstraint("index >= 0", name="index"),
        one_of("role", Role),
        ForeignKeyConstraint(["call_id", "party_id"], ["parties.call_id", "parties.id"], ondelete="CASCADE"),
    )

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    label: Mapped[str] = mapped_column(server_default="")
    role: Mapped[str] = mapped_column(server_default=Role.UNKNOWN)
    codec: Mapped[str] = mapped_column(server_default="")
    party_id: Mapped[UUID | None]


class OutsideIdRow(Base):
    """A name that another system has for the call."""

    __tablename__ = "outside_ids"
    __table_args__ = (Index(None, "value"),)

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Place in the call's list."""
    kind: Mapped[str]
    value: Mapped[str]


class RecordingRow(Base):
    """A call's WAV file."""

    __tablename__ = "recordings"
    __table_args__ = (
        CheckConstraint("path <> '' AND left(path, 1) <> '/'", name="path"),
        CheckConstraint("rate > 0 AND channels > 0 AND samples >= 0 AND bytes >= 0", name="size"),
        UniqueConstraint("path"),
    )

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str]
    """Relative to the recordings folder, with forward slashes."""
    rate: Mapped[int]
    channels: Mapped[int]
    samples: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)


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
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)

    revisions: Mapped[list["RevisionRow"]] = relationship(order_by="RevisionRow.number", viewonly=True)


class JobRow(Base):
    """Work on an ended call. `lease_until` is set while somebody has it: sent to the broker, or running."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("state", JobState),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("state <> 'running' OR (lease_until IS NOT NULL AND started_at IS NOT NULL)", name="running"),
        CheckConstraint("(state IN ('done', 'failed')) = (finished_at IS NOT NULL)", name="finished"),
        Index("ix_jobs_due", "due_at", postgresql_where=text("state IN ('queued', 'running')")),
        Index(None, "call_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=JobState.QUEUED)
    ranges: Mapped[tuple[ChannelRange, ...]] = mapped_column(Ranges)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime] = mapped_column(server_default=NOW)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RevisionRow(Base):
    """A later text of an utterance. A job writes at most one for each."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("utterance_id", "job_id"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("cost >= 0", name="cost"),
        Index(None, "job_id"),
    )

    utterance_id: Mapped[UUID] = mapped_column(ForeignKey("utterances.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 for the first revision of the utterance."""
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    text: Mapped[str]
    confidence: Mapped[float]
    engine: Mapped[str]
    reason: Mapped[str]
    words: Mapped[tuple[Word, ...]] = mapped_column(Words)
    spoken: Mapped[str] = mapped_column(server_default="")
    corrections: Mapped[tuple[Correction, ...]] = mapped_column(Corrections, server_default=EMPTY_LIST)
    cost: Mapped[float] = mapped_column(server_default=NOUGHT)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


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
