"""Who watches the floor: told what comes, and gone at once when cancelled."""

import asyncio

import pytest

from callscribe.console.feed import PING, Message
from callscribe.console.floor_hub import Viewer

NEWS = Message("floor.rows", "{}")


@pytest.mark.parametrize("turns", range(6))
def test_a_viewer_goes_when_cancelled_also_as_a_message_comes(turns: int) -> None:
    """At a stop, whoever is told just then must not watch on: the process would wait for them in vain."""

    async def watch(viewer: Viewer) -> None:
        while True:
            await viewer.hear(30)

    async def cancelled() -> bool:
        viewer = Viewer(None)
        watching = asyncio.create_task(watch(viewer))
        for _ in range(5):
            await asyncio.sleep(0)
        viewer.tell(NEWS, whole=True)
        for _ in range(turns):
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait({watching}, timeout=1)
        return watching.cancelled()

    assert asyncio.run(cancelled())


def test_a_viewer_who_is_told_nothing_is_pinged() -> None:
    assert asyncio.run(Viewer(None).hear(0.01)) is PING
