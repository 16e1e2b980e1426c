"""FunASR's runtime server with a recogniser of tones instead of models.

It does what the sources of the C++ server (funasr-wss-server-2pass) and of three ages of the Python one
(funasr_wss_server.py) say that those do, oddities and all. The C++ server itself was not tried; of the Python ones the
first two were, with real models (tests/asr/funasr_server/test_official.py), and the third is not public in source.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

from callscribe.domain.language import joined
from tests.asr.funasr_server.tones import Heard, heard

_CHUNK = 600 * 32
"""Bytes that the streaming model hears at once."""
_PAUSE_MS = 800
"""Silence after which the voice activity detector ends a segment."""
_OPENED_AT_MS = 1_790_000_000_000
_BINARY = Subprotocol("binary")


class Make(Enum):
    """Which server it is."""

    CPP = auto()
    PYTHON_2023 = auto()
    """The answer to the end has `is_final` false, and all before it true. No speech: no answer."""
    PYTHON_2024 = auto()
    """The same, but no speech is answered."""
    PYTHON_2026 = auto()
    """The end is not looked at before the next audio comes; `is_final` is true on every segment."""
    PYTHON_ACKNOWLEDGING = auto()
    """`is_end` is acknowledged, and nothing is said where there is no speech."""


@dataclass
class FakeRuntime:
    """What a test may ask of the server, and wish of it. All but the wishes is written by the server's thread."""

    make: Make
    port: int = 0
    requests: list[dict[str, object]] = field(default_factory=list)
    """The first text message of every connection."""
    received: list[bytearray] = field(default_factory=list)
    """The audio of every connection."""
    open_connections: int = 0
    cut: int = 0
    """Wish: hang up on so many connections once they have sent a second of audio."""
    answering: threading.Event = field(default_factory=threading.Event)
    """Wish: say nothing, but listen, unless it is set."""
    together: int = 0
    """Wish: answer no end before so many connections wait for that."""
    rubbish: bool = False
    """Wish: begin with messages that mean nothing."""
    fails: bool = False
    """Wish: acknowledge the end with an error."""
    waiting: int = 0

    @property
    def scheme(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@contextmanager
def fake_runtime(make: Make, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[FakeRuntime]:
    """A server on a thread of its own."""
    fake = FakeRuntime(make)
    fake.answering.set()
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        python = make is not Make.CPP
        async with serve(
            lambda socket: _Connection(fake, socket).run(),
            "127.0.0.1",
            port,
            ssl=tls,
            subprotocols=[_BINARY] if python else None,
            select_subprotocol=(lambda _, offered: _BINARY if _BINARY in offered else None) if python else None,
            ping_interval=None,
            max_queue=None,
            close_timeout=1,
        ) as server:
            fake.port = next(iter(server.sockets)).getsockname()[1]
            ready.set()
            await stop.wait()

    def serve_until_stopped() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=serve_until_stopped)
    thread.start()
    assert ready.wait(10)
    try:
        yield fake
    finally:
        fake.answering.set()
        loop.call_soon_threadsafe(stop.set)
        thread.join()


class _Connection:
    """One client. Times are milliseconds from its first sample."""

    def __init__(self, fake: FakeRuntime, socket: ServerConnection) -> None:
        self._fake = fake
        self._socket = socket
        self._python = fake.make is not Make.CPP
        self._configuration: dict[str, object] = {}
        self._chunked = False
        self._audio = bytearray()
        self._decided_ms = 0
        self._shown = 0
        self._ended = False

    async def run(self) -> None:
        self._fake.open_connections += 1
        self._fake.received.append(self._audio)
        try:
            if self._fake.rubbish:
                for nonsense in ("[]", "{", '{"text": 7}', "\ud7ff"):
                    await self._socket.send(nonsense)
            async for message in self._socket:
                await (self._configure(message) if isinstance(message, str) else self._hear(message))
                if self._fake.cut and len(self._audio) >= 32_000:
                    self._fake.cut -= 1
                    return
        except ConnectionClosed:
            pass
        finally:
            self._fake.open_connections -= 1

    async def _configure(self, message: str) -> None:
        try:
            fields = json.loads(message)
        except ValueError:
            # The C++ server says nothing, and is deaf from then on.
            self._chunked = False
            return
        if not self._configuration:
            self._fake.requests.append(fields)
            assert isinstance(fields.get("hotwords", ""), str)
        self._configuration |= fields
        size = fields.get("chunk_size")
        self._chunked = self._chunked or (isinstance(size, list) and len(size) == 3 and bool(size[1]))
        if fields.get("is_speaking") is False:
            self._ended = True
            if self._fake.make is not Make.PYTHON_2026:
                await self._finish()

    async def _hear(self, pcm: bytes) -> None:
        if not self._chunked:
            return
        if self._ended:
            if self._fake.make is Make.PYTHON_2026:
                self._audio += pcm
                await self._finish()
            elif self._fake.make is Make.PYTHON_2024:
                await self._say({"mode": self._mode("offline"), "text": "", "is_final": False})
            return
        self._audio += pcm
        if self._online and len(self._audio) % _CHUNK == 0:
            await self._say_more()
        if not self._online:
            await self._cut()

    @property
    def _online(self) -> bool:
        return self._configuration.get("mode") == "online"

    def _mode(self, kind: str) -> str:
        asked = self._configuration.get("mode")
        return f"2pass-{kind}" if not self._python or asked == "2pass" else str(asked)

    async def _say_more(self) -> None:
        """What the streaming model adds: the words that ended 300 ms ago."""
        complete = [word for word in heard(bytes(self._audio)) if word.end_ms + 300 <= len(self._audio) // 32]
        new, self._shown = complete[self._shown :], len(complete)
        if new:
            final = self._fake.make in (Make.PYTHON_2023, Make.PYTHON_2024)
            await self._say({"mode": self._mode("online"), "text": _text(new), "is_final": final})

    async def _cut(self) -> None:
        """A segment whose end was heard."""
        words = self._undecided()
        last = words[-1].end_ms if words else 0
        if words and len(self._audio) // 32 - last >= _PAUSE_MS:
            self._decided_ms = last
            await self._say(self._segment(words) | {"is_final": self._python})

    async def _finish(self) -> None:
        self._fake.waiting += 1
        fake = self._fake
        while (fake.waiting < fake.together or not fake.answering.is_set()) and self._socket.state is State.OPEN:
            await asyncio.sleep(0.01)
        words = [] if self._online else self._undecided()
        self._decided_ms = len(self._audio) // 32
        match self._fake.make:
            case Make.CPP:
                empty: dict[str, object] = {"text": "", "timestamp": _OPENED_AT_MS}
                await self._say((self._segment(words) if words else empty) | {"is_final": True})
            case Make.PYTHON_2023 | Make.PYTHON_2024:
                if words or self._fake.make is Make.PYTHON_2024:
                    await self._say(self._segment(words) | {"is_final": False})
            case Make.PYTHON_2026:
                await self._say(self._segment(words) | {"is_final": True, "spk_name": "unknown"})
            case Make.PYTHON_ACKNOWLEDGING:
                if words:
                    await self._say(self._segment(words) | {"is_final": True})
                end: dict[str, object] = {"mode": "2pass", "is_final": not self._fake.fails, "is_end": True}
                await self._say(end | ({"error": "out of memory"} if self._fake.fails else {}))

    def _undecided(self) -> list[Heard]:
        return [word for word in heard(bytes(self._audio)) if word.start_ms >= self._decided_ms]

    def _segment(self, words: list[Heard]) -> dict[str, object]:
        said: dict[str, object] = {"mode": self._mode("offline"), "text": _text(words)}
        if not self._python:
            if self._ended:
                said["text"] = f"{said['text']}。"
            said["timestamp"] = json.dumps([[word.start_ms, word.end_ms] for word in words])
        elif words:
            # Of the segment's own audio, which is what the Python server gives its model.
            first = words[0].start_ms
            said["timestamp"] = [[word.start_ms - first, word.end_ms - first] for word in words]
        return said

    async def _say(self, message: dict[str, object]) -> None:
        while not self._fake.answering.is_set() and self._socket.state is State.OPEN:
            await asyncio.sleep(0.01)
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps(message | {"wav_name": self._configuration.get("wav_name")}))


def _text(words: list[Heard]) -> str:
    return joined(*(word.text for word in words))
