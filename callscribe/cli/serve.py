"""`callscribe serve`: the whole service on one machine, with embedded servers for what the settings do not name."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from callscribe.cli.processes import Child, ProcessTree
from callscribe.config.settings import Settings, environment_of
from callscribe.domain.errors import CallscribeError, PortUnavailable
from callscribe.events.embedded import EmbeddedValkey
from storage import schema
from storage.embedded import EmbeddedPostgres

log = structlog.get_logger()

Report = Callable[[str], None]
WATCH_S = 0.5


@contextlib.contextmanager
def data_folder_lock(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process. Raises CallscribeError when another `serve` holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CallscribeError(
                f"data folder {folder} is in use by another `callscribe serve`; stop it or set node.data_folder"
            ) from error
        yield


def free_port() -> int:
    """A TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_ports(settings: Settings) -> None:
    """Raise PortUnavailable for a busy public port before anything is started, with the cure."""
    wanted = [("web.port", settings.web.host, settings.web.port, socket.SOCK_STREAM)]
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        wanted.append(("sip.port", settings.sip.host, settings.sip.port, kind))
    for name, host, port, kind in wanted:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise PortUnavailable(
                    f"{name} {port} on {host} cannot be bound: {error.strerror}; stop what uses it or set {name}"
                ) from error


class Service:
    """Embedded servers and the roles as child processes."""

    def __init__(self, settings: Settings, config: Path | None, drain_s: float, report: Report) -> None:
        self._settings = settings
        self._options = ("--config", str(config.absolute())) if config else ()
        self._drain_s = drain_s
        self._report = report
        self._postgres: EmbeddedPostgres | None = None
        self._valkey: EmbeddedValkey | None = None
        self._tree = ProcessTree()
        self._watch: asyncio.Task[None] | None = None

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every running role."""
        return {child.name: pid for child in self._tree.children if (pid := child.pid) is not None}

    async def start(self) -> None:
        """Start everything in the order of need, telling each step."""
        check_ports(self._settings)
        await asyncio.to_thread(self._start_servers)
        self._watch = asyncio.create_task(self._watch_servers())
        urls = await self._start_recognizers()
        settings = self._settings
        environment = {
            "database.url": settings.database.url,
            "events.url": settings.events.url,
            "recognizer.urls": "[" + ", ".join(f'"{url}"' for url in urls) + "]",
            "node.data_folder": str(settings.data_folder),
        }
        sip = settings.sip
        for name, step, arguments, stop_s in (
            ("web", f"pages and API on http://{settings.web.host}:{settings.web.port}", ("web",), 10.0),
            ("worker", "second pass worker", ("worker",), 20.0),
            ("sip", f"SIP on {sip.host}:{sip.port}", ("sip", "--drain", str(self._drain_s)), self._drain_s + 20.0),
        ):
            self._report(f"starting {step}")
            await self._tree.start(Child(name, (*self._options, *arguments), environment_of(environment), stop_s))

    async def stop(self) -> None:
        """Stop calls first, then what they need."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._tree.stop()
        await asyncio.to_thread(self._stop_servers)

    def _start_servers(self) -> None:
        settings = self._settings
        if not settings.database.url:
            self._report("starting embedded Postgres")
            self._postgres = EmbeddedPostgres(settings.data_folder / "postgres")
            settings = replace(settings, database=replace(settings.database, url=self._postgres.start()))
        if not settings.events.url:
            self._report("starting embedded Valkey")
            self._valkey = EmbeddedValkey(settings.data_folder / "valkey")
            settings = replace(settings, events=replace(settings.events, url=self._valkey.start()))
        self._report("migrating the database")
        schema.upgrade(settings.database.url)
        self._settings = settings

    async def _watch_servers(self) -> None:
        """Bring back an embedded server that died: the roles sit the outage out."""
        while True:
            await asyncio.sleep(WATCH_S)
            for server in (self._postgres, self._valkey):
                if server is not None and not server.alive:
                    log.error("embedded_server_died", server=type(server).__name__)
                    try:
                        await asyncio.to_thread(server.start)
                    except CallscribeError as error:
                        log.error("embedded_server_not_started", reason=str(error))

    def _stop_servers(self) -> None:
        if self._valkey is not None:
            self._valkey.stop()
        if self._postgres is not None:
            self._postgres.stop()

    async def _start_recognizers(self) -> tuple[str, ...]:
        recognizer = self._settings.recognizer
        if recognizer.urls:
            return recognizer.urls
        count = recognizer.processes or max(1, (os.cpu_count() or 1) // 2)
        urls = []
        for number in range(1, count + 1):
            self._report(f"loading recogniser {number} of {count}")
            port = free_port()
            environment = environment_of({"recognizer.host": "127.0.0.1", "recognizer.port": str(port)})
            await self._tree.start(Child(f"recognizer-{number}", (*self._options, "recognizer"), environment))
            urls.append(f"ws://127.0.0.1:{port}")
        return tuple(urls)


async def serve(settings: Settings, config: Path | None, drain_s: float, report: Report) -> None:
    """Run the service until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with data_folder_lock(settings.data_folder):
        service = Service(settings, config, drain_s, report)
        starting = asyncio.create_task(service.start())
        asked = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.is_set():
                await starting
                report("ready")
                await asked
            report("stopping")
        finally:
            for task in (starting, asked):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, CallscribeError):
                await starting
            await service.stop()
