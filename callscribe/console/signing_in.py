"""The pages on which people sign in and out."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from callscribe.console.oidc import Provider
from callscribe.console.pages import page
from callscribe.console.sources import SourcesOf
from callscribe.console.visitor import form_key, is_form_key, visitor_of
from callscribe.domain.access import User
from callscribe.domain.errors import DatabaseUnavailable, ProviderError
from storage.audit import write_audit
from storage.database import Database
from storage.identities import IdentityStore
from storage.secrets import new_secret
from storage.users import name_of

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)

FORM_LIMIT = 16_384
"""Bytes of a form."""
FIELDS = 20
HASHING = 2
"""Passwords that are checked at once: each takes 64 MiB and a good part of a second."""
ASKING = 2
"""Requests for which the identity provider is asked at once: one that hangs must not take all threads."""
BY_ADDRESS, BY_NAME = AttemptLimit(free=10, longest_s=900), AttemptLimit(free=5, longest_s=60)
"""A name waits a minute at most: whoever guesses on and on under it keeps its owner waiting, too."""
NOBODY = "unknown"
"""Whom the audit log names for a failure under a name that no account has: people type passwords there."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why somebody was not signed in, in English; catalogues have it in other languages."""

    text: str
    status: HTTPStatus
    values: Mapping[str, object] = field(default_factory=dict)
    """For the places in the text."""


OLD_FORM = Complaint("The form was too old. Try again.", HTTPStatus.FORBIDDEN)
WRONG = Complaint("Name or password is wrong, or the account is disabled.", HTTPStatus.UNAUTHORIZED)
TOO_OFTEN = Complaint("Too many attempts. Wait {seconds} s.", HTTPStatus.TOO_MANY_REQUESTS)
NO_PASSWORDS = Complaint("Passwords open no account here. Sign in by the button.", HTTPStatus.FORBIDDEN)


class SignInDesk:
    """What signing in needs beside the accounts: who tried how often, a place to wait, and the identity provider."""

    def __init__(self, accounts: Accounts, database: Database) -> None:
        self.accounts = accounts
        self.form = Cookie("callscribe-form", secure=accounts.web.is_secure, framed=bool(accounts.web.embed_origins))
        self.provider = Provider(accounts.web.oidc) if accounts.web.oidc.is_used else None
        self._database = database
        self._by_address, self._by_name = Attempts(BY_ADDRESS), Attempts(BY_NAME)
        self.identities = IdentityStore(database)
        self.asking = asyncio.Semaphore(ASKING)
        """Around whatever asks the identity provider."""
        self._hashing = asyncio.Semaphore(HASHING)

    def wait_s(self, address: str, name: str) -> float:
        """Seconds until this address may try this name, however it is written."""
        now = time.monotonic()
        return max(self._by_address.wait_s(address, now), self._by_name.wait_s(name_of(name), now))

    async def check(self, address: str, name: str, password: str) -> User | None:
        """Who signs in so; None where it is nobody, all of whom take as long. Raises DatabaseUnavailable."""
        user = await self.owner(address, name, password)
        action = "user.signed-in" if user else "user.sign-in-failed"
        await asyncio.to_thread(self.note, action, name, address, {"how": "password"})
        return user

    async def owner(self, address: str, name: str, password: str) -> User | None:
        """Whose name and password these are. Raises DatabaseUnavailable."""
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
        return user

    def address_wait_s(self, address: str) -> float:
        """Seconds until this address may try to come by the identity provider."""
        return self._by_address.wait_s(address, time.monotonic())

    def begin(self, address: str) -> None:
        """Count an attempt by the identity provider."""
        self._by_address.begin(address, time.monotonic())

    def take_back(self, address: str) -> None:
        self._by_address.take_back(address)

    async def sign_out(self, name: str, secret: str, after: str, address: str) -> str | None:
        """Where the browser signs out at the identity provider, too, and comes back from to `after`; None: nowhere."""
        id_token = await asyncio.to_thread(self.accounts.sign_ins.id_token_of, secret)
        leads_to = await self._farewell(id_token, after) if id_token else None
        # Last: a page that is open still and finds itself signed out would lead the browser elsewhere meanwhile.
        await asyncio.to_thread(self.note, "user.signed-out", name, address)
        await asyncio.to_thread(self.accounts.sign_ins.close, secret)
        return leads_to

    async def _farewell(self, id_token: str, after: str) -> str | None:
        if self.provider is None:
            return None
        try:
            async with self.asking:
                return await asyncio.to_thread(self.provider.sign_out_url, id_token, after) or None
        except ProviderError as error:
            log.warning("provider_sign_out_failed", error=str(error))
            return None

    def note(self, action: str, name: str, address: str, detail: Mapping[str, str] | None = None) -> None:
        """Write it into the audit log. Blocks; raises DatabaseUnavailable."""
        known = self.accounts.users.known_name(name) or NOBODY
        told = {"address": address, **(detail or {})}
        with self._database.transaction() as session:
            write_audit(session, action=action, subject=known, by=known, detail=told)


@router.get("/login")
def login_page(request: Request) -> Response:
    """Where people sign in."""
    return form_page(request, own_path(request.query_params.get("next", "")))


@router.post("/login")
async def login(request: Request, sources: SourcesOf) -> Response:
    """Sign in, and go on to where they wanted to."""
    desk, told = desk_of(request), await _read_form(request)
    name, after = told.get("name", "").strip(), own_path(told.get("next", ""))
    if not is_form_key(told.get("form_key", ""), desk.form.of(request)):
        return form_page(request, after, OLD_FORM)
    if not desk.accounts.web.oidc.local:
        return form_page(request, after, NO_PASSWORDS)
    address = network(request)
    wait_s = desk.wait_s(address, name)
    if wait_s > 0:
        return too_often(request, after, wait_s, name)
    user = await desk.check(address, name, told.get("password", ""))
    if user is None:
        log.warning("sign_in_failed", address=address)
        return form_page(request, after, WRONG, name)
    return await signed_in(desk, user, after)


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Sign out, and then at the identity provider, where that signed them in.

    A page leads there: a form that is answered by a redirect must stay on this server (form-action).
    """
    desk, told, visitor = desk_of(request), await _read_form(request), visitor_of(request)
    if visitor is None or not is_form_key(told.get("form_key", ""), visitor.secret):
        raise HTTPException(HTTPStatus.FORBIDDEN, "Sign out by the button on a page.")
    leads_to = await desk.sign_out(visitor.name, visitor.secret, f"{address_of(request)}/login", network(request))
    answer: Response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    if leads_to:
        answer = page(request, "signed_out.html", leads_to=leads_to)
    desk.accounts.cookie.remove(answer)
    return answer


@router.get("/account")
def account_page(request: Request) -> Response:
    """Who somebody is here, and their password."""
    desk, visitor = desk_of(request), visitor_of(request)
    assert visitor is not None, "the gate lets nobody else in"
    [account] = desk.accounts.users.accounts(visitor.name)
    changes = account.has_password and desk.accounts.web.oidc.local and bool(visitor.secret)
    return page(request, "account.html", user=visitor.principal.user, account=account, changes=changes)


async def signed_in(desk: SignInDesk, user: User, after: str, id_token: str | None = None) -> Response:
    """A new secret for each sign-in: one that was planted in the browser before opens nothing."""
    answer = RedirectResponse(after, HTTPStatus.SEE_OTHER)
    desk.accounts.cookie.put(answer, await asyncio.to_thread(desk.accounts.sign_ins.open, user.name, id_token))
    desk.form.remove(answer)
    return answer


def too_often(request: Request, after: str, wait_s: float, name: str = "") -> Response:
    """Whoever failed must wait."""
    seconds = math.ceil(wait_s)
    answer = form_page(request, after, replace(TOO_OFTEN, values={"seconds": seconds}), name)
    answer.headers["retry-after"] = str(seconds)
    return answer


def form_page(request: Request, after: str, complaint: Complaint | None = None, name: str = "") -> Response:
    """The form, with a key that belongs to a cookie of this browser: no other site can send it filled in."""
    desk = desk_of(request)
    secret = desk.form.of(request) or new_secret()
    values = {"after": after, "complaint": complaint, "typed": name, "form_key": form_key(secret)}
    status = HTTPStatus.OK if complaint is None else complaint.status
    answer = page(request, "login.html", int(status), oidc=desk.accounts.web.oidc, **values)
    desk.form.put(answer, secret)
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


def own_path(wanted: str) -> str:
    """A place on this server; what may lead elsewhere becomes the first page."""
    plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if plain else "/"


def network(request: Request) -> str:
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


def address_of(request: Request) -> str:
    """The address by which people come, without a slash at its end."""
    return (desk_of(request).accounts.web.public_url or str(request.base_url)).rstrip("/")


def desk_of(request: Request) -> SignInDesk:
    """The application's."""
    desk = request.app.state.sign_in_desk
    assert isinstance(desk, SignInDesk)
    return desk
