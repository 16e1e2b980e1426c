"""Calls, their parties, channels and outside ids, and their recordings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from callscribe.domain.call import CallState, ChannelHold, Dialect, Role
from callscribe.domain.hotword import Hotword
from callscribe.domain.pause import Pause
from storage.columns import Holds, Hotwords, Pauses
from storage.models.base import EMPTY_ARRAY, EMPTY_LIST, Base, one_of
from storage.models.measures import CallMeasuresRow

PARTS = dict.fromkeys(("address", "name"), "gin_trgm_ops")
"""For an index that finds parts of texts."""


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
        Index(None, "conversation_id"),
        Index("ix_calls_audio_kept", "trunk", "ended_at", postgresql_where=text("audio_expired_at IS NULL")),
        Index("ix_calls_text_kept", "trunk", "ended_at", postgresql_where=text("text_expired_at IS NULL")),
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
    hotwords: Mapped[tuple[Hotword, ...]] = mapped_column(Hotwords, server_default=EMPTY_LIST)
    """Those that came with the call."""
    pauses: Mapped[tuple[Pause, ...]] = mapped_column(Pauses, server_default=EMPTY_LIST)
    holds: Mapped[tuple[ChannelHold, ...] | None] = mapped_column(Holds)
    """NULL: telephony could not tell."""
    conversation_id: Mapped[UUID | None]
    """Of calls that record one conversation: the id of the first of them. NULL: it is alone."""
    duplicate_of: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id", ondelete="SET NULL"))
    """The call that brings the same audio."""
    audio_expired_at: Mapped[datetime | None]
    """When retention removed its recording; no later one is taken."""
    text_expired_at: Mapped[datetime | None]
    """When retention removed what was said and by whom; nothing later is taken."""

    parties: Mapped[list["PartyRow"]] = relationship(order_by="PartyRow.number", viewonly=True)
    channels: Mapped[list["ChannelRow"]] = relationship(order_by="ChannelRow.index", viewonly=True)
    outside_ids: Mapped[list["OutsideIdRow"]] = relationship(order_by="OutsideIdRow.number", viewonly=True)
    recording: Mapped["RecordingRow | None"] = relationship(viewonly=True)
    measures: Mapped[CallMeasuresRow | None] = relationship(viewonly=True)


class PartyRow(Base):
    """Someone who was named on the call. A party that leaves stays here: channels may point to it."""

    __tablename__ = "parties"
    __table_args__ = (
        UniqueConstraint("call_id", "id"),
        Index("ix_parties_caller", "call_id", unique=True, postgresql_where=text("is_caller")),
        Index("ix_parties_callee", "call_id", unique=True, postgresql_where=text("is_callee")),
        Index("ix_parties_address", text("lower(address)")),
        Index("ix_parties_user", text("lower(substring(address, '^[a-zA-Z]+:([^@;?]*)'))")),
        Index("ix_parties_alike", "address", "name", postgresql_using="gin", postgresql_ops=PARTS),
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
        CheckConstraint("least(packets, lost, reordered, duplicated, discarded, late, jitter_ms) >= 0", name="media"),
        CheckConstraint("mos BETWEEN 1 AND 5", name="mos"),
        ForeignKeyConstraint(["call_id", "party_id"], ["parties.call_id", "parties.id"], ondelete="CASCADE"),
    )

    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    label: Mapped[str] = mapped_column(server_default="")
    role: Mapped[str] = mapped_column(server_default=Role.UNKNOWN)
    codec: Mapped[str] = mapped_column(server_default="")
    party_id: Mapped[UUID | None]
    packets: Mapped[int | None] = mapped_column(BigInteger)
    """Set when the call ends, where telephony told what came as RTP, and so are those below
    (callscribe.domain.call.ChannelMedia)."""
    lost: Mapped[int | None] = mapped_column(BigInteger)
    reordered: Mapped[int | None] = mapped_column(BigInteger)
    duplicated: Mapped[int | None] = mapped_column(BigInteger)
    discarded: Mapped[int | None] = mapped_column(BigInteger)
    late: Mapped[int | None] = mapped_column(BigInteger)
    jitter_ms: Mapped[float | None]
    mos: Mapped[float | None]
    """NULL, too, where it cannot be told."""


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
