"""Calls whose audio comes without messages: what ends them is the end of the task that carries them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from callscribe.live.ingest.desk import IngestDesk, Origin
from callscribe.live.ingest.steps import Begin, Digit, Heard


class Source(Protocol):
    """Where such audio comes from."""

    async def begun(self, within_s: float) -> None:
        """Wait for the first audio. Raises TimeoutError where none comes within `within_s` seconds."""

    def sounds(self) -> AsyncIterator[Heard | Digit]:
        """What comes, the first audio included."""

    async def close(self) -> None:
        """Nothing more comes."""


class _Carrying:
    """The task that carries a call. Implements Attended."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def dismiss(self, reason: str) -> None:
        self._task.cancel()


async def carry(desk: IngestDesk, origin: Origin, begin: Begin, sounds: AsyncIterator[Heard | Digit]) -> None:
    """One call, from now until its sounds end or the task that runs this is cancelled, be it by this side.

    Raises ValueError for a sound that lies where none can: the call has been rejected then.
    """
    task = asyncio.current_task()
    assert task is not None
    attended = _Carrying(task)
    await desk.handover(begin, origin)
    call = desk.begin(begin, origin, attended)
    try:
        async for sound in sounds:
            if isinstance(sound, Digit):
                call.press(sound.channel, sound.key)
            else:
                await call.hear(sound)
    except ValueError:
        desk.end(call, "rejected")
        raise
    finally:
        if call.attended is attended:
            desk.end(call, "bye")
