"""Whether this process lives, and whether it can do its work."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.errors import CallscribeError
from callscribe.events.subscriber import latest_id

router = APIRouter(tags=["Operation"])

CHECK_LIMIT_S = 8.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """What the console needs, each "ready" or a sentence that names the cure."""

    status: Literal["ready", "not ready"]
    database: str = Field(description="Whether Postgres answers and has this release's schema.")
    events: str = Field(description="Whether the event store answers.")
    settings: str = Field(
        description="Why processes refused the settings that they were to take; they go on with those that they have."
    )


@router.get("/healthz")
async def healthz() -> Health:
    """200 as long as the process answers."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Something is missing."}})
async def readyz(sources: SourcesOf, response: Response) -> Readiness:
    """200 when the database, its schema and the event store are there; else 503 and what is missing."""
    database, events, settings = await asyncio.gather(_database(sources), _events(sources), _settings(sources))
    ready = database == events == "ready"
    if not ready:
        response.status_code = 503
    return Readiness(status="ready" if ready else "not ready", database=database, events=events, settings=settings)


async def _database(sources: Sources) -> str:
    try:
        await asyncio.wait_for(asyncio.to_thread(sources.database.check), CHECK_LIMIT_S)
    except CallscribeError as error:
        return str(error)
    except TimeoutError:
        return "The database takes too long to answer; look at its load and at the network."
    return "ready"


async def _events(sources: Sources) -> str:
    try:
        await asyncio.wait_for(latest_id(sources.events_url, None), CHECK_LIMIT_S)
    except CallscribeError as error:
        return str(error)
    except TimeoutError:
        return "The event store takes too long to answer; look at its load and at the network."
    return "ready"


async def _settings(sources: Sources) -> str:
    try:
        faults = await asyncio.wait_for(sources.faults.read(), CHECK_LIMIT_S)
    except (CallscribeError, TimeoutError):
        return "Whether settings were refused is not known: the event store does not answer."
    return " ".join(f"{process} refused its settings: {fault}." for process, fault in faults.items()) or "ready"
