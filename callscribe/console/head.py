"""HEAD for everything that GET reads (RFC 9110 section 9.3.2): the answer's beginning, without its body."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Begun(Exception):
    """The answer has begun: what follows is not wanted."""


class HeadAsGet:
    """Answers HEAD by asking for GET and leaving at the first byte of the body, also of one that never ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        asked: Scope = {**scope, "method": "GET"}

        async def begin(message: Message) -> None:
            # What the router learned is for who counts requests, too.
            scope.update({**asked, "method": "HEAD"})
            if message["type"] == "http.response.body":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _Begun
            await send(message)

        with suppress(_Begun):
            await self._app(asked, receive, begin)
