"""Conditions of a search as text: `role:agent`, `since:7d`, `silence:>10s`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import TypeVar

from callscribe.domain.call import Role
from callscribe.domain.search import SearchFilter

Reader = Callable[[SearchFilter, str, datetime], SearchFilter]
"""Adds a condition to others, from its value and what time it is. Raises ValueError with what the value must be."""

T = TypeVar("T")

MAX_VALUE_CHARACTERS = 512
QUOTES = '"“”„'
UNITS_S: Mapping[str, int] = MappingProxyType({"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1})
SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([wdhms])")
LONGEST_S = 100 * 365 * 86_400
DAYS_AGO: Mapping[str, int] = MappingProxyType({"today": 0, "yesterday": 1})
SINGLE = (
    "party",
    "outside_id",
    "since",
    "until",
    "longer_than_s",
    "shorter_than_s",
    "silence_over_s",
    "overtalk_over_s",
    "score_from",
    "score_below",
)
"""Conditions of one value."""


def read_field(conditions: SearchFilter, name: str, value: str, now: datetime) -> SearchFilter:
    """The conditions with one more. `now` is aware: what `7d` counts back from.

    Raises KeyError for a name that FIELDS has not, and ValueError, with what is wrong, for a value that cannot be.
    """
    value = value.strip()
    if not value:
        raise ValueError("needs a value right behind the colon")
    if len(value) > MAX_VALUE_CHARACTERS:
        raise ValueError(f"takes {MAX_VALUE_CHARACTERS} characters at most")
    if any(character in QUOTES or not character.isprintable() for character in value):
        raise ValueError("takes no quotes and no control characters in its value")
    found = FIELDS[name](conditions, value, now)
    for attribute in SINGLE:
        if getattr(conditions, attribute) not in (None, "", getattr(found, attribute)):
            raise ValueError("is given twice; leave one out")
    return found


def render_fields(conditions: SearchFilter) -> tuple[str, ...]:
    """The conditions as read_field reads them, each as `name:value`."""
    several = (
        [("role", str(role)) for role in conditions.roles]
        + [("trunk", trunk) for trunk in conditions.trunks]
        + [("lang", language) for language in conditions.languages]
        + [("emotion", emotion) for emotion in conditions.emotions]
        + [("event", event) for event in conditions.audio_events]
        + [("rule", rule) for rule in conditions.rules]
    )
    single = (
        ("party", conditions.party),
        ("id", conditions.outside_id),
        ("since", conditions.since.isoformat() if conditions.since else ""),
        ("until", conditions.until.isoformat() if conditions.until else ""),
        ("longer", _span_text("", conditions.longer_than_s)),
        ("shorter", _span_text("", conditions.shorter_than_s)),
        ("silence", _span_text(">", conditions.silence_over_s)),
        ("overtalk", _span_text(">", conditions.overtalk_over_s)),
        ("score", "" if conditions.score_from is None else f">{_number_text(conditions.score_from)}"),
        ("score", "" if conditions.score_below is None else f"<{_number_text(conditions.score_below)}"),
        ("in", "any" if conditions.older else ""),
    )
    return tuple(f"{name}:{_quoted(value)}" for name, value in (*several, *single) if value)


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"[\s()]", value) else value


def _span_text(sign: str, seconds: float | None) -> str:
    return "" if seconds is None else f"{sign}{_number_text(seconds)}s"


def _number_text(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _items(value: str) -> tuple[str, ...]:
    return tuple(item for item in map(str.strip, value.lower().split(",")) if item)


def _joined(before: tuple[T, ...], more: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(before + more))


def _role(conditions: SearchFilter, value: str, _: datetime) -> SearchFilter:
    try:
        roles = tuple(Role(item) for item in _items(value))
    except ValueError:
        raise ValueError(f"takes {', '.join(Role)}") from None
    return replace(conditions, roles=_joined(conditions.roles, roles))


def _language(conditions: SearchFilter, value: str, _: datetime) -> SearchFilter:
    languages = _items(value)
    if not all(re.fullmatch("[a-z]{2,3}", language) for language in languages):
        raise ValueError("takes codes of languages, such as en,zh")
    return replace(conditions, languages=_joined(conditions.languages, languages))


def _since(conditions: SearchFilter, value: str, now: datetime) -> SearchFilter:
    return replace(conditions, since=_time(value, now, end=False))


def _until(conditions: SearchFilter, value: str, now: datetime) -> SearchFilter:
    return replace(conditions, until=_time(value, now, end=True))


def _score(conditions: SearchFilter, value: str, _: datetime) -> SearchFilter:
    match = re.fullmatch(r"(<|>=?)\s*([0-9]{1,3}(?:\.[0-9]{1,3})?)", value)
    if match is None or float(match[2]) > 100:
        raise ValueError("takes < or > and 0 to 100, such as score:<80")
    bound = float(match[2])
    return replace(conditions, score_below=bound) if match[1] == "<" else replace(conditions, score_from=bound)


def _texts(conditions: SearchFilter, value: str, _: datetime) -> SearchFilter:
    if value.lower() not in ("any", "newest"):
        raise ValueError("takes any (also texts that were replaced) or newest")
    return replace(conditions, older=value.lower() == "any")


def _span(value: str) -> float:
    """Seconds of `90s`, `1h30m` or `90`, which a > may precede."""
    text = value.removeprefix(">").removeprefix("=").strip().lower()
    text += "s" if re.fullmatch(r"[0-9.]+", text) else ""
    parts = SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("takes a length of time, such as 10s, 3m or 1h30m")
    return round(min(LONGEST_S, sum(float(number) * UNITS_S[unit] for number, unit in parts)), 3)


def _time(value: str, now: datetime, *, end: bool) -> datetime:
    """An instant. A day is its first one, or with `end` the first of the next day."""
    text = value.lower()
    try:
        if SPAN.match(text):
            return now - timedelta(seconds=_span(text))
        if text in DAYS_AGO:
            text = (now.astimezone(UTC) - timedelta(days=DAYS_AGO[text])).date().isoformat()
        instant = _first_instant(text.upper(), timedelta(days=1 if end else 0))
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("takes a time, such as 2026-11-22, 2026-11-22T14:30 (UTC), yesterday or 7d (ago)") from None


def _first_instant(text: str, after: timedelta) -> datetime:
    """Of a day (ISO 8601, hyphens or none), so long after its beginning; a time is itself. Raises ValueError."""
    try:
        return datetime.combine(date.fromisoformat(text), time()) + after
    except ValueError:
        return datetime.fromisoformat(text)


FIELDS: Mapping[str, Reader] = MappingProxyType(
    {
        "role": _role,
        "party": lambda conditions, value, _: replace(conditions, party=value),
        "trunk": lambda conditions, value, _: replace(conditions, trunks=_joined(conditions.trunks, (value,))),
        "id": lambda conditions, value, _: replace(conditions, outside_id=value),
        "lang": _language,
        "emotion": lambda conditions, value, _: replace(
            conditions, emotions=_joined(conditions.emotions, _items(value))
        ),
        "event": lambda conditions, value, _: replace(
            conditions, audio_events=_joined(conditions.audio_events, _items(value))
        ),
        "since": _since,
        "until": _until,
        "longer": lambda conditions, value, _: replace(conditions, longer_than_s=_span(value)),
        "shorter": lambda conditions, value, _: replace(conditions, shorter_than_s=_span(value.removeprefix("<"))),
        "silence": lambda conditions, value, _: replace(conditions, silence_over_s=_span(value)),
        "overtalk": lambda conditions, value, _: replace(conditions, overtalk_over_s=_span(value)),
        "score": _score,
        "rule": lambda conditions, value, _: replace(conditions, rules=_joined(conditions.rules, (value,))),
        "in": _texts,
    }
)
"""Every condition by the name that a query gives it."""
