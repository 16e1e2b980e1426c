"""The gate before every route: who asks is known, may do so, and sees no call that is not theirs to see."""

import asyncio
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from callscribe.console.accounts import Accounts
from callscribe.console.finding import as_uuid
from callscribe.console.pages import problem_page
from callscribe.console.permissions import Open
from callscribe.console.problems import RETRY_AFTER_S, Problem, ProblemResponse, problem_of, wants_page
from callscribe.console.reading import ReadLog
from callscribe.console.route_table import Asked, RouteTable
from callscribe.console.security import HARMLESS
from callscribe.console.sources import Sources
from callscribe.console.visitor import Visitor, name_call
from callscribe.domain.access import Permission
from callscribe.domain.errors import CallNotFound, CallscribeError
from storage.audit import acting_as

RECHECK_S = 30.0
"""How long an endless answer goes on after its reader was signed out or disabled, at most."""
CODE_SIGNED_OUT = 4401
"""Close code of a WebSocket whose reader may not read on (RFC 6455 section 7.4.2: private use)."""


class Refused(Exception):
    """What the gate answers in place of the route."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem.of(status, detail)


class Gate:
    """Lets through to the routes whoever may, and tells them who it is."""

    def __init__(self, app: ASGIApp, routes: RouteTable, accounts: Accounts, sources: Sources) -> None:
        self._app = app
        self._routes = routes
        self._accounts = accounts
        self._sources = sources
        self._reads = ReadLog(sources.database)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked, connection = self._routes.asked(scope), HTTPConnection(scope)
        if asked.rule.need is Open.TO_ALL:
            await self._app(scope, receive, send)
            return
        try:
            visitor = await self._let_in(asked, connection)
        except Refused as refused:
            await _refuse(refused.problem, scope, receive, send)
        except CallscribeError as error:
            await _refuse(problem_of(error), scope, receive, send)
        else:
            acting_as.set(visitor.name)
            if asked.rule.is_stream:
                await self._stream(visitor, connection, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _let_in(self, asked: Asked, connection: HTTPConnection) -> Visitor:
        """Who asks, where they may. Raises Refused, CallNotFound and DatabaseUnavailable."""
        visitor = await asyncio.to_thread(self._accounts.visitor, connection)
        if visitor is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, "Sign in at /login, or send an API token that holds: Bearer TOKEN.")
        if visitor.secret and not asked.rule.has_form_key and not _is_own(connection):
            raise Refused(HTTPStatus.FORBIDDEN, "A page of ours must ask for this, or a program with an API token.")
        for need in (asked.rule.need, asked.rule.also):
            if isinstance(need, Permission) and not visitor.principal.may(need):
                raise Refused(HTTPStatus.FORBIDDEN, f"This needs the permission {need}, which you have not.")
        subject = await self._subject(asked, visitor, connection.scope)
        if asked.rule.reads and subject:
            name, token, rule = visitor.name, visitor.principal.token, asked.rule
            await asyncio.to_thread(self._reads.note, name, rule.reads, subject, token, every_time=rule.every_time)
        visitor.bring(connection)
        return visitor

    async def _subject(self, asked: Asked, visitor: Visitor, scope: Scope) -> str:
        """What is asked for: a call's id, or what the action is about; "" where there is no such call.

        Raises CallNotFound where the visitor does not see the call. The request is then for that very call, also where
        another one comes that another system gave the same id.
        """
        if not asked.is_of_call:
            return asked.rule.reads.partition(".")[0]
        reader = self._sources.seen_by(visitor.calls).reader
        try:
            found = await asyncio.to_thread(reader.find_id, asked.key)
        except CallNotFound:
            # Only one who sees all calls may ask for one that has just begun and is not stored yet.
            if visitor.calls is not None:
                raise
            return asked.key if as_uuid(asked.key) else ""
        if visitor.calls is not None:
            name_call(scope, asked.key, found)
        return str(found)

    async def _stream(self, visitor: Visitor, connection: HTTPConnection, receive: Receive, send: Send) -> None:
        """Pass an endless answer on for as long as its reader may read it."""
        over = asyncio.Event()
        ended = False

        async def listen() -> Message:
            coming, gone = asyncio.ensure_future(receive()), asyncio.ensure_future(over.wait())
            try:
                await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": f"{connection.scope['type']}.disconnect"}
            finally:
                coming.cancel()
                gone.cancel()

        async def tell(message: Message) -> None:
            nonlocal ended
            ended = ended or message["type"] in ("websocket.close", "websocket.http.response.start")
            ended = ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        watch = asyncio.create_task(self._watch(visitor, connection, over))
        try:
            await self._app(connection.scope, listen, tell)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if over.is_set() and not ended:
            if connection.scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": CODE_SIGNED_OUT})
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, visitor: Visitor, connection: HTTPConnection, over: asyncio.Event) -> None:
        """Say when the reader may not read on. While the database is away, nobody was told so."""
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                found = await asyncio.to_thread(self._accounts.visitor, connection, asks=False)
            except CallscribeError:
                continue
            if found != visitor:
                over.set()
                return


def _is_own(connection: HTTPConnection) -> bool:
    """Whether a browser's request that changes something says that a page of ours made it; OwnSite has checked which.

    A browser's navigation and its reading requests need not say so.
    """
    if connection.scope["type"] == "websocket" or connection.scope["method"] in HARMLESS:
        return True
    headers: Headers = connection.headers
    return "origin" in headers or headers.get("sec-fetch-site") == "same-origin"


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(_problem(problem))
        return
    connection = HTTPConnection(scope)
    answer: Response = _problem(problem)
    if wants_page(connection):
        if problem.status == HTTPStatus.UNAUTHORIZED:
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            answer = RedirectResponse(f"/login?next={quote(scope['path'] + query, safe='/')}", 303)
        else:
            answer = problem_page(connection, problem.status, problem.title, problem.detail, {})
    await answer(scope, receive, send)


def _problem(problem: Problem) -> ProblemResponse:
    headers = {
        HTTPStatus.UNAUTHORIZED: {"www-authenticate": "Bearer"},
        HTTPStatus.SERVICE_UNAVAILABLE: {"retry-after": str(RETRY_AFTER_S)},
    }
    return ProblemResponse(problem, headers.get(HTTPStatus(problem.status)))
