"""The API's routes for who asks: what they may, and their own password."""

import asyncio
import math
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.signing_in import desk_of, network
from callscribe.console.users import Password
from callscribe.console.visitor import visitor_of
from callscribe.domain.access import AccountRole, Permission
from storage.passwords import LONGEST

router = APIRouter(prefix=API, tags=["Users and tokens"])


class OwnAccountAnswer(Answer):
    """Who asks."""

    sign_in: bool = Field(description="Whether people must sign in (`web.sign_in`); false: everybody may everything.")
    name: str = Field(description='"" where nobody has to sign in.')
    role: AccountRole | None = Field(description="null where nobody has to sign in.")
    team: str = Field(description='"": none.')
    addresses: list[str] = Field(description="Own extensions, numbers and SIP addresses.")
    permissions: list[Permission] = Field(description="What they may do; of a token, no more than its scopes.")
    token: str = Field(description='Name of the API token that asks; "": a browser.')


class OwnPasswordRequest(BaseModel):
    """Another password for who asks."""

    model_config = ConfigDict(extra="forbid")

    old: str = Field(max_length=LONGEST, description="The one so far.")
    new: Password


@router.get("/me", responses=responses(503))
def show_own_account(request: Request) -> OwnAccountAnswer:
    """Who asks, and what they may."""
    visitor = visitor_of(request)
    if visitor is None:
        everything = sorted(Permission)
        return OwnAccountAnswer(
            sign_in=False, name="", role=None, team="", addresses=[], permissions=everything, token=""
        )
    user, principal = visitor.principal.user, visitor.principal
    return OwnAccountAnswer(
        sign_in=True,
        name=user.name,
        role=user.role,
        team=user.team,
        addresses=list(user.addresses),
        permissions=sorted(principal.permissions),
        token=principal.token,
    )


@router.put("/me/password", status_code=204, responses=responses(403, 409, 422, 429, 503), response_class=Response)
async def change_own_password(request: Request, wanted: OwnPasswordRequest) -> Response:
    """Change the own password. This browser stays signed in, all others are signed out."""
    visitor = visitor_of(request)
    if visitor is None:
        raise HTTPException(HTTPStatus.CONFLICT, "Nobody signs in here; web.sign_in turns it on.")
    if not visitor.secret:
        raise HTTPException(HTTPStatus.FORBIDDEN, "A token changes no password; sign in by a browser.")
    desk, address = desk_of(request), network(request)
    if not desk.accounts.web.oidc.local:
        raise HTTPException(HTTPStatus.CONFLICT, "Passwords open no account here; change it at the identity provider.")
    if (wait_s := desk.wait_s(address, visitor.name)) > 0:
        headers = {"retry-after": str(math.ceil(wait_s))}
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "Too many attempts; wait and try again.", headers)
    if await desk.owner(address, visitor.name, wanted.old) is None:
        detail = "old: this is not the password so far; where you have none, an administrator can give you one."
        raise HTTPException(HTTPStatus.FORBIDDEN, detail)
    accounts = desk.accounts
    id_token = await asyncio.to_thread(accounts.sign_ins.id_token_of, visitor.secret)
    await asyncio.to_thread(accounts.users.set_password, visitor.name, wanted.new, visitor.name)
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    accounts.cookie.put(answer, await asyncio.to_thread(accounts.sign_ins.open, visitor.name, id_token))
    return answer
