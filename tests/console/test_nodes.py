"""How nodes do, and whom they refused."""

import asyncio
from datetime import UTC, datetime

import pytest

from callscribe.domain.refusal import RefusedRequest
from callscribe.events.board import post_now
from callscribe.events.refusals import RefusalBoard
from tests.console.conftest import Console

pytestmark = pytest.mark.integration

REFUSED = RefusedRequest(
    datetime(2026, 11, 21, 9, 30, tzinfo=UTC), "192.0.2.7", "udp", "", "INVITE", 403, "requests_forbidden", "", 3
)


def test_nodes_that_run_tell_their_counters_and_whom_they_refused(console: Console) -> None:
    post_now(console.settings.events.url, "sip-node-8", {"calls_active": 3})
    post_now(console.settings.events.url, "recognizer-node-9", {"calls_active": 3})

    async def post() -> None:
        board = RefusalBoard(console.settings.events.url)
        await board.post("node-8", (REFUSED,))
        await board.close()

    asyncio.run(post())
    found = {node["name"]: node for node in console.client.get("/api/v1/nodes").json()}
    assert "node-9" not in found
    assert found["node-8"] == {
        "name": "node-8",
        "counters": {"calls_active": 3.0},
        "refusals": [
            {
                "at": "2026-11-21T09:30:00Z", "source": "192.0.2.7", "transport": "udp", "trunk": "", "detail": "",
                "method": "INVITE", "status": 403, "reason": "requests_forbidden", "times": 3,
            }
        ],
    }  # fmt: skip
