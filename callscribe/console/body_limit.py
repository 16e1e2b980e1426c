"""No request's body fills the memory."""

from http import HTTPStatus

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callscribe.console.problems import Problem, ProblemResponse

MOST_BYTES = 8 << 20
"""Of a body: the longest hotword list takes a tenth of it."""
_TOO_LONG = f"The body is longer than {MOST_BYTES >> 20} MiB; send less at once."


class BodyLimit:
    """Answers 413 to a longer body: at once where its length is told, else where it has come so far."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told[:20]) > MOST_BYTES:
            await ProblemResponse(Problem.of(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LONG))(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise HTTPException(413, _TOO_LONG)
            return message

        await self._app(scope, bounded, send)
