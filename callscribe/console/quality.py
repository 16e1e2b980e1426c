"""Word error rates by people's corrections: the API's route, the page, and the metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from callscribe.console.admin import admin_page
from callscribe.console.answer import Answer
from callscribe.console.correcting import CorrectionQuery
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.corrected import CorrectionFilter, WeekOfCorrections

router = APIRouter()

SAMPLE = (
    "Counted over utterances that people corrected or confirmed. People look at what seems wrong, so they are no "
    "random sample: the rates are higher than those of all that is said. Compare them over time, not with a benchmark."
)
PAGE_WEEKS = 26
"""On the page."""
RECENT = timedelta(days=28)
"""What the metric is of: calls that began so long ago at most."""
WIDTH, HEIGHT = 120, 24
"""Of a trunk's line on the page, in CSS pixels."""


class WeekAnswer(Answer):
    """One trunk's calls that began in one week."""

    trunk: str
    week: date = Field(description="Its Monday, in UTC.")
    utterances: int = Field(description="Corrected or confirmed by people.")
    words: int = Field(description="That people wrote there; of Chinese and the like, characters.")
    live_errors: int = Field(description="Words put in, left out or wrong in the live texts.")
    live_wer: float | None = Field(description="Word error rate of the live texts; null where there are no words.")
    second_pass_words: int = Field(description="Of `words` those that had a second pass before they were corrected.")
    second_pass_errors: int
    second_pass_wer: float | None

    @classmethod
    def of(cls, found: WeekOfCorrections) -> "WeekAnswer":
        return cls(
            trunk=found.trunk,
            week=found.week,
            utterances=found.utterances,
            words=found.words,
            live_errors=found.live_errors,
            live_wer=_rounded(found.live_rate),
            second_pass_words=found.second_pass_words,
            second_pass_errors=found.second_pass_errors,
            second_pass_wer=_rounded(found.second_pass_rate),
        )


class QualityAnswer(Answer):
    """Word error rates by trunk and week."""

    sample: str = Field(description="What the figures are of, and what they are not.")
    weeks: list[WeekAnswer] = Field(description="By trunk, each oldest first. Weeks without corrections are left out.")


@dataclass(frozen=True, slots=True)
class TrunkQuality:
    """A trunk on the page."""

    name: str
    weeks: Sequence[WeekOfCorrections]
    """Newest first."""
    line: str
    """Points of a polyline of live rates, oldest first, in an area of WIDTH by HEIGHT; "" for a single week."""


@router.get(f"{API}/quality", tags=["Corrections"], responses=responses(422, 503))
def get_quality(sources: SourcesOf, query: Annotated[CorrectionQuery, Query()]) -> QualityAnswer:
    """How far the machine's texts were from people's, by trunk and week of the call's start.

    The sample is no random one: people correct what seems wrong.
    """
    weeks = sources.corrections.weeks(query.conditions)
    return QualityAnswer(sample=SAMPLE, weeks=[WeekAnswer.of(found) for found in weeks])


@router.get("/quality", include_in_schema=False)
def quality_page(request: Request, sources: SourcesOf) -> Response:
    """The same of the last half year, to look at."""
    weeks = sources.corrections.weeks(CorrectionFilter(since=datetime.now(UTC) - timedelta(weeks=PAGE_WEEKS)))
    names = dict.fromkeys(found.trunk for found in weeks)
    trunks = [_trunk(name, [found for found in weeks if found.trunk == name]) for name in names]
    return admin_page(
        request, "quality.html", trunks=trunks, sample=SAMPLE, width=WIDTH, height=HEIGHT, weeks=PAGE_WEEKS
    )


def recent_quality(sources: Sources) -> dict[str, WeekOfCorrections]:
    """By trunk, the counts of the calls that began within RECENT. Raises StorageError."""
    weeks = sources.corrections.weeks(CorrectionFilter(since=datetime.now(UTC) - RECENT))
    return {name: _sum([each for each in weeks if each.trunk == name]) for name in {each.trunk for each in weeks}}


def _sum(weeks: Sequence[WeekOfCorrections]) -> WeekOfCorrections:
    return WeekOfCorrections(
        trunk=weeks[0].trunk,
        week=weeks[0].week,
        utterances=sum(each.utterances for each in weeks),
        words=sum(each.words for each in weeks),
        live_errors=sum(each.live_errors for each in weeks),
        second_pass_words=sum(each.second_pass_words for each in weeks),
        second_pass_errors=sum(each.second_pass_errors for each in weeks),
    )


def _trunk(name: str, weeks: Sequence[WeekOfCorrections]) -> TrunkQuality:
    rates = [each.live_rate for each in weeks if each.live_rate is not None]
    top = max([*rates, 0.01])
    step = WIDTH / max(1, len(rates) - 1)
    points = (f"{at * step:.1f},{HEIGHT - rate / top * (HEIGHT - 2) - 1:.1f}" for at, rate in enumerate(rates))
    return TrunkQuality(name, tuple(reversed(weeks)), " ".join(points) if len(rates) > 1 else "")


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)
