"""One line process as its parent sees it: spawn, talk, notice its death. Runs in the event loop."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable

import structlog

from callscribe.domain.errors import TelephonyError
from telephony.children import spawn
from telephony.line.settings import LineSettings
from telephony.line.wire import FrameReader, Message, encode

log = structlog.get_logger()

_WATCH_S = 5.0
_LEAVE_S = 0.5
"""A line whose end of the pair is closed is about to exit."""
_SILENT_WATCHES = 2
"""A line that sends no pulse in so many watches in a row hangs, and is killed."""


class LineProcess(asyncio.Protocol):
    """A spawned line. It dies with this process: the kernel kills it, and an end of file on the pair ends it too."""

    def __init__(self, index: int, settings: LineSettings, on_message: Callable[[Message], None]) -> None:
        self._index = index
        self._settings = settings
        self._on_message = on_message
        self._frames = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._closed = asyncio.Event()
        self._heard = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> int:
        """Spawn the line and return its exit status once it is gone. Raises OSError where it cannot be spawned."""
        ours, theirs = socket.socketpair()
        self._process = await spawn("telephony.line", (ours, theirs), self._settings.to_json())
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            await self._watch()
        finally:
            if self._transport:
                self._transport.abort()
            status = await self._end(self._process)
        return status

    def send(self, message: Message) -> None:
        """Queue one control message."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(encode(message))

    def kill(self) -> None:
        """End the process at once, calls and all."""
        if self._process and self._process.returncode is None:
            # Process.kill() polls first, and takes the exit status away from the event loop's child watcher.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _end(self, process: asyncio.subprocess.Process) -> int:
        try:
            return await asyncio.wait_for(process.wait(), _LEAVE_S)
        except TimeoutError:
            self.kill()
            return await process.wait()

    async def _watch(self) -> None:
        silent = 0
        while silent < _SILENT_WATCHES:
            self._heard = False
            try:
                await asyncio.wait_for(self._closed.wait(), _WATCH_S)
            except TimeoutError:
                silent = 0 if self._heard else silent + 1
            else:
                return
        log.error("line_hangs", line=self._index)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            for message in self._frames.feed(data):
                self._on_message(message)
        except TelephonyError as error:
            log.error("line_wire_broken", line=self._index, problem=str(error))
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
