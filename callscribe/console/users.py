"""The API's routes for accounts of people and programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.console.visitor import visitor_of
from callscribe.domain.access import AccountRole, User
from callscribe.text.visible import LINE, NAME
from storage.passwords import LONGEST, SHORTEST
from storage.users import Account, LastAdmin, UserChange, UserExists, UserStore, UserUnknown

router = APIRouter(prefix=API, tags=["Users and tokens"])


ANYBODY = "anybody"
"""Whom the audit log names where nobody has to sign in."""
MOST_ADDRESSES = 100
PROBLEMS = responses(404, 409, 422, 503)

UserName = Annotated[str, Path(min_length=1, max_length=100, pattern=NAME, description="In any case.")]
NameField = Annotated[str, Field(min_length=1, max_length=100, pattern=NAME)]
Team = Annotated[str, Field(max_length=200, pattern=LINE, description='Its name; "": none.')]
Address = Annotated[str, Field(max_length=512, pattern=LINE)]
Addresses = Annotated[
    list[Address], Field(max_length=MOST_ADDRESSES, description="Own extensions, numbers and SIP addresses.")
]
Password = Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]


class UserAnswer(Answer):
    """An account."""

    name: str
    role: AccountRole
    team: str = Field(description='"": none.')
    addresses: list[str] = Field(description="Own extensions, numbers and SIP addresses.")
    disabled: bool
    has_password: bool = Field(description="Whether a password opens it.")
    is_linked: bool = Field(description="Whether the identity provider can sign them in.")
    created_at: datetime = Field(description="UTC.")
    seen_at: datetime | None = Field(
        description="When a browser that is signed in asked for something last, UTC; null: none is signed in."
    )

    @classmethod
    def of(cls, account: Account) -> "UserAnswer":
        user = account.user
        return cls(
            name=user.name,
            role=user.role,
            team=user.team,
            addresses=list(user.addresses),
            disabled=user.disabled,
            has_password=account.has_password,
            is_linked=account.is_linked,
            created_at=account.created_at,
            seen_at=account.seen_at,
        )


class UsersAnswer(Answer):
    """All accounts, by name."""

    users: list[UserAnswer]
    sign_in: bool = Field(description="Whether people must sign in (`web.sign_in`).")


class UserRequest(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    name: NameField
    role: AccountRole
    team: Team = ""
    addresses: Addresses = Field(default_factory=list)
    password: Password | None = Field(None, description="null: none opens it, for an account that has tokens only.")


class UserAmendment(BaseModel):
    """What shall be otherwise with an account; what is left out or null stays."""

    model_config = ConfigDict(extra="forbid")

    role: AccountRole | None = None
    team: Team | None = None
    addresses: Addresses | None = None
    disabled: bool | None = Field(None, description="true lets nobody in by the account and its tokens, at once.")


class PasswordRequest(BaseModel):
    """A new password."""

    model_config = ConfigDict(extra="forbid")

    password: Password


@router.get("/users", responses=responses(503))
def list_users(request: Request, sources: SourcesOf) -> UsersAnswer:
    """Everybody who has an account."""
    found = UserStore(sources.database).accounts()
    return UsersAnswer(users=[UserAnswer.of(account) for account in found], sign_in=visitor_of(request) is not None)


@router.post("/users", status_code=201, responses=responses(409, 422, 503))
def add_user(request: Request, sources: SourcesOf, wanted: UserRequest) -> UserAnswer:
    """Make an account."""
    users = UserStore(sources.database)
    user = User(wanted.name, wanted.role, wanted.team, tuple(wanted.addresses))
    with problems_told():
        made = users.add(user, wanted.password, asker(request))
    return _account(users, made.name)


@router.patch("/users/{name:path}", responses=PROBLEMS)
def change_user(request: Request, sources: SourcesOf, name: UserName, wanted: UserAmendment) -> UserAnswer:
    """Change what an account may do, whose calls it sees, and whether it lets anybody in; from the next request on."""
    users = UserStore(sources.database)
    addresses = None if wanted.addresses is None else tuple(wanted.addresses)
    with problems_told():
        changed = users.amend(name, UserChange(wanted.role, wanted.team, addresses, wanted.disabled), asker(request))
    return _account(users, changed.name)


@router.put("/users/{name:path}/password", status_code=204, responses=PROBLEMS)
def set_user_password(request: Request, sources: SourcesOf, name: UserName, wanted: PasswordRequest) -> None:
    """Give an account another password; browsers that are signed in with it are signed out."""
    with problems_told():
        UserStore(sources.database).set_password(name, wanted.password, asker(request))


def asker(connection: HTTPConnection) -> str:
    """Whom the audit log names."""
    visitor = visitor_of(connection)
    return visitor.name if visitor else ANYBODY


@contextmanager
def problems_told() -> Iterator[None]:
    """What the stores refuse, with its cure."""
    try:
        yield
    except UserUnknown as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no such user; {API}/users lists them.") from error
    except UserExists as error:
        detail = "name: there is a user of this name already; choose another, or change that one."
        raise HTTPException(HTTPStatus.CONFLICT, detail) from error
    except LastAdmin as error:
        detail = "This is the last administrator that can sign in; make another one first."
        raise HTTPException(HTTPStatus.CONFLICT, detail) from error


def _account(users: UserStore, name: str) -> UserAnswer:
    found = users.accounts(name)
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no such user; {API}/users lists them.")
    return UserAnswer.of(found[0])
