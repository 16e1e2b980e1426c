"""The pages on which people sign in and out."""

import asyncio
import math
import time
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callscribe.console.accounts import Accounts
from callscribe.console.attempts import AttemptLimit, Attempts
from callscribe.console.cookies import Cookie
from callscribe.console.pages import page
from callscribe.console.sources import SourcesOf
from callscribe.console.visitor import form_key, is_form_key, visitor_of
from callscribe.domain.access import User
from callscribe.domain.errors import DatabaseUnavailable
from storage.audit import write_audit
from storage.database import Database
from storage.secrets import new_secret
from storage.users import name_of

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)

FORM_LIMIT = 16_384
"""Bytes of a form."""
FIELDS = 20
HASHING = 2
"""Passwords that are checked at once: each takes 64 MiB and a good part of a second."""
BY_ADDRESS, BY_NAME = AttemptLimit(free=10, longest_s=900), AttemptLimit(free=5, longest_s=60)
"""A name waits a minute at most: whoever guesses on and on under it keeps its owner waiting, too."""
WRONG = "Name or password is wrong, or the account is disabled."
NOBODY = "unknown"
"""Whom the audit log names for a failure under a name that no account has: people type passwords there."""


class SignInDesk:
    """What signing in needs beside the accounts: who tried how often, and a place to wait."""

    def __init__(self, accounts: Accounts, database: Database) -> None:
        self.accounts = accounts
        self.form = Cookie("callscribe-form", secure=accounts.web.is_secure)
        self._database = database
        self._by_address, self._by_name = Attempts(BY_ADDRESS), Attempts(BY_NAME)
        self._hashing = asyncio.Semaphore(HASHING)

    def wait_s(self, address: str, name: str) -> float:
        """Seconds until this address may try this name, however it is written."""
        now = time.monotonic()
        return max(self._by_address.wait_s(address, now), self._by_name.wait_s(name_of(name), now))

    async def check(self, address: str, name: str, password: str) -> User | None:
        """Who it is; None where it is nobody, all of whom take as long. Raises DatabaseUnavailable."""
        now, account = time.monotonic(), name_of(name)
        self._by_address.begin(address, now)
        self._by_name.begin(account, now)
        try:
            async with self._hashing:
                user = await asyncio.to_thread(self.accounts.users.check, name, password)
        except DatabaseUnavailable:
            self._by_address.take_back(address)
            self._by_name.take_back(account)
            raise
        if user is not None:
            self._by_address.take_back(address)
            self._by_name.forget(account)
        await asyncio.to_thread(self._note, "user.signed-in" if user else "user.sign-in-failed", name, address)
        return user

    async def sign_out(self, name: str, secret: str, address: str) -> None:
        await asyncio.to_thread(self.accounts.sign_ins.close, secret)
        await asyncio.to_thread(self._note, "user.signed-out", name, address)

    def _note(self, action: str, name: str, address: str) -> None:
        known = self.accounts.users.known_name(name) or NOBODY
        with self._database.transaction() as session:
            write_audit(session, action=action, subject=known, by=known, detail={"address": address})


@router.get("/login")
def login_page(request: Request) -> Response:
    """Where people sign in."""
    return _form(request, _own_path(request.query_params.get("next", "")))


@router.post("/login")
async def login(request: Request, sources: SourcesOf) -> Response:
    """Sign in, and go on to where they wanted to."""
    desk, told = _desk(request), await _read_form(request)
    name, after = told.get("name", "").strip(), _own_path(told.get("next", ""))
    if not is_form_key(told.get("form_key", ""), desk.form.of(request)):
        return _form(request, after, "The form was too old. Try again.", HTTPStatus.FORBIDDEN)
    address = _network(request)
    wait_s = desk.wait_s(address, name)
    if wait_s > 0:
        answer = _form(
            request, after, f"Too many attempts. Wait {math.ceil(wait_s)} s.", HTTPStatus.TOO_MANY_REQUESTS, name
        )
        answer.headers["retry-after"] = str(math.ceil(wait_s))
        return answer
    user = await desk.check(address, name, told.get("password", ""))
    if user is None:
        log.warning("sign_in_failed", address=address)
        return _form(request, after, WRONG, HTTPStatus.UNAUTHORIZED, name)
    return await _signed_in(desk, user, after)


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Sign out."""
    desk, told, visitor = _desk(request), await _read_form(request), visitor_of(request)
    if visitor is None or not is_form_key(told.get("form_key", ""), visitor.secret):
        raise HTTPException(HTTPStatus.FORBIDDEN, "Sign out by the button on a page.")
    await desk.sign_out(visitor.name, visitor.secret, _network(request))
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    desk.accounts.cookie.remove(answer)
    return answer


async def _signed_in(desk: SignInDesk, user: User, after: str) -> Response:
    """A new secret for each sign-in: one that was planted in the browser before opens nothing."""
    answer = RedirectResponse(after, HTTPStatus.SEE_OTHER)
    desk.accounts.cookie.put(answer, await asyncio.to_thread(desk.accounts.sign_ins.open, user.name))
    desk.form.remove(answer)
    return answer


def _form(request: Request, after: str, complaint: str = "", status: int = HTTPStatus.OK, name: str = "") -> Response:
    """The form, with a key that belongs to a cookie of this browser: no other site can send it filled in."""
    form = _desk(request).form
    secret = form.of(request) or new_secret()
    values = {"after": after, "complaint": complaint, "typed": name, "form_key": form_key(secret)}
    answer = page(request, "login.html", int(status), **values)
    form.put(answer, secret)
    return answer


async def _read_form(request: Request) -> dict[str, str]:
    """The first value of each field."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_LIMIT:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too long.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "The form has too many fields.") from error
    return {field: values[0] for field, values in fields.items()}


def _own_path(wanted: str) -> str:
    """A place on this server; what may lead elsewhere becomes the first page."""
    plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if plain else "/"


def _network(request: Request) -> str:
    """Who counts as one caller: an IPv4 address, or what a household has of IPv6 (a /64).

    A server on `::` is told IPv4 addresses as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
    """
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or f"{IPv6Address(int(address) >> 64 << 64)}/64")


def _desk(request: Request) -> SignInDesk:
    desk = request.app.state.sign_in_desk
    assert isinstance(desk, SignInDesk)
    return desk
