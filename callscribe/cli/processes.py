"""The child processes of `callscribe serve`: started and stopped in order, watched, started again when they die."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from callscribe.domain.errors import CallscribeError

log = structlog.get_logger()

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
RESPAWN_FIRST_S = 0.1
RESPAWN_MOST_S = 5.0
STEADY_S = 10.0
"""A child that lived so long starts again without waiting."""
_PR_SET_PDEATHSIG = 1


class ChildFailed(CallscribeError):
    """A part of the service could not be started; its own message stands above."""


_LIBC = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Runs in the child between fork and exec, so it may load nothing."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """One role of the service as a process: `callscribe ROLE` with settings of its own."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    stop_timeout_s: float = STOP_TIMEOUT_S
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    starts: int = 0


class ProcessTree:
    """Starts children in stages, each when the one before is ready, and keeps them running."""

    def __init__(self) -> None:
        self._stages: list[tuple[Child, ...]] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="callscribe-")
        self._closing: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self, *stage: Child, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start children side by side and wait until all of them serve, for `timeout_s` times their number.

        Raises ChildFailed when one ends or hangs before that.
        """
        self._stages.append(stage)
        starts = [asyncio.create_task(self._start(child, timeout_s * len(stage))) for child in stage]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)

    async def run(self, child: Child) -> None:
        """Start a child and wait until it has done its work, however long that takes. Raises ChildFailed."""
        self._stages.append((child,))
        await self._spawn(child)
        assert child.process is not None
        if await child.process.wait():
            raise ChildFailed(f"{child.name} failed; its message stands above")

    async def stop(self) -> None:
        """Stop the stages, the last started first; a child that does not end in time is killed."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        # One of them may be in the middle of a start.
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for stage in reversed(self._stages):
            await asyncio.gather(*map(self._end, stage))
        await asyncio.gather(*self._closing)
        self._folder.cleanup()

    def interrupt(self, name: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to the child of this name, where it runs; it is started again where nobody stops it."""
        for child in (child for stage in self._stages for child in stage if child.name == name):
            if child.process is not None and child.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.send_signal(number)

    async def _start(self, child: Child, timeout_s: float) -> None:
        await self._spawn(child)
        assert child.process is not None
        exited = asyncio.create_task(child.process.wait())
        ready = asyncio.create_task(child.ready.wait())
        try:
            await asyncio.wait({exited, ready}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
            ready.cancel()
        if not child.ready.is_set():
            state = "ended" if child.process.returncode is not None else f"was not ready within {timeout_s:.0f} s"
            raise ChildFailed(f"{child.name} {state}; its message stands above")
        self._watchers.append(asyncio.create_task(self._watch(child)))

    async def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), child.stop_timeout_s)
        except TimeoutError:
            log.warning("process_killed", name=child.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _spawn(self, child: Child) -> None:
        child.ready.clear()
        child.starts += 1
        path = Path(self._folder.name) / f"{child.name}-{child.starts}"
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        channel.bind(str(path))
        loop = asyncio.get_running_loop()

        def heard() -> None:
            if channel.recv(64) == b"READY=1":
                child.ready.set()

        loop.add_reader(channel, heard)
        try:
            child.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "callscribe.cli.main",
                *child.arguments,
                env={**os.environ, **child.environment, "NOTIFY_SOCKET": str(path)},
                # A terminal's Ctrl-C reaches serve alone, which then stops its children in order.
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except BaseException:
            _close(channel)
            raise
        closing = asyncio.create_task(_close_when_done(child.process, channel))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _watch(self, child: Child) -> None:
        pause = RESPAWN_FIRST_S
        while not self._stopping:
            assert child.process is not None
            began = time.monotonic()
            status = await child.process.wait()
            lived = time.monotonic() - began
            pause = RESPAWN_FIRST_S if lived > STEADY_S else min(pause * 2, RESPAWN_MOST_S)
            log.error("process_died", name=child.name, status=status, restart_in_s=round(pause, 1))
            await asyncio.sleep(pause)
            try:
                await self._spawn(child)
            except OSError as error:
                log.error("process_not_started", name=child.name, reason=str(error))


async def _close_when_done(process: asyncio.subprocess.Process, channel: socket.socket) -> None:
    await process.wait()
    _close(channel)


def _close(channel: socket.socket) -> None:
    asyncio.get_running_loop().remove_reader(channel)
    channel.close()
