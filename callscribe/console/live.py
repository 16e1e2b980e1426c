"""The API's routes for the floor: all calls that go on now."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket

from callscribe.console.floor import LATEST, floor_messages, read_floor
from callscribe.console.floor_hub import FloorOf
from callscribe.console.floor_models import FloorAnswer, FloorRowsAnswer
from callscribe.console.position import Position
from callscribe.console.problems import ProblemResponse, problem_of, responses
from callscribe.console.push import EventStream, LastEventId, LastEventIdQuery, serve_socket
from callscribe.console.reference import API, EVENTS_ANSWER
from callscribe.console.sources import SourcesOf
from callscribe.domain.access import CallScope, NarrowScope

router = APIRouter(prefix=API, tags=["Live"])

EVENT_ANSWERS = responses(422, 503) | {
    200: EVENTS_ANSWER,
}


ROWS_ANSWERS = responses(422, 503) | {
    200: {
        "model": FloorRowsAnswer,
        "description": "Server-Sent Events `floor.rows`; `data` is one FloorRowsAnswer as JSON.",
        "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/FloorRowsAnswer"}}},
    }
}
Addresses = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    Query(max_length=100, description="Only calls with one of these: SIP or tel addresses, or numbers."),
]
Newest = Annotated[int, Query(ge=0, le=LATEST, description="Finals of each call at most.")]


@router.get("/live", responses=responses(422, 503))
async def get_live(sources: SourcesOf, hub: FloorOf, newest: Newest = LATEST) -> FloorAnswer:
    """The calls that go on now, each with what was said last."""
    return await read_floor(sources, hub, newest)


@router.get("/live/rows", response_class=StreamingResponse, responses=ROWS_ANSWERS)
async def follow_rows(sources: SourcesOf, hub: FloorOf, address: Addresses = ()) -> Response:
    """All calls that go on in a line each, and ten times a second those lines that changed: for a page of many calls.

    The first message has everything. Whoever comes back gets everything again, and needs no Last-Event-ID.
    """
    await hub.board()
    narrow = NarrowScope(CallScope.of(address).addresses, within=sources.scope) if address else sources.scope
    return EventStream(hub.watch(narrow), sources.closing)


@router.get("/live/events", response_class=StreamingResponse, responses=EVENT_ANSWERS)
async def follow_live(sources: SourcesOf, header: LastEventId = None, query: LastEventIdQuery = None) -> Response:
    """Everything that happens on every call from now on, or after the event that Last-Event-ID names.

    `resync` comes when events after that one are no longer kept, and to who sees some calls only, where the database
    does not answer for a while: read /live again and go on from its cursor.
    """
    return EventStream(floor_messages(sources, _stream_id(header or query)), sources.closing)


@router.websocket("/live/ws")
async def follow_live_by_socket(socket: WebSocket, sources: SourcesOf, last_event_id: LastEventIdQuery = None) -> None:
    """The same events as JSON text frames. Closes with 4001 where /live/events says `resync`."""
    try:
        stream_id = _stream_id(last_event_id)
    except HTTPException as error:
        await socket.send_denial_response(ProblemResponse(problem_of(error)))
        return
    await serve_socket(socket, floor_messages(sources, stream_id), sources.closing)


def _stream_id(mark: str | None) -> str | None:
    """The stream id in an event id of the floor or, for a reader who comes from there, of a call."""
    try:
        return Position.parse(mark).stream_id if mark else None
    except ValueError as error:
        raise HTTPException(422, "Last-Event-ID: not an id of these events; leave it out to begin now") from error
