"""The OpenAPI document: what FastAPI gathers from the routes, and the events, which no route returns as a model."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field, TypeAdapter

from callscribe.events.schema import Event

API = "/api/v1"
"""What the addresses of the API begin with."""
OPEN_TO_ALL = frozenset({"/healthz", "/readyz"})
"""Described addresses that need no signing in."""
EVENT_REFERENCE = "#/components/schemas/Event"
EVENTS_ANSWER: dict[str, Any] = {
    "description": "Server-Sent Events. `event` is the type, `id` what to go on from, `data` one Event as JSON.",
    "content": {"text/event-stream": {"schema": {"$ref": EVENT_REFERENCE}}},
}


class DescribedApp(FastAPI):
    """An application whose OpenAPI document describes its events too."""

    signs_in = False
    """Whether people and programs must say who they are."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["schemas"] |= _event_schemas()
            if self.signs_in:
                _describe_tokens(document)
        return super().openapi()


def _describe_tokens(document: dict[str, Any]) -> None:
    """What is not open to all needs a token, and may be refused."""
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token. A browser has a cookie."}
    }
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in document["paths"].items():
        for operation in operations.values() if path not in OPEN_TO_ALL else ():
            operation["security"] = [{"token": []}]
            for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                described = {"description": status.phrase, "content": problem}
                operation["responses"].setdefault(str(status.value), described)


def _event_schemas() -> dict[str, Any]:
    adapter: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
    schema = adapter.json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    return parts | {"Event": {"title": "Event", "description": "What happened on a call.", **schema}}
