"""Sending a feed's messages to a browser or program: Server-Sent Events or WebSocket, until either side goes."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Annotated

from fastapi import Header, Query
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from callscribe.console.feed import Message

RETRY_MS = 1000
"""What a browser waits before it connects again."""
CODE_GOING_AWAY = 1001
CODES = {"end": 1000, "resync": 4001}
"""Close codes of a WebSocket, by the message that ends it (RFC 6455 section 7.4)."""

Messages = AsyncGenerator[Message, None]

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


class EventStream(StreamingResponse):
    """A feed's messages as Server-Sent Events (WHATWG HTML, section 9.2).

    Sends by itself: Starlette's way of sending cancels a body's clean-up over and over, and so loses its connections.
    """

    media_type = "text/event-stream"

    def __init__(self, messages: Messages, closing: asyncio.Event) -> None:
        super().__init__((), headers={"x-accel-buffering": "no"})
        self._messages = messages
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await _until_gone(self._send_all(send), receive, self._closing):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._messages):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await _send(send, f"retry: {RETRY_MS}\n\n".encode())
            async for message in self._messages:
                await _send(send, message.encoded or frame(message).encode())


def frame(message: Message) -> str:
    """One message as text of an event stream; JSON has no line ends in it."""
    if not message.json:
        return f": {message.type}\n\n"
    mark = f"id: {message.id}\n" if message.id else ""
    return f"{mark}event: {message.type}\ndata: {message.json}\n\n"


async def serve_socket(socket: WebSocket, messages: Messages, closing: asyncio.Event) -> None:
    """Send every event as a text frame, then close; of what the other side sends only its going is noticed."""
    codes: list[int] = []

    async def pump() -> None:
        async with aclosing(messages):
            async for message in messages:
                if message.type in CODES:
                    codes.append(CODES[message.type])
                    return
                if message.json:
                    await socket.send_text(message.json)

    await socket.accept()
    if await _until_gone(pump(), socket.receive, closing):
        await socket.close(codes[0] if codes else CODE_GOING_AWAY)


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(sending: Coroutine[None, None, None], receive: Receive, closing: asyncio.Event) -> bool:
    """Run `sending` until it is done, the server closes or the other side goes; False when the other side is gone."""
    pump = asyncio.create_task(sending)
    watch = asyncio.create_task(_watch(receive))
    tasks = (pump, watch, asyncio.create_task(closing.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        gone = watch.done()
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(ends[0], OSError | WebSocketDisconnect):
        return False
    if isinstance(ends[0], Exception):
        raise ends[0]
    return not gone


async def _watch(receive: Receive) -> None:
    """Returns when the other side has gone."""
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass
