"""The API's routes for the tokens with which programs ask."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.console.users import NameField, asker, problems_told
from callscribe.domain.access import Permission
from callscribe.text.visible import NAME
from storage.api_tokens import ApiToken, ApiTokenStore, TokenExists, TokenUnknown

router = APIRouter(prefix=API, tags=["Users and tokens"])

LONGEST_DAYS = 36_500
TokenName = Annotated[str, Path(min_length=1, max_length=100, pattern=NAME, description="The token's.")]


class TokenAnswer(Answer):
    """What is known of a token; it is not told again what it is."""

    name: str
    owner: str = Field(description="In whose name it asks; it may no more than they.")
    scopes: list[Permission]
    created_at: datetime = Field(description="UTC.")
    expires_at: datetime | None = Field(description="UTC; null: never.")
    last_used_at: datetime | None = Field(description="UTC, to the minute; null: not yet.")

    @classmethod
    def of(cls, token: ApiToken) -> "TokenAnswer":
        return cls(
            name=token.name,
            owner=token.user_name,
            scopes=list(token.scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )


class NewTokenAnswer(Answer):
    """A token that was made."""

    name: str
    secret: str = Field(description="Sent as `Authorization: Bearer SECRET`. It is told this once.")


class TokensAnswer(Answer):
    """All tokens, by name."""

    tokens: list[TokenAnswer]


class TokenRequest(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: NameField
    owner: NameField = Field(description="Name of the user in whose name it asks.")
    scopes: list[Permission] = Field(min_length=1, max_length=len(Permission))
    days: float = Field(90, ge=0, le=LONGEST_DAYS, description="How long it holds; 0: for ever.")


@router.get("/tokens", responses=responses(503))
def list_tokens(sources: SourcesOf) -> TokensAnswer:
    """Every token; not what they are."""
    return TokensAnswer(tokens=[TokenAnswer.of(token) for token in ApiTokenStore(sources.database).all()])


@router.post("/tokens", status_code=201, responses=responses(404, 409, 422, 503))
def create_token(request: Request, sources: SourcesOf, wanted: TokenRequest) -> NewTokenAnswer:
    """Make a token. Keep its secret at once: nobody can see it again."""
    tokens = ApiTokenStore(sources.database)
    lifetime = timedelta(days=wanted.days) if wanted.days else None
    scopes = list(dict.fromkeys(wanted.scopes))
    try:
        with problems_told():
            secret = tokens.create(wanted.name, wanted.owner, scopes, lifetime, asker(request))
    except TokenExists as error:
        detail = "name: there is a token of this name already; choose another, or revoke that one."
        raise HTTPException(HTTPStatus.CONFLICT, detail) from error
    return NewTokenAnswer(name=wanted.name.strip(), secret=secret)


@router.delete("/tokens/{name:path}", status_code=204, responses=responses(404, 422, 503))
def revoke_token(request: Request, sources: SourcesOf, name: TokenName) -> None:
    """Let nobody in by a token any more."""
    try:
        ApiTokenStore(sources.database).revoke(name, asker(request))
    except TokenUnknown as error:
        detail = f"There is no such token; {API}/tokens lists them."
        raise HTTPException(HTTPStatus.NOT_FOUND, detail) from error
