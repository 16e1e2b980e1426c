"""What is printed of a call that is followed."""

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve

from callscribe.cli.follow import CallFollower
from callscribe.domain.assist import Severity
from callscribe.domain.call import Role
from callscribe.events.schema import CallProcessed, CardGiven, Event, to_json

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def card(call_id: UUID, title: str, text: str = "") -> CardGiven:
    return CardGiven(
        call_id=call_id, at=NOW, card_id=uuid4(), rule="r", version=1, severity=Severity.CRITICAL, title=title,
        text=text, link="", channel=None, role=Role.UNKNOWN, party="", utterance_id=None, start_ms=64_000,
        heard_ms=65_000,
    )  # fmt: skip


async def printed(events: Sequence[Event]) -> str:
    """What a follower of these events prints."""

    async def tell(socket: ServerConnection) -> None:
        for event in events:
            await socket.send(to_json(event))
        await socket.wait_closed()

    out = io.StringIO()
    async with serve(tell, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with CallFollower(f"ws://127.0.0.1:{port}", Console(file=out, width=200)) as follower:
            await asyncio.wait_for(follower.run(), 20)
    return out.getvalue()


async def test_cards_are_printed_where_they_come() -> None:
    call = uuid4()
    done = CallProcessed(call_id=call, at=NOW, done=(), failed=())
    text = await printed([card(call, "Offer a discount", "20 % for a year"), done])
    assert "1:04 [critical] Offer a discount\n     20 % for a year\n" in text
