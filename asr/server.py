"""The recogniser process: a WebSocket server on one event loop, beside one computing thread."""

import asyncio
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve

from asr.allowance import Allowance
from asr.compute import Compute
from asr.connection import Connection
from asr.engine import Engine, RemoteEngine
from asr.engines import load_ears, load_engine, load_identifier, warm_up
from asr.scheduler import Round, Scheduler
from asr.settings import RecognizerSettings
from asr.wire.fields import MAX_MESSAGE_BYTES
from asr.wire.messages import Load
from callscribe.domain.errors import EngineUnavailable, PortUnavailable, RecognitionError
from callscribe.domain.tasks import ended

log = structlog.get_logger()

_REPORT_S = 1.0
"""Time between two load messages."""
_LOAD_REPORTS = 5
"""Reports over which the real-time factor is taken."""
_UNREAD_MESSAGES = 64
"""Messages that one client may have sent and this process not yet read."""
_REFUSALS = ("connections_refused", "connections_clogged", "channels_refused", "messages_dropped")


class RecognizerServer:
    """Serves supervisors until it is stopped. Start it once."""

    def __init__(self, settings: RecognizerSettings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._engine: Engine | None = None
        self._compute: Compute | None = None
        self._reporter: asyncio.Task[None] | None = None
        self._connections: dict[int, Connection] = {}
        self._ids = count(1)
        self._counts: Counter[str] = Counter()
        self._turn = Round((), {}, queued=0, late_s=0.0, partials_s=0.0)
        """The last one."""
        self._ended = asyncio.Event()

    @property
    def port(self) -> int:
        """The bound port. Only after `start`."""
        if self._server is None:
            raise RecognitionError("the recogniser has not been started")
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def failure(self) -> EngineUnavailable | None:
        """Why it can go on no longer, where the engine told it."""
        return self._compute.failure if self._compute else None

    async def start(self) -> None:
        """Load and warm the models, then listen. Raises EngineUnavailable and PortUnavailable."""
        self._loop = asyncio.get_running_loop()
        engine, scheduler = await asyncio.to_thread(_load, self._settings)
        self._engine = engine
        self._compute = Compute(scheduler, done=self._done, ended=self._compute_ended)
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await serve(
                self._serve, host, port, max_size=MAX_MESSAGE_BYTES, max_queue=_UNREAD_MESSAGES, compression=None
            )
        except OSError as error:
            reason = error.strerror or "not available"
            message = f"the recogniser cannot listen on {host}:{port}: {reason}; set recognizer.port to a free port"
            raise PortUnavailable(message) from error
        self._compute.start()
        self._reporter = asyncio.create_task(self._report())
        log.info("recognizer_ready", host=host, port=self.port, engine=engine.name)

    async def stop(self) -> None:
        """Close every connection (1001, going away) and end the computing thread."""
        if self._reporter is not None:
            await ended(self._reporter)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._compute is not None and self._server is not None:
            self._compute.stop()
            await self._ended.wait()

    async def failed(self) -> None:
        """Returns when the computing thread has ended although nobody asked for it."""
        await self._ended.wait()

    async def _serve(self, socket: ServerConnection) -> None:
        engine, compute = self._engine, self._compute
        if engine is None or compute is None:
            return
        number = next(self._ids)
        able = engine.capabilities
        if self._settings.language_identification:
            able = replace(able, identifies_language=True)
        connection = Connection(socket, lambda message: compute.submit(number, message), able, self._counts)
        self._connections[number] = connection
        log.info("supervisor_connected", connection=number)
        try:
            await connection.run(engine.name, self._settings.engine)
        finally:
            del self._connections[number]
            compute.submit(number, None)
            log.info("supervisor_gone", connection=number)

    def _done(self, turn: Round) -> None:
        """On the computing thread."""
        self._on_loop(lambda: self._deliver(turn))

    def _compute_ended(self) -> None:
        """On the computing thread."""
        self._on_loop(self._ended.set)

    def _on_loop(self, action: Callable[[], None]) -> None:
        # The loop is closed where the process ends while the thread is in the middle of a turn.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(action)

    def _deliver(self, turn: Round) -> None:
        self._turn = turn
        for number, message in turn.deliveries:
            if connection := self._connections.get(number):
                connection.post(message)
        for number, size in turn.heard.items():
            if connection := self._connections.get(number):
                connection.heard(size)

    async def _report(self) -> None:
        loop = asyncio.get_running_loop()
        samples = deque([(loop.time(), *self._busy_s)], maxlen=_LOAD_REPORTS + 1)
        while True:
            await asyncio.sleep(_REPORT_S)
            samples.append((loop.time(), *self._busy_s))
            (before, busy_before, partials_before), (now, busy, partials) = samples[0], samples[-1]
            factor = (busy - busy_before) / (now - before)
            queued = self._turn.queued
            load = Load(
                channels=sum(connection.channels for connection in self._connections.values()),
                queued=queued,
                # What waits for a remote engine waits because that has as much to do as it takes.
                real_time_factor=max(factor, 1.0) if queued and isinstance(self._engine, RemoteEngine) else factor,
                refused=sum(self._counts[name] for name in _REFUSALS),
                needed=max(0.0, factor - (partials - partials_before) / (now - before)),
                late_s=self._turn.late_s + (self._compute.turn_s if self._compute else 0.0),
            )
            for connection in self._connections.values():
                connection.post(load)

    @property
    def _busy_s(self) -> tuple[float, float]:
        """Seconds worked, and those of them that partials took."""
        return self._compute.busy_s if self._compute else 0.0, self._turn.partials_s


def _load(settings: RecognizerSettings) -> tuple[Engine, Scheduler]:
    engine = load_engine(settings)
    identifier = load_identifier(settings, engine)
    warm_up(engine, identifier)
    return engine, Scheduler(engine, load_ears(settings), Allowance(time.monotonic), identifier)


async def serve_recognizer(
    settings: RecognizerSettings, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until `stop` is set; `on_ready` is called once it listens.

    Raises EngineUnavailable, PortUnavailable, and RecognitionError when it breaks down.
    """
    server = RecognizerServer(settings)
    await server.start()
    on_ready()
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(server.failed())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await server.stop()
    if not stop.is_set():
        raise server.failure or RecognitionError("the recogniser's computing thread broke down; its log says why")


def run_recognizer(settings: RecognizerSettings, on_ready: Callable[[], None] = lambda: None) -> None:
    """The recogniser process: serve until SIGTERM or SIGINT. Raises as `serve_recognizer`."""
    asyncio.run(_until_signal(settings, on_ready))


async def _until_signal(settings: RecognizerSettings, on_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve_recognizer(settings, stop, on_ready)
