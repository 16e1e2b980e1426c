"""An event loop on a thread of its own, for engines that are called from the computing thread."""

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Network:
    """The loop runs until this is closed, or no longer used by anybody."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name=name, daemon=True)
        self._thread.start()
        self._stop = weakref.finalize(self, _stop, self._loop)

    def start(self, work: Coroutine[object, object, T]) -> Future[T]:
        """Begin it, and do not wait. Cancelling the future cancels the work."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def post(self, action: Callable[[], object]) -> None:
        """Do it on the loop, soon and in order."""
        self._loop.call_soon_threadsafe(action)

    def close(self) -> None:
        """Cancel all that goes on, and wait for its end."""
        self._stop()
        self._thread.join()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        # What is cancelled may have to tidy up in tasks of its own.
        while unfinished := asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))
        # A transport that was told to close does so a turn of the loop later.
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
