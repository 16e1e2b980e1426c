"""Errors as answers: RFC 9457 problem documents for programs, a plain page for people, never a stack trace."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from callscribe.console.pages import problem_page
from callscribe.domain.errors import (
    AssistRuleOutdated,
    CallActive,
    CallHeld,
    CallNotFound,
    CallscribeError,
    DatabaseOutdated,
    DatabaseUnavailable,
    ErasureNotFound,
    EventsUnavailable,
    HotwordListOutdated,
    NodeSilent,
    NoteForbidden,
    NoteNotFound,
    QueryError,
    RecordingDamaged,
    RecordingLocked,
    RecordingNotFound,
    RevisionOutdated,
    ScorecardOutdated,
    TextExpired,
    TooManyAlike,
    TooManyAssistRules,
    TooManyHotwords,
    TooManyNotes,
    UtteranceNotFound,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

STATUS_OF: dict[type[CallscribeError], HTTPStatus] = {
    CallNotFound: HTTPStatus.NOT_FOUND,
    RecordingNotFound: HTTPStatus.NOT_FOUND,
    UtteranceNotFound: HTTPStatus.NOT_FOUND,
    NoteNotFound: HTTPStatus.NOT_FOUND,
    NoteForbidden: HTTPStatus.FORBIDDEN,
    TooManyNotes: HTTPStatus.CONFLICT,
    TextExpired: HTTPStatus.CONFLICT,
    RevisionOutdated: HTTPStatus.CONFLICT,
    HotwordListOutdated: HTTPStatus.CONFLICT,
    AssistRuleOutdated: HTTPStatus.CONFLICT,
    ScorecardOutdated: HTTPStatus.CONFLICT,
    TooManyAssistRules: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyHotwords: HTTPStatus.UNPROCESSABLE_ENTITY,
    CallActive: HTTPStatus.CONFLICT,
    CallHeld: HTTPStatus.CONFLICT,
    TooManyAlike: HTTPStatus.CONFLICT,
    ErasureNotFound: HTTPStatus.NOT_FOUND,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseOutdated: HTTPStatus.SERVICE_UNAVAILABLE,
    EventsUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    NodeSilent: HTTPStatus.GATEWAY_TIMEOUT,
    RecordingLocked: HTTPStatus.SERVICE_UNAVAILABLE,
    RecordingDamaged: HTTPStatus.INTERNAL_SERVER_ERROR,
    QueryError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
CURES: dict[type[CallscribeError], str] = {
    CallNotFound: "There is no call with this id, and none that another system knows by it; /api/v1/calls lists calls.",
    RecordingNotFound: "The call has no recording that can be fetched: it is still going on, or its audio is not kept.",
}
NOTHING_HERE = "There is nothing at this address; /api/v1/openapi.json describes what there is."
OTHER_METHOD = "This address does not take this method; /api/v1/openapi.json says which it takes."
FAILED = "Callscribe failed to answer; its log names the cause."


class Problem(BaseModel):
    """Why a request failed (RFC 9457)."""

    type: str = Field("about:blank", description="Always about:blank: the status says what kind of problem it is.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status code.", examples=[404])
    detail: str = Field(description="One sentence that names the cause and the cure.")

    @classmethod
    def of(cls, status: HTTPStatus, detail: str) -> "Problem":
        return cls(type="about:blank", title=status.phrase, status=status.value, detail=detail)


class ProblemResponse(Response):
    """A problem document as an answer."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.model_dump_json(), problem.status, headers)


def problem_of(error: Exception) -> Problem:
    """The problem that stands for an error; what is not meant for the caller becomes a plain 500."""
    if isinstance(error, CallscribeError):
        for kind, status in STATUS_OF.items():
            if isinstance(error, kind):
                return Problem.of(status, CURES.get(kind, str(error)))
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.BAD_REQUEST:
        # All that FastAPI answers so; what else is wrong with a body is 422, too.
        return Problem.of(HTTPStatus.UNPROCESSABLE_ENTITY, "body: it must be JSON in UTF-8")
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return Problem.of(status, _sentence(status, error.detail))
    if isinstance(error, RequestValidationError):
        return Problem.of(HTTPStatus.UNPROCESSABLE_ENTITY, _first_complaint(error))
    return Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The `responses` of a route that may answer with these problems, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase, "content": content} for status in statuses
    }


def install_problems(app: FastAPI) -> None:
    """Make every error of the application an answer of this module."""
    for kind in (CallscribeError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", error=type(error).__name__, exc_info=error)
    headers = dict(getattr(error, "headers", None) or {})
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("retry-after", str(RETRY_AFTER_S))
    if wants_page(request):
        return problem_page(request, problem.status, problem.title, problem.detail, headers)
    return ProblemResponse(problem, headers)


def wants_page(connection: HTTPConnection) -> bool:
    """Whether a person asks, for something to look at."""
    return not connection.url.path.startswith("/api/") and "text/html" in connection.headers.get("accept", "")


def _sentence(status: HTTPStatus, detail: object) -> str:
    if status is HTTPStatus.NOT_FOUND and detail == status.phrase:
        return NOTHING_HERE
    if status is HTTPStatus.METHOD_NOT_ALLOWED and detail == status.phrase:
        return OTHER_METHOD
    return str(detail)


def _first_complaint(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return f"{place}: {first['msg']}"
