"""Sending a feed's messages to a browser or program: Server-Sent Events or WebSocket, until either side goes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import Header, Query
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from callscribe.console.feed import Message

RETRY_MS = 1000
"""What a browser waits before it connects again."""
CODE_END = 1000
CODE_GOING_AWAY = 1001
CODE_RESYNC = 4001
"""Close code of a WebSocket whose reader missed events: read the state anew, then connect again."""

MARK_LIMIT = 2000
"""Characters of an event id."""

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=MARK_LIMIT,
        description="Id of the last event that was received: go on after it.",
    ),
]
LastEventIdQuery = Annotated[
    str | None,
    Query(
        alias="last_event_id",
        max_length=MARK_LIMIT,
        description="The same, where no header can be set; the header wins.",
    ),
]


def event_stream(messages: AsyncGenerator[Message, None], closing: asyncio.Event) -> StreamingResponse:
    """The messages as Server-Sent Events (WHATWG HTML, section 9.2)."""
    return StreamingResponse(
        _frames(messages, closing), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


async def _frames(messages: AsyncGenerator[Message, None], closing: asyncio.Event) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    async with aclosing(_until(messages, closing)) as open_messages:
        async for message in open_messages:
            yield frame(message)


def frame(message: Message) -> str:
    """One message as text of an event stream; JSON has no line ends in it."""
    if not message.json:
        return f": {message.type}\n\n"
    mark = f"id: {message.id}\n" if message.id else ""
    return f"{mark}event: {message.type}\ndata: {message.json}\n\n"


async def send_all(socket: WebSocket, messages: AsyncGenerator[Message, None], closing: asyncio.Event) -> None:
    """Send every event as a text frame, then close; what the other side sends is not read, only that it goes."""
    await socket.accept()
    pump = asyncio.create_task(_pump(socket, messages))
    watch = asyncio.create_task(_watch(socket))
    stop = asyncio.create_task(closing.wait())
    tasks: set[asyncio.Task[object]] = {pump, watch, stop}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pumped, gone = pump.done(), watch.done()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not gone:
        with suppress(WebSocketDisconnect):
            await socket.close(pump.result() if pumped else CODE_GOING_AWAY)


async def _pump(socket: WebSocket, messages: AsyncGenerator[Message, None]) -> int:
    """Send until the messages end; returns the code to close with."""
    async with aclosing(messages):
        async for message in messages:
            if message.type == "resync":
                return CODE_RESYNC
            if message.type == "end":
                break
            if message.json:
                await socket.send_text(message.json)
    return CODE_END


async def _watch(socket: WebSocket) -> None:
    """Returns when the other side has gone."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _until(messages: AsyncGenerator[Message, None], ended: asyncio.Event) -> AsyncGenerator[Message, None]:
    """The messages, but no longer than until `ended` is set."""
    stop = asyncio.create_task(ended.wait())
    async with aclosing(messages):
        step = asyncio.ensure_future(anext(messages, None))
        try:
            while True:
                await asyncio.wait({step, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not step.done() or (message := step.result()) is None:
                    return
                yield message
                step = asyncio.ensure_future(anext(messages, None))
        finally:
            for task in (step, stop):
                task.cancel()
            await asyncio.gather(step, stop, return_exceptions=True)
