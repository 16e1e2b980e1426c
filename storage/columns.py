"""Column types that carry the domain's values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from callscribe.domain.transcript import Correction, Word
from storage.clean import clean
from storage.records import ChannelRange


class UtcTime(TypeDecorator[datetime]):
    """timestamptz; aware in, UTC out. Binding a naive time raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("times are stored with their time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


class Words(TypeDecorator[tuple[Word, ...]]):
    """A JSON array of {"text", "start", "end", "confidence"}, offsets in samples."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[Word, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, str | int | float]] | None:
        if value is None:
            return None
        return [{"text": clean(w.text), "start": w.start, "end": w.end, "confidence": w.confidence} for w in value]

    def process_result_value(self, value: list[Mapping[str, Any]] | None, dialect: Dialect) -> tuple[Word, ...] | None:
        if value is None:
            return None
        return tuple(Word(str(w["text"]), int(w["start"]), int(w["end"]), float(w["confidence"])) for w in value)


class Corrections(TypeDecorator[tuple[Correction, ...]]):
    """A JSON array of {"heard", "phrase", "score"}."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[Correction, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, str | float]] | None:
        if value is None:
            return None
        return [{"heard": clean(c.heard), "phrase": clean(c.phrase), "score": c.score} for c in value]

    def process_result_value(
        self, value: list[Mapping[str, Any]] | None, dialect: Dialect
    ) -> tuple[Correction, ...] | None:
        if value is None:
            return None
        return tuple(Correction(str(c["heard"]), str(c["phrase"]), float(c["score"])) for c in value)


class Ranges(TypeDecorator[tuple[ChannelRange, ...]]):
    """A JSON array of {"channel", "start", "end"}, offsets in samples."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[ChannelRange, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, int]] | None:
        if value is None:
            return None
        return [{"channel": r.channel, "start": r.start, "end": r.end} for r in value]

    def process_result_value(
        self, value: list[Mapping[str, int]] | None, dialect: Dialect
    ) -> tuple[ChannelRange, ...] | None:
        return None if value is None else tuple(ChannelRange(r["channel"], r["start"], r["end"]) for r in value)
