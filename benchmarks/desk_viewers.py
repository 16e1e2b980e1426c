"""Viewers of the benchmark of the pages: lean readers of event streams that note how old what they read is."""

import asyncio
import re
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event as Flag
from urllib.parse import urlsplit

_STAMP = re.compile(rb"t(\d{13})")
_LINE = re.compile(rb't(\d{13})","start_ms"')
MEASURED_OF = 4
"""One of so many viewers of the floor looks into what it reads: the others only read it."""


class Viewer:
    """One event stream that is read."""

    def __init__(self, url: str, path: str, *, measures: bool = True) -> None:
        self._url = urlsplit(url)
        self._path = path
        self._measures = measures
        self.late_ms: list[float] = []
        self.messages = 0
        self.bytes = 0
        self._seen: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Measure from now on."""
        self.late_ms, self.messages, self.bytes = [], 0, 0

    async def read(self) -> None:
        """Until cancelled; raises where the stream ends."""
        reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port, limit=1 << 24)
        writer.write(f"GET {self._path} HTTP/1.1\r\nhost: {self._url.netloc}\r\n\r\n".encode())
        status = await reader.readline()
        assert b" 200 " in status, (self._path, status)
        try:
            while True:
                # The chunks of the transfer are not told apart: no stamp is cut by one, for each is a message.
                self._take(await reader.readuntil(b"\n\n"))
        finally:
            writer.close()

    def _take(self, message: bytes) -> None:
        now = time.time_ns() // 1_000_000
        self.messages += 1
        self.bytes += len(message)
        if not self._measures:
            return
        if b"event: floor.rows" in message:
            for row in message.split(b'{"id":"')[1:]:
                found = _LINE.search(row)
                if found and self._seen.get(row[:36]) != found[1]:
                    self._seen[row[:36]] = found[1]
                    self.late_ms.append(now - int(found[1]))
        elif b"event: utterance." in message and (found := _STAMP.search(message)):
            self.late_ms.append(now - int(found[1]))


def watch(url: str, calls: Sequence[str], floors: int, measuring: Flag, pipe: Connection) -> None:
    """Follow each of the calls, and the floor so often, until asked for what was measured since `measuring` was set."""
    asyncio.run(_watch(url, calls, floors, measuring, pipe))


async def _watch(url: str, calls: Sequence[str], floors: int, measuring: Flag, pipe: Connection) -> None:
    followers = [Viewer(url, f"/api/v1/calls/{call}/events") for call in calls]
    watchers = [Viewer(url, "/api/v1/live/rows", measures=number % MEASURED_OF == 0) for number in range(floors)]
    tasks = []
    for viewer in (*watchers, *followers):
        tasks.append(asyncio.create_task(viewer.read()))
        await asyncio.sleep(0.01)
    pipe.send("reading")
    while not measuring.is_set():
        await asyncio.sleep(0.1)
    for viewer in (*watchers, *followers):
        viewer.forget()
    while not pipe.poll():
        await asyncio.sleep(0.1)
    pipe.recv()
    ended = sum(task.done() for task in tasks)
    pipe.send({kind: _summed(group) for kind, group in (("call", followers), ("floor", watchers))} | {"ended": ended})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _summed(viewers: Sequence[Viewer]) -> dict[str, object]:
    return {
        "late_ms": [late for viewer in viewers for late in viewer.late_ms],
        "messages": sum(viewer.messages for viewer in viewers),
        "bytes": sum(viewer.bytes for viewer in viewers),
    }
