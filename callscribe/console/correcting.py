"""The API's routes for texts that people write in place of a machine's, and what they tell of the machine."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.calls import Key
from callscribe.console.moment import Moment
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call
from callscribe.domain.corrected import CorrectedUtterance, CorrectionFilter
from callscribe.domain.errors import EventsUnavailable, UtteranceNotFound
from callscribe.domain.language import units
from callscribe.domain.transcript import Revision
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.events.publisher import publish_now
from callscribe.events.schema import UtteranceRevised
from callscribe.text.correcting import corrected, longest, undone
from callscribe.text.redaction.corrections import masked_correction
from callscribe.text.visible import LINE

log = structlog.get_logger()
router = APIRouter(prefix=API, tags=["Corrections"])

TEXT_LIMIT = 10_000
PAGE_LIMIT = 1_000
PROBLEMS = responses(404, 409, 422, 503)


def _told(text: str) -> str:
    if not text.strip():
        raise ValueError("it must name somebody")
    return text.strip()


By = Annotated[
    str,
    Field(max_length=100, pattern=LINE, description="Who asks, as people know them."),
    AfterValidator(_told),
]
Seen = Annotated[
    int | None,
    Field(
        ge=0,
        description="How many revisions the utterance had when its text was read, so that nobody else's correction is "
        "written over; null: whatever stands now.",
    ),
]


class CorrectionOrder(BaseModel):
    """What was said."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=TEXT_LIMIT, description='The whole utterance as it is to be written; "": no speech.')
    by: By
    seen: Seen = None


class CorrectedAnswer(Answer):
    """The newest text of an utterance."""

    call_id: UUID
    utterance_id: UUID
    text: str = Field(description="With masks where the trunk's redaction puts them.")
    reason: str = Field(description='"person", or "undone" where a person\'s text was taken back.')
    by: str
    revisions: int = Field(description="How many the utterance has now: `seen` of the next correction.")


@router.post("/calls/{key:path}/utterances/{utterance_id}/corrections", status_code=201, responses=PROBLEMS)
def correct_utterance(sources: SourcesOf, key: Key, utterance_id: UUID, order: CorrectionOrder) -> CorrectedAnswer:
    """Write what was said, in place of what a machine understood.

    The text is a revision by a person. It stands beside the machine's, and is the newest whatever jobs find later. To
    confirm a text, send it as it is: so it counts as checked.
    """
    transcript, said = _find(sources, key, utterance_id)
    if len(units(order.text)) > (most := longest(said)):
        raise HTTPException(
            422, f"text: for what was said here it has too many words; write this utterance alone, in {most} at most."
        )
    policy = sources.settings.trunk_named(transcript.call.trunk).redaction_policy
    revision = masked_correction(transcript, corrected(said, order.text, order.by), policy)
    return _write(sources, transcript.call, said, revision, order.seen)


@router.delete("/calls/{key:path}/utterances/{utterance_id}/corrections", responses=PROBLEMS)
def undo_correction(
    sources: SourcesOf,
    key: Key,
    utterance_id: UUID,
    by: Annotated[By, Query()],
    seen: Annotated[Seen, Query()] = None,
) -> CorrectedAnswer:
    """Take a person's text back: the machine's newest one stands again, and what a later job finds is newer."""
    transcript, said = _find(sources, key, utterance_id)
    if not said.corrected:
        raise HTTPException(409, "The utterance's text is a machine's: there is no correction to take back.")
    return _write(sources, transcript.call, said, undone(said, by), seen)


class CorrectionQuery(BaseModel):
    """Which corrected utterances; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    trunk: str | None = Field(None, max_length=200, description="Name of a trunk.")
    since: Moment | None = Field(None, description="Of calls that started at or after this time.")
    until: Moment | None = Field(None, description="Of calls that started before this time.")

    @property
    def conditions(self) -> CorrectionFilter:
        return CorrectionFilter(self.trunk, self.since, self.until)


class CorrectionPageQuery(CorrectionQuery):
    """The same, in stretches."""

    limit: int = Field(100, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(None, max_length=200, description="`cursor` of the stretch before.")

    @property
    def after(self) -> tuple[datetime, UUID] | None:
        """Raises ValueError for a cursor that no page gave."""
        if self.cursor is None:
            return None
        at, _, name = self.cursor.partition("~")
        return datetime.fromtimestamp(int(at) / 1_000_000, UTC), UUID(name)


class CorrectionAnswer(Answer):
    """An utterance whose text is a person's now, and what a machine had written."""

    call_id: UUID
    utterance_id: UUID
    trunk: str
    channel: int
    start_ms: int
    end_ms: int
    language: str
    live: str = Field(description="What was heard while the call went on.")
    second_pass: str | None = Field(description="The newest text that an engine gave after the call, or null.")
    text: str = Field(description="What the person wrote.")
    by: str
    at: datetime = Field(description="When it was written, UTC.")
    redacted: bool = Field(description="Whether something of it is masked, in a text of it and in the recording.")

    @classmethod
    def of(cls, said: CorrectedUtterance) -> "CorrectionAnswer":
        return cls(
            call_id=said.call_id,
            utterance_id=said.utterance_id,
            trunk=said.trunk,
            channel=said.channel,
            start_ms=samples_to_ms(said.start, said.sample_rate),
            end_ms=samples_to_ms(said.end, said.sample_rate),
            language=said.language,
            live=said.live,
            second_pass=said.second_pass,
            text=said.text,
            by=said.by,
            at=said.at,
            redacted=said.redacted,
        )


class CorrectionPageAnswer(Answer):
    """Corrected utterances, the last corrected first."""

    corrections: list[CorrectionAnswer]
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")


@router.get("/corrections", responses=responses(422, 503))
def list_corrections(sources: SourcesOf, query: Annotated[CorrectionPageQuery, Query()]) -> CorrectionPageAnswer:
    """Pairs of what a machine understood and what a person wrote, the last corrected first."""
    try:
        after = query.after
    except (ValueError, OverflowError) as error:
        raise HTTPException(
            422, "cursor: it was not given by a page of corrections; begin again without one"
        ) from error
    found = sources.corrections.corrected(query.conditions, query.limit + 1, after)
    shown = [CorrectionAnswer.of(said) for said in found[: query.limit]]
    more = len(found) > query.limit
    return CorrectionPageAnswer(corrections=shown, cursor=_cursor(shown[-1]) if more else None)


def _cursor(last: CorrectionAnswer) -> str:
    return f"{round(last.at.timestamp() * 1_000_000)}~{last.utterance_id}"


def _find(sources: Sources, key: str, utterance_id: UUID) -> tuple[Transcript, Utterance]:
    """Raises CallNotFound and UtteranceNotFound."""
    transcript = sources.reader.transcript(key)
    for said in transcript.utterances:
        if said.id == utterance_id:
            return transcript, said
    raise UtteranceNotFound


def _write(sources: Sources, call: Call, said: Utterance, revision: Revision, seen: int | None) -> CorrectedAnswer:
    """Store and tell it. Whoever misses the event reads the same from the database."""
    policy = sources.settings.trunk_named(call.trunk).redaction_policy
    sources.corrections.write(call.id, revision, len(said.revisions) if seen is None else seen, policy)
    event = UtteranceRevised.of(call, said, revision, datetime.now(UTC))
    try:
        publish_now(sources.events_url, [event], sources.stream_length)
    except EventsUnavailable as error:
        log.warning("correction_not_announced", call_id=str(call.id), reason=str(error))
    return CorrectedAnswer(
        call_id=call.id,
        utterance_id=said.id,
        text=revision.text,
        reason=revision.reason,
        by=revision.by,
        revisions=len(said.revisions) + 1,
    )
