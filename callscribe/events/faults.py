"""What is wrong with running processes, in a sentence each, where the web process finds it."""

import asyncio
import contextlib
from collections.abc import Callable

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.streams import FAILURES, connect, connect_sync

INTERVAL_S = 1.0
EXPIRY_S = 10
"""A fault that was not told for so long is over, or its process is gone."""
_NAMES = "callscribe:faults"


class FaultBoard:
    """The faults of all processes, for code on an event loop."""

    def __init__(self, url: str) -> None:
        self._client = connect(url)

    async def read(self) -> dict[str, str]:
        """What is wrong, by process. Raises EventsUnavailable."""
        try:
            names = sorted(str(name) for name in await self._client.smembers(_NAMES))
            told = await self._client.mget([_key(name) for name in names]) if names else []
            found = {name: str(fault) for name, fault in zip(names, told, strict=True) if fault}
            if gone := [name for name in names if name not in found]:
                await self._client.srem(_NAMES, *gone)
        except FAILURES as error:
            raise EventsUnavailable from error
        return found

    async def keep_posting(self, process: str, read: Callable[[], str]) -> None:
        """Post what `read` returns once a second unless it is "", until cancelled; outages are sat out."""
        while True:
            if fault := read():
                with contextlib.suppress(*FAILURES):
                    await self._client.set(_key(process), fault, ex=EXPIRY_S)
                    await self._client.sadd(_NAMES, process)
            await asyncio.sleep(INTERVAL_S)

    async def close(self) -> None:
        await self._client.aclose()


def post_fault_now(url: str, process: str, fault: str) -> None:
    """Post from synchronous code. Raises EventsUnavailable."""
    client = connect_sync(url)
    try:
        client.set(_key(process), fault, ex=EXPIRY_S)
        client.sadd(_NAMES, process)
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        client.close()


def _key(process: str) -> str:
    return f"callscribe:fault:{process}"
