"""`callscribe serve`: the whole service on one machine, with embedded servers for what the settings do not name."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from callscribe.cli.fetching import needed_models
from callscribe.cli.ports import free_port, public_ports
from callscribe.cli.processes import Child, ProcessTree
from callscribe.cli.reloading import LOCK, has_terminal
from callscribe.cli.servers import EmbeddedServers, Report
from callscribe.config.settings import Settings, environment_of
from callscribe.domain.errors import CallscribeError, StorageError
from storage.recording_keys import open_keys

WATCH_S = 0.5


@contextlib.contextmanager
def data_folder_lock(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process. Raises StorageError when another `serve` does, or it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+")
    except OSError as error:
        raise StorageError(
            f"data folder {folder} cannot be used: {error.strerror}; change its owner or set node.data_folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                f"data folder {folder} is in use by another `callscribe serve`; stop it or set node.data_folder"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Service:
    """Embedded servers and the roles as child processes."""

    def __init__(self, settings: Settings, config: Path | None, drain_s: float, report: Report) -> None:
        self._settings = settings
        self._options = ("--config", str(config.absolute())) if config else ()
        self._drain_s = drain_s
        self._report = report
        self._servers = EmbeddedServers(settings, report)
        self._tree = ProcessTree()
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start everything in the order of need, telling each step."""
        for port in public_ports(self._settings):
            port.check()
        open_keys(self._settings.recordings)
        self._settings = await asyncio.to_thread(self._servers.start)
        self._watch = asyncio.create_task(self._watch_servers())
        await self._fetch_models()
        recognizers = self._recognizers()
        settings = self._settings
        environment = environment_of(
            {
                "database.url": settings.database.url,
                "events.url": settings.events.url,
                "recognizer.urls": "[" + ", ".join(f'"{url}"' for url in recognizers or settings.recognizer.urls) + "]",
                "node.data_folder": str(settings.data_folder),
            }
        )
        self._report(f"starting pages and API on http://{settings.web.host}:{settings.web.port}")
        if settings.web.is_open:
            self._report("WARNING: whoever reaches this port reads all calls; set web.sign_in to on")
        self._report("starting second pass worker")
        await self._tree.start(
            *recognizers.values(),
            Child("web", (*self._options, "web"), environment, 10.0),
            Child("worker", (*self._options, "worker"), environment, 20.0),
        )
        # No call is answered before there is who hears it.
        self._report(f"starting {self._ways_in()}")
        sip = (*self._options, "sip", "--drain", str(self._drain_s))
        await self._tree.start(Child("sip", sip, environment, self._drain_s + 20.0))

    def hurry(self) -> None:
        """Where stop waits for running calls: end them."""
        self._tree.interrupt("sip")

    def reload(self) -> None:
        """Let those who know trunks read the settings again."""
        for name in ("worker", "web", "sip"):
            self._tree.interrupt(name, signal.SIGHUP)

    async def stop(self) -> None:
        """Stop calls first, then what they need."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        try:
            await self._tree.stop()
        finally:
            await asyncio.to_thread(self._servers.stop)

    async def _watch_servers(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            await asyncio.to_thread(self._servers.revive)

    async def _fetch_models(self) -> None:
        """Before the first process loads one: a download takes longer than a process may take to be ready."""
        if needed_models(self._settings):
            self._report("fetching models")
            await self._tree.run(Child("fetch", (*self._options, "fetch"), {}))

    def _recognizers(self) -> dict[str, Child]:
        """By their URLs; none where others are named."""
        recognizer = self._settings.recognizer
        if recognizer.urls:
            return {}
        cores = os.cpu_count() or 1
        engines = [engine for engine in self._settings.engines for _ in range(recognizer.processes_of(engine, cores))]
        children = {}
        for number, engine in enumerate(engines, 1):
            port = free_port()
            self._report(f"loading recogniser {number} of {len(engines)}: {engine}")
            environment = environment_of(
                {"recognizer.host": "127.0.0.1", "recognizer.port": str(port), "recognizer.engine": engine}
            )
            child = Child(f"recognizer-{number}", (*self._options, "recognizer"), environment)
            children[f"ws://127.0.0.1:{port}"] = child
        return children

    def _ways_in(self) -> str:
        settings = self._settings
        ways = f"SIP on {settings.sip.host}:{settings.sip.port}"
        for name, host, port in (
            ("FunASR's clients", settings.funasr_server.host, settings.funasr_server.port),
            ("media streams", settings.ingest.host, settings.ingest.port),
            ("WebRTC and RTP by HTTP", settings.ingest.host, settings.ingest.http_port),
            ("AudioSocket", settings.audiosocket.host, settings.audiosocket.port),
        ):
            if port:
                ways += f", {name} on {host}:{port}"
        return ways


async def serve(settings: Settings, config: Path | None, drain_s: float, report: Report) -> None:
    """Run the service until SIGTERM or SIGINT; a second one ends the calls that are waited for.

    SIGHUP lets it read its settings again, but of a terminal that was closed: then it ends, too.
    """
    stopping, ready, attended = asyncio.Event(), asyncio.Event(), has_terminal()
    with data_folder_lock(settings.data_folder):
        service = Service(settings, config, drain_s, report)

        def ask() -> None:
            if stopping.is_set():
                service.hurry()
            stopping.set()

        def hang_up() -> None:
            if attended and not has_terminal():
                ask()
            elif ready.is_set():
                service.reload()

        for number, told in ((signal.SIGTERM, ask), (signal.SIGINT, ask), (signal.SIGHUP, hang_up)):
            asyncio.get_running_loop().add_signal_handler(number, told)
        starting = asyncio.create_task(service.start())
        asked = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.is_set():
                await starting
                ready.set()
                report("ready")
                await asked
            report("stopping")
        finally:
            for task in (starting, asked):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, CallscribeError):
                await starting
            await service.stop()
