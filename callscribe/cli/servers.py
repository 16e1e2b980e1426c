"""The servers that `callscribe serve` brings for what the settings do not name: a Postgres and a Valkey."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import structlog

from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError
from callscribe.events.embedded import EmbeddedValkey
from storage import schema
from storage.database import Database
from storage.embedded import EmbeddedPostgres, running_url

log = structlog.get_logger()

Report = Callable[[str], None]
"""Told each step of the start, in words for people."""
Server = EmbeddedPostgres | EmbeddedValkey


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """The installation's database, for a command beside the service; its own Postgres is run where nobody runs it.

    Raises StorageError.
    """
    folder = settings.data_folder / "postgres"
    with ExitStack() as stack:
        url = settings.database.url or running_url(folder)
        if not url:
            postgres = EmbeddedPostgres(folder)
            url = postgres.start()
            stack.callback(postgres.stop)
            schema.upgrade(url)
        database = Database(url)
        stack.callback(database.close)
        yield database


class EmbeddedServers:
    """Blocks, so it is called in threads. A server that is being started when `stop` is called is stopped too."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._lock = threading.Lock()
        self._running: list[Server] = []
        self._stopped = False

    def start(self) -> Settings:
        """Run what is missing, migrate the database, and return the settings with the servers' URLs.

        Raises StorageError and EventsUnavailable, and CallscribeError after `stop`.
        """
        settings = self._settings
        if not settings.database.url:
            url = self._run("Postgres", EmbeddedPostgres(settings.data_folder / "postgres"))
            settings = replace(settings, database=replace(settings.database, url=url))
        if not settings.events.url:
            url = self._run("Valkey", EmbeddedValkey(settings.data_folder / "valkey"))
            settings = replace(settings, events=replace(settings.events, url=url))
        self._report("migrating the database")
        schema.upgrade(settings.database.url)
        return settings

    def revive(self) -> None:
        """Bring back a server that died: the roles sit the outage out. One that does not start is tried next time."""
        for server in tuple(self._running):
            with self._lock:
                if self._stopped:
                    return
                try:
                    if not server.alive:
                        log.error("embedded_server_died", server=type(server).__name__)
                        server.start()
                except (CallscribeError, OSError) as error:
                    log.error("embedded_server_not_started", reason=str(error))

    def stop(self) -> None:
        """End the servers, the last started first."""
        # Told before the lock is waited for: whoever holds it to start one server shall not win it again for the next.
        self._stopped = True
        with self._lock:
            for server in reversed(self._running):
                server.stop()

    def _run(self, name: str, server: Server) -> str:
        with self._lock:
            if self._stopped:
                raise CallscribeError("The service was stopped before it had started.")
            self._report(f"starting embedded {name}")
            self._running.append(server)
            return server.start()
