"""The API's routes for calls: found by filters, by id or by the id that another system has for them."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.websockets import WebSocket

from callscribe.console.feed import CallFeed
from callscribe.console.finding import find_call
from callscribe.console.models import CallAnswer, CallPageAnswer
from callscribe.console.moment import Moment
from callscribe.console.position import Position
from callscribe.console.problems import ProblemResponse, problem_of, responses
from callscribe.console.push import EventStream, LastEventId, LastEventIdQuery, serve_socket
from callscribe.console.recorded import RecordingResponse, audio_of, is_given_out, recording_of
from callscribe.console.reference import API, EVENTS_ANSWER
from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.call import CallState
from callscribe.domain.errors import CallscribeError
from callscribe.text.bundles import document_name
from callscribe.text.formats import FORMATS
from storage.reader import PAGE_LIMIT, CallReader
from storage.records import CallFilter, CallPage, CallSummary

router = APIRouter(prefix=API, tags=["Calls"])

KEY_LIMIT = 512

Key = Annotated[
    str,
    Path(max_length=KEY_LIMIT, description="Callscribe's id of the call, or an id that another system has for it."),
]
EVENT_ANSWERS = responses(404, 422, 503) | {
    200: EVENTS_ANSWER,
    204: {"description": "Nothing follows the event that was named."},
}


class CallQuery(BaseModel):
    """Which calls to list; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["active", "ended", "interrupted", "over"] | None = Field(
        None, description="`over` is ended or interrupted."
    )
    trunk: str | None = Field(None, max_length=200, description="Name of a trunk.")
    since: Moment | None = Field(None, description="Started at or after this time (ISO 8601 with zone).")
    until: Moment | None = Field(None, description="Started before this time (ISO 8601 with zone).")
    outside_id: str | None = Field(None, max_length=KEY_LIMIT, description="Id that another system has for the call.")
    conversation: UUID | None = Field(None, description="`conversation` of a call: all calls that record it.")
    score_from: float | None = Field(None, ge=0, le=100, description="Least score.")
    score_to: float | None = Field(None, ge=0, le=100, description="Greatest score.")
    failed_rule: str | None = Field(None, max_length=100, description="Name of a scorecard's rule that it failed.")
    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="Calls at most.")
    cursor: str | None = Field(None, max_length=200, description="`cursor` of the stretch before.")

    @property
    def conditions(self) -> CallFilter:
        state = CallState(self.state) if self.state not in (None, "over") else None
        return CallFilter(
            state=state,
            trunk=self.trunk,
            since=self.since,
            until=self.until,
            outside_id=self.outside_id,
            conversation=self.conversation,
            score_from=self.score_from,
            score_to=self.score_to,
            failed_rule=self.failed_rule,
        )


@router.get("/calls", responses=responses(422, 503))
def list_calls(sources: SourcesOf, query: Annotated[CallQuery, Query()]) -> CallPageAnswer:
    """Calls, newest first."""
    read = partial(_list_over, sources.reader) if query.state == "over" else sources.reader.list_calls
    try:
        return CallPageAnswer.of(read(query.conditions, query.limit, query.cursor))
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}; begin again without one") from error


@router.get("/calls/{key:path}/transcript", response_class=Response, responses=responses(404, 422, 503))
def get_transcript(
    sources: SourcesOf,
    key: Key,
    style: Annotated[
        Literal["json", "txt", "srt", "vtt", "csv", "vcon"], Query(alias="format", description="How it is written.")
    ] = "json",
) -> Response:
    """What was said, each utterance in its newest text; `json` and `vcon` also have the first text, `json` the notes.

    A `vcon` has the SHA-512 of the recording where that is given out, and its address where `web.public_url` is https.
    """
    transcript = sources.reader.transcript(key)
    kind = FORMATS[style]
    disposition = {"content-disposition": f'inline; filename="{document_name(transcript.call, kind.suffix)}"'}
    audio = audio_of(sources, transcript) if style == "vcon" else None
    return Response(kind.render(transcript, audio), media_type=kind.media_type, headers=disposition)


@router.get("/calls/{key:path}/audio", response_class=FileResponse, responses=responses(404, 409, 422, 503))
def get_audio(sources: SourcesOf, key: Key) -> FileResponse:
    """The recording: a WAV of 16-bit PCM with a channel for each party; byte ranges are answered (RFC 9110).

    That of a trunk with `redaction` is given out once its job `bleep` is done; 409 before.
    """
    record = sources.reader.call(key)
    path = recording_of(sources, record)
    return RecordingResponse(path, sources.recording_keys, document_name(record.call, ".wav"))


@router.get("/calls/{key:path}/events", response_class=StreamingResponse, responses=EVENT_ANSWERS)
async def follow_call(
    sources: SourcesOf, key: Key, header: LastEventId = None, query: LastEventIdQuery = None
) -> Response:
    """Everything that is said on the call, as Server-Sent Events.

    It begins with what was said so far, or after the event that Last-Event-ID names, each final once. Of partials only
    the newest of a channel counts. The last event is `call.processed`, then comes `end`.
    """
    feed = await _feed(sources, key, header or query)
    if feed is None:
        return Response(status_code=204)
    return EventStream(feed.messages(), sources.closing)


@router.websocket("/calls/{key:path}/ws")
async def follow_call_by_socket(
    socket: WebSocket, sources: SourcesOf, key: Key, last_event_id: LastEventIdQuery = None
) -> None:
    """The same events as JSON text frames. Closes with 1000 after the last."""
    try:
        feed = await _feed(sources, key, last_event_id)
    except (CallscribeError, HTTPException) as error:
        await socket.send_denial_response(ProblemResponse(problem_of(error)))
        return
    if feed is None:
        await socket.accept()
        await socket.close()
        return
    await serve_socket(socket, feed.messages(), sources.closing)


@router.get("/calls/{key:path}", responses=responses(404, 422, 503))
def get_call(sources: SourcesOf, key: Key) -> CallAnswer:
    """Everything about a call but what was said."""
    record = sources.reader.call(key)
    return CallAnswer.of(record, audible=is_given_out(sources, record))


def _list_over(reader: CallReader, conditions: CallFilter, limit: int, cursor: str | None) -> CallPage:
    """The calls that do not go on any more: storage asks for one state, and these are two."""
    found: list[CallSummary] = []
    while True:
        page = reader.list_calls(conditions, limit - len(found), cursor)
        found += [summary for summary in page.calls if summary.state is not CallState.ACTIVE]
        cursor = page.cursor
        if cursor is None or len(found) == limit:
            return CallPage(tuple(found), cursor)


async def _feed(sources: Sources, key: str, mark: str | None) -> CallFeed | None:
    """A feed that is ready to be read; None when the subscriber at `mark` has everything already."""
    try:
        position = Position.parse(mark) if mark else None
    except ValueError as error:
        raise HTTPException(422, f"Last-Event-ID: {error}; leave it out to begin with the call's start") from error
    if position is not None and position.over:
        return None
    feed = CallFeed(sources, await find_call(sources, key), position)
    await feed.prepare()
    return feed
