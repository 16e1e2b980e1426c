"""The OpenAPI document: what FastAPI gathers from the routes, and the events, which no route returns as a model."""

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field, TypeAdapter

from callscribe.events.schema import Event

API = "/api/v1"
"""What the addresses of the API begin with."""
EVENT_REFERENCE = "#/components/schemas/Event"
EVENTS_ANSWER: dict[str, Any] = {
    "description": "Server-Sent Events. `event` is the type, `id` what to go on from, `data` one Event as JSON.",
    "content": {"text/event-stream": {"schema": {"$ref": EVENT_REFERENCE}}},
}


class DescribedApp(FastAPI):
    """An application whose OpenAPI document describes its events too."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["schemas"] |= _event_schemas()
        return super().openapi()


def _event_schemas() -> dict[str, Any]:
    adapter: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
    schema = adapter.json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs")
    return parts | {"Event": {"title": "Event", "description": "What happened on a call.", **schema}}
