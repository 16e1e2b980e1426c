"""What the newest hits of a search have in common: counts by which it can be narrowed."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from callscribe.domain.call import Role
from storage.database import Database
from storage.hits import Hit
from storage.models import CallMeasuresRow, RuleResultRow, UtteranceRow

VALUES = 12
"""Values of one kind that are told, the most frequent."""
DAYS = 31
"""Days are counted where all was said within so many, else months."""
BANDS = (("below 50", ("<50",)), ("50 to 80", (">50", "<80")), ("80 and above", (">80",)))
"""Of scores: label, and what the search takes for it."""

Conditions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value, and how many of the hits have it."""

    label: str
    number: int
    narrow: Conditions
    """Conditions, by name and value, that leave these."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one kind."""

    name: str
    """"trunk", "role", "lang", "month", "day", "rule", "score", "emotion" or "event"."""
    values: tuple[FacetValue, ...]


def facets_of(database: Database, hits: Sequence[Hit]) -> tuple[Facet, ...]:
    """The facets of which the hits have more than nothing to tell. Raises DatabaseUnavailable."""
    calls, utterances = {hit.call_id for hit in hits}, {hit.utterance_id for hit in hits}
    scores, failed, heard = _of_calls(database, calls, utterances)
    facets = (
        _facet("trunk", (hit.trunk for hit in hits)),
        _facet("role", (hit.role.value for hit in hits if hit.role is not Role.UNKNOWN)),
        _facet("lang", (hit.language for hit in hits if hit.language)),
        _days([hit.at.date() for hit in hits]),
        _facet("rule", (rule for hit in hits for rule in failed.get(hit.call_id, ()))),
        _bands([scores[hit.call_id] for hit in hits if hit.call_id in scores]),
        _facet("emotion", (emotion for emotion, _ in heard if emotion)),
        _facet("event", (event for _, events in heard for event in events)),
    )
    return tuple(facet for facet in facets if facet.values)


def _of_calls(
    database: Database, calls: Collection[UUID], utterances: Collection[UUID]
) -> tuple[dict[UUID, float], dict[UUID, list[str]], list[tuple[str, list[str]]]]:
    """Scores, and names of the failed rules, by call; what the utterances sounded like."""
    measured, result, said = CallMeasuresRow, RuleResultRow, UtteranceRow
    scored = select(measured.call_id, measured.score).where(measured.call_id.in_(calls), measured.score.is_not(None))
    missed = select(result.call_id, result.rule).distinct().where(result.call_id.in_(calls), ~result.passed)
    sounded = select(said.emotion, said.audio_events).where(said.id.in_(utterances))
    failed: dict[UUID, list[str]] = {}
    with database.transaction() as session:
        scores = {call_id: score for call_id, score in session.execute(scored) if score is not None}
        for call_id, rule in session.execute(missed):
            failed.setdefault(call_id, []).append(rule)
        heard = [(emotion, list(events)) for emotion, events in session.execute(sounded)]
    return scores, failed, heard


def _facet(name: str, found: Iterable[str], narrow: Callable[[str], Conditions] | None = None) -> Facet:
    counts = sorted(Counter(found).items(), key=lambda each: (-each[1], each[0]))[:VALUES]
    return Facet(
        name,
        tuple(FacetValue(value, number, narrow(value) if narrow else ((name, value),)) for value, number in counts),
    )


def _days(days: Sequence[date]) -> Facet:
    """By day, or by month, the newest first."""
    if not days:
        return Facet("day", ())
    by_day = (max(days) - min(days)).days <= DAYS
    name, length = ("day", 10) if by_day else ("month", 7)
    facet = _facet(name, (day.isoformat()[:length] for day in days), _day if by_day else _month)
    return Facet(name, tuple(sorted(facet.values, key=lambda value: value.label, reverse=True)))


def _day(label: str) -> Conditions:
    return ("since", label), ("until", label)


def _month(label: str) -> Conditions:
    first = date.fromisoformat(f"{label}-01")
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return ("since", first.isoformat()), ("until", last.isoformat())


def _bands(scores: Sequence[float]) -> Facet:
    numbers = Counter(0 if score < 50 else 1 if score < 80 else 2 for score in scores)
    values = (
        FacetValue(label, numbers[place], tuple(("score", bound) for bound in bounds))
        for place, (label, bounds) in enumerate(BANDS)
        if numbers[place]
    )
    return Facet("score", tuple(values))
