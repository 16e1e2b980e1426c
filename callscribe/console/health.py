"""Whether this process lives, and whether it can do its work."""

import asyncio
from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.errors import CallscribeError
from callscribe.domain.pressure import Pressure
from callscribe.events.board import NODE_ROLE
from callscribe.events.pressure import pressure_of, reasons
from callscribe.events.subscriber import latest_id

router = APIRouter(tags=["Operation"])

CHECK_LIMIT_S = 8.0
_LOADS: Mapping[Pressure, Literal["ok", "pressed", "full"]] = {
    Pressure.OK: "ok",
    Pressure.PRESSED: "pressed",
    Pressure.FULL: "full",
}


class Health(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """What the console needs, each "ready" or a sentence that names the cure."""

    status: Literal["ready", "not ready"]
    database: str = Field(description="Whether Postgres answers and has this release's schema.")
    events: str = Field(description="Whether the event store answers.")
    load: Literal["ok", "pressed", "full", "unknown"] = Field(
        description='Of the node that is hardest pressed: "pressed" has no time for partials and second passes, "full" '
        "refuses new calls. It changes no status: pages work under any load."
    )
    reasons: list[str] = Field(description="What presses the nodes, each behind its node's name.")
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
    database, events, settings, nodes = await asyncio.gather(
        _database(sources), _events(sources), _settings(sources), _nodes(sources)
    )
    ready = database == events == "ready"
    if not ready:
        response.status_code = 503
    hardest = max(map(pressure_of, nodes.values()), default=Pressure.OK) if nodes is not None else None
    return Readiness(
        status="ready" if ready else "not ready",
        database=database,
        events=events,
        load=_LOADS[hardest] if hardest is not None else "unknown",
        reasons=[f"{name}: {reason}" for name, posted in sorted((nodes or {}).items()) for reason in reasons(posted)],
        settings=settings,
    )


async def _nodes(sources: Sources) -> Mapping[str, Mapping[str, float]] | None:
    """What each node that takes calls posted, by name; None where the event store does not tell."""
    try:
        boards = await asyncio.wait_for(sources.board.read_all(), CHECK_LIMIT_S)
    except (CallscribeError, TimeoutError):
        return None
    return {name.removeprefix(NODE_ROLE): posted for name, posted in boards.items() if name.startswith(NODE_ROLE)}


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
