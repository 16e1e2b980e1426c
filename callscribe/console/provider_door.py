"""The way in by the identity provider: there, and back with its word who it is."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

import structlog
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callscribe.console.claims import NoRole, NotForHere, claimed_user
from callscribe.console.cookies import Cookie
from callscribe.console.oidc import Flow, Provider, Vouched
from callscribe.console.signing_in import (
    Complaint,
    SignInDesk,
    address_of,
    desk_of,
    form_page,
    network,
    own_path,
    signed_in,
    too_often,
)
from callscribe.domain.access import ClaimedUser, User
from callscribe.domain.errors import (
    CallscribeError,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    SignInRefused,
)
from storage.identities import AccountDisabled, NameTaken
from storage.secrets import new_secret

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)

LEADS_BACK = "/login/oidc/callback"
LIFETIME_S = 600
"""How long somebody may take at the provider."""


class FlowLost(ProviderError):
    """The answer belongs to no sign-in that this browser has begun."""


class TurnedAway(ProviderError):
    """The identity provider says that it signs this person in not."""


_SEES_WHY = "An administrator sees why in the log and by callscribe doctor."
COMPLAINTS: Mapping[type[CallscribeError], Complaint] = {
    FlowLost: Complaint("The sign-in took too long, or was begun in another window. Try again.", HTTPStatus.FORBIDDEN),
    TurnedAway: Complaint(
        "The identity provider did not let you in ({code}). Try again, or ask who runs it.", HTTPStatus.FORBIDDEN
    ),
    SignInRefused: Complaint(
        f"The identity provider's answer does not hold. Try again. {_SEES_WHY}", HTTPStatus.FORBIDDEN
    ),
    ProviderUnavailable: Complaint(
        f"The identity provider does not answer. Try again in a minute. {_SEES_WHY}", HTTPStatus.SERVICE_UNAVAILABLE
    ),
    ProviderMisconfigured: Complaint(
        f"Sign-in by the identity provider is not set up right. {_SEES_WHY}", HTTPStatus.BAD_GATEWAY
    ),
    NoRole: Complaint(
        "The identity provider knows you, but gives you no role here. Ask an administrator for one.",
        HTTPStatus.FORBIDDEN,
    ),
    NotForHere: Complaint(
        "The identity provider knows you, but your account there is not for Callscribe. Take another one there.",
        HTTPStatus.FORBIDDEN,
    ),
    AccountDisabled: Complaint("Your account is disabled. Ask an administrator.", HTTPStatus.FORBIDDEN),
    NameTaken: Complaint(
        "There is an account {name} already that is not linked with you. An administrator can link it: "
        "callscribe user link {name} --subject {subject}",
        HTTPStatus.FORBIDDEN,
    ),
}


@router.get("/login/oidc")
async def go_there(request: Request) -> Response:
    """Lead the browser to the identity provider, with a cookie that binds the answer to it."""
    desk, after = desk_of(request), own_path(request.query_params.get("next", ""))
    provider, flow = _provider(desk), Flow(new_secret())
    try:
        async with desk.asking:
            url = await asyncio.to_thread(provider.authorization_url, flow, f"{address_of(request)}{LEADS_BACK}")
    except ProviderError as error:
        return _complain(request, after, error)
    answer = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    _cookie(desk).put(answer, f"{flow.secret}.{base64.urlsafe_b64encode(after.encode()).decode()}", LIFETIME_S)
    return answer


@router.get(LEADS_BACK)
async def come_back(request: Request) -> Response:
    """Sign in whom the provider vouches for, and go on to where they wanted to."""
    desk, address = desk_of(request), network(request)
    flow, after = _begun(_cookie(desk).of(request))
    if (wait_s := desk.address_wait_s(address)) > 0:
        return too_often(request, after, wait_s)
    desk.begin(address)
    claimed: ClaimedUser | None = None
    try:
        vouched = await _vouched(request, desk, flow)
        claimed = claimed_user(desk.accounts.web.oidc, vouched.claims)
        user = await asyncio.to_thread(desk.identities.admit, claimed)
    except (ProviderError, AccountDisabled, NameTaken) as error:
        if isinstance(error, ProviderUnavailable | ProviderMisconfigured):
            desk.take_back(address)
        await _note_failure(desk, address, error)
        return _complain(request, after, error, claimed)
    desk.take_back(address)
    return await _let_in(desk, user, address, vouched, after)


async def _let_in(desk: SignInDesk, user: User, address: str, vouched: Vouched, after: str) -> Response:
    await asyncio.to_thread(desk.note, "user.signed-in", user.name, address, {"how": "oidc"})
    answer = await signed_in(desk, user, after, vouched.id_token)
    _cookie(desk).remove(answer)
    return answer


async def _vouched(request: Request, desk: SignInDesk, flow: Flow) -> Vouched:
    """Whom the provider signed in. Raises ProviderError."""
    provider, told = _provider(desk), request.query_params
    if not flow.is_answered_by(told.get("state", "")):
        raise FlowLost
    async with desk.asking:
        # RFC 9207: an answer that another provider gave must not be taken to this one.
        metadata = await asyncio.to_thread(provider.metadata)
        unsaid = "" if metadata.authorization_response_iss_parameter_supported else metadata.issuer
        if told.get("iss", unsaid) != metadata.issuer:
            raise SignInRefused("the answer is another provider's, or does not say whose it is (iss)")
        if "error" in told or "code" not in told:
            raise TurnedAway(_code_of(told.get("error", "")))
        redirect_uri = f"{address_of(request)}{LEADS_BACK}"
        return await asyncio.to_thread(provider.vouched, flow, told["code"], redirect_uri)


async def _note_failure(desk: SignInDesk, address: str, error: CallscribeError) -> None:
    why = type(error).__name__
    log.warning("provider_sign_in_failed", why=why, error=str(error), address=address)
    await asyncio.to_thread(desk.note, "user.sign-in-failed", "", address, {"how": "oidc", "why": why})


def _complain(request: Request, after: str, error: CallscribeError, claimed: ClaimedUser | None = None) -> Response:
    """The form, which says what is wrong and what helps."""
    complaint = COMPLAINTS[type(error)]
    if isinstance(error, TurnedAway):
        complaint = replace(complaint, values={"code": str(error)})
    if isinstance(error, NameTaken) and claimed is not None:
        complaint = replace(complaint, values={"name": claimed.name, "subject": claimed.identity.subject})
    answer = form_page(request, after, complaint)
    _cookie(desk_of(request)).remove(answer)
    return answer


def _begun(cookie: str) -> tuple[Flow, str]:
    """The sign-in that the browser has begun, and where it goes on."""
    secret, _, place = cookie.partition(".")
    try:
        after = base64.urlsafe_b64decode(place).decode()
    except (binascii.Error, ValueError):
        after = ""
    return Flow(secret), own_path(after)


def _code_of(told: str) -> str:
    """An error code; what another site may have put there is not shown."""
    return told if told.isascii() and told.replace("_", "").isalpha() and len(told) <= 40 else "no code"


def _provider(desk: SignInDesk) -> Provider:
    if desk.provider is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No identity provider is set; web.oidc.issuer names one.")
    return desk.provider


def _cookie(desk: SignInDesk) -> Cookie:
    return Cookie("callscribe-oidc", secure=desk.accounts.web.is_secure)
