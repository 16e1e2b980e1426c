"""How the nodes that take calls do, and whom they refused: what `callscribe doctor` asks for."""

import asyncio
from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.board import NODE_ROLE

router = APIRouter(prefix=API, tags=["Operation"])


class RefusalAnswer(Answer):
    """A request of a peer, or its TLS handshake, that was refused; nothing of who called whom."""

    at: datetime = Field(description="Of the last one.")
    source: str = Field(description="IP address that it came from.")
    transport: str = Field(description="udp, tcp or tls.")
    trunk: str = Field(description='"" where no trunk allows the address.')
    method: str = Field(description='SIP method; "" for a TLS handshake.')
    status: int = Field(description="SIP status of the answer; 0 for a TLS handshake.")
    reason: str = Field(description="Name under which it is counted.", examples=["requests_forbidden"])
    detail: str = Field(description="What was wrong with it, where the reason does not tell.")
    times: int = Field(description="How often this address was refused for this reason.")

    @classmethod
    def of(cls, refused: RefusedRequest) -> "RefusalAnswer":
        return cls.model_validate(refused, from_attributes=True)


class NodeAnswer(Answer):
    """A node that runs now."""

    name: str
    counters: dict[str, float] = Field(description="As in /metrics, without prefix.", examples=[{"calls_active": 2}])
    refusals: list[RefusalAnswer] = Field(description="The last one first, one for each address and reason.")


@router.get("/nodes", responses=responses(503))
async def list_nodes(sources: SourcesOf) -> list[NodeAnswer]:
    """The nodes that take calls now, by name: their counters, and whom they refused within the last day."""
    boards = await sources.board.read_all()
    names = sorted(process.removeprefix(NODE_ROLE) for process in boards if process.startswith(NODE_ROLE))
    refused = await asyncio.gather(*(sources.refusals.read(name) for name in names))
    return [
        NodeAnswer(name=name, counters=boards[NODE_ROLE + name], refusals=[RefusalAnswer.of(one) for one in found])
        for name, found in zip(names, refused, strict=True)
    ]
