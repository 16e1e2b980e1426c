"""Column types that carry the domain's values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from callscribe.domain.call import ChannelHold
from callscribe.domain.hotword import Hotword, ListVersion
from callscribe.domain.pause import Pause
from callscribe.domain.redaction import Redaction
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


class Hotwords(TypeDecorator[tuple[Hotword, ...]]):
    """A JSON array of {"text", "weight"}."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[Hotword, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, str | float]] | None:
        if value is None:
            return None
        return [{"text": clean(hotword.text), "weight": hotword.weight} for hotword in value]

    def process_result_value(
        self, value: list[Mapping[str, Any]] | None, dialect: Dialect
    ) -> tuple[Hotword, ...] | None:
        if value is None:
            return None
        return tuple(Hotword(str(kept["text"]), float(kept["weight"])) for kept in value)


class ListVersions(TypeDecorator[tuple[ListVersion, ...]]):
    """A JSON array of {"name", "version"}."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[ListVersion, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, str | int]] | None:
        return None if value is None else [{"name": clean(told.name), "version": told.version} for told in value]

    def process_result_value(
        self, value: list[Mapping[str, Any]] | None, dialect: Dialect
    ) -> tuple[ListVersion, ...] | None:
        return None if value is None else tuple(ListVersion(str(v["name"]), int(v["version"])) for v in value)


class Pauses(TypeDecorator[tuple[Pause, ...]]):
    """A JSON array of {"channel", "start", "end", "by", "reason"}, offsets in samples; "end" null: none."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[Pause, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, str | int | None]] | None:
        if value is None:
            return None
        return [
            {"channel": p.channel, "start": p.start, "end": p.end, "by": p.by, "reason": clean(p.reason)} for p in value
        ]

    def process_result_value(self, value: list[Mapping[str, Any]] | None, dialect: Dialect) -> tuple[Pause, ...] | None:
        if value is None:
            return None
        return tuple(Pause(p["channel"], p["start"], p["end"], p["by"], p["reason"]) for p in value)


class Holds(TypeDecorator[tuple[ChannelHold, ...]]):
    """A JSON array of {"channel", "start", "end"}, offsets in samples."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(
        self, value: tuple[ChannelHold, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, int]] | None:
        return None if value is None else [{"channel": h.channel, "start": h.start, "end": h.end} for h in value]

    def process_result_value(
        self, value: list[Mapping[str, Any]] | None, dialect: Dialect
    ) -> tuple[ChannelHold, ...] | None:
        return None if value is None else tuple(ChannelHold(h["channel"], h["start"], h["end"]) for h in value)


class Redactions(TypeDecorator[tuple[Redaction, ...]]):
    """A JSON array of {"kind", "start", "end"}, offsets in samples."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(
        self, value: tuple[Redaction, ...] | None, dialect: Dialect
    ) -> list[Mapping[str, str | int]] | None:
        if value is None:
            return None
        return [{"kind": r.kind, "start": r.start, "end": r.end} for r in value]

    def process_result_value(
        self, value: list[Mapping[str, Any]] | None, dialect: Dialect
    ) -> tuple[Redaction, ...] | None:
        return None if value is None else tuple(Redaction(r["kind"], r["start"], r["end"]) for r in value)


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
