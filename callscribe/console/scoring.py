"""The API's routes for scorecards, and for what they found in calls."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from callscribe.console.calls import Key
from callscribe.console.etag import PreconditionOf, conditional, tell_version
from callscribe.console.measured import ScorecardAnswer, ScoresAnswer
from callscribe.console.moment import Moment
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.call import CallState
from callscribe.domain.errors import ScorecardOutdated
from callscribe.text.scorecard import Scorecard
from callscribe.text.scoring import NamedScorecard
from callscribe.text.visible import NAME
from storage.records import CallFilter

router = APIRouter(prefix=API, tags=["Scorecards"])

CardName = Annotated[str, Path(min_length=1, max_length=100, pattern=NAME, description="Name of the scorecard.")]
BY = "Who does it, in words."
MAX_VERSION = 2**31 - 1


class ScorecardRequest(Scorecard):
    """What a scorecard shall be, in place of what it is."""

    by: str = Field(min_length=1, max_length=100, pattern=NAME, description=BY)
    version: int | None = Field(
        None,
        ge=0,
        le=MAX_VERSION,
        description="`version` that the scorecard had when it was read, 0: none; 409 where another stands by now. As "
        "`If-Match`, which answers 412. null: whatever stands.",
    )

    @property
    def card(self) -> Scorecard:
        return Scorecard(trunks=self.trunks, languages=self.languages, rules=self.rules)


class EvaluationRequest(BaseModel):
    """Which ended calls shall be evaluated again; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    since: Moment = Field(description="Started at or after this time (ISO 8601 with zone).")
    until: Moment | None = Field(None, description="Started before this time (ISO 8601 with zone).")
    trunk: str | None = Field(None, max_length=200, description="Name of a trunk.")


class QueuedAnswer(BaseModel):
    """How many calls will be evaluated again."""

    calls: int


@router.get("/scorecards", responses=responses(503))
def list_scorecards(sources: SourcesOf) -> list[ScorecardAnswer]:
    """All scorecards in their newest versions, by name."""
    return [ScorecardAnswer.of(found) for found in sources.scorecards.all()]


@router.get("/scorecards/{name}", responses=responses(404, 422, 503))
def get_scorecard(
    sources: SourcesOf,
    name: CardName,
    response: Response,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="An earlier version.")] = None,
) -> ScorecardAnswer:
    """One scorecard. `ETag` is that of its version."""
    found = sources.scorecards.find(name, version)
    if found is None:
        raise _no_card()
    return _answer(found, response)


@router.put("/scorecards/{name}", responses=responses(409, 412, 422, 503))
def put_scorecard(
    sources: SourcesOf, name: CardName, wanted: ScorecardRequest, condition: PreconditionOf, response: Response
) -> ScorecardAnswer:
    """Make the scorecard, or a new version of it where it changes. Calls that end from now on are scored by it."""
    with conditional(condition, ScorecardOutdated):
        expects = condition.and_seen(wanted.version)
        return _answer(sources.scorecards.put(name, wanted.card, wanted.by, expects), response)


@router.delete("/scorecards/{name}", status_code=204, responses=responses(404, 412, 422, 503))
def delete_scorecard(
    sources: SourcesOf,
    name: CardName,
    condition: PreconditionOf,
    by: Annotated[str, Query(min_length=1, max_length=100, pattern=NAME, description=BY)],
) -> None:
    """Let it score no more calls. Scores that it gave stay, and so do its versions."""
    with conditional(condition, ScorecardOutdated):
        if not sources.scorecards.delete(name, by, condition.allows):
            raise _no_card()


@router.post("/evaluations", status_code=202, responses=responses(422, 503))
def evaluate_calls(sources: SourcesOf, wanted: EvaluationRequest) -> QueuedAnswer:
    """Measure and score many calls again, by the scorecards as they stand then. New calls need not wait for it."""
    which = CallFilter(trunk=wanted.trunk, since=wanted.since, until=wanted.until)
    return QueuedAnswer(calls=sources.scorecards.evaluate_all(which))


@router.get("/calls/{key:path}/scores", responses=responses(404, 422, 503))
def get_scores(sources: SourcesOf, key: Key) -> ScoresAnswer:
    """What was measured of a call, and what each scorecard found, with evidence."""
    call_id = sources.reader.call(key).call.id
    return ScoresAnswer.of(call_id, sources.scorecards.evaluation(call_id))


@router.post("/calls/{key:path}/evaluate", status_code=202, responses=responses(404, 409, 422, 503))
def evaluate_call(sources: SourcesOf, key: Key) -> None:
    """Measure and score an ended call again, by the scorecards as they stand then."""
    record = sources.reader.call(key)
    if record.state is CallState.ACTIVE:
        raise HTTPException(409, "The call goes on; it is evaluated when it has ended.")
    if record.text_expired_at is not None:
        raise HTTPException(409, "What was said on this call was removed when its time was over; its scores stay.")
    sources.scorecards.evaluate_again(record.call.id)


def _answer(found: NamedScorecard, response: Response) -> ScorecardAnswer:
    tell_version(response, found.version)
    return ScorecardAnswer.of(found)


def _no_card() -> HTTPException:
    return HTTPException(404, "There is no such scorecard; /api/v1/scorecards lists those there are.")
