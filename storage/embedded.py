"""A Postgres of our own, for an installation that names none."""

import fcntl
import time
from io import TextIOWrapper
from pathlib import Path

import psycopg
import structlog
from psycopg import sql

from callscribe.domain.errors import DatabaseUnavailable, StorageError
from storage.cluster import CONNECT_LIMIT_S, START_LIMIT_S, Cluster, open_cluster

log = structlog.get_logger()

DATABASE = "callscribe"


class EmbeddedPostgres:
    """A server in a data folder, reached through a Unix socket that only its user may open.

    It runs in a session of its own, so that a Ctrl-C for this process does not end it, and with Postgres's own
    durability. Where this process dies without stop(), the server goes on and the next start() takes it over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().absolute()
        self._lock: TextIOWrapper | None = None
        self._cluster: Cluster | None = None

    @property
    def alive(self) -> bool:
        """Whether the server process runs; when it does not, `start` brings it back."""
        return self._cluster is not None and self._cluster.server_pid() is not None

    def start(self) -> str:
        """Make the data folder where there is none, run the server, and return the database's URL.

        Raises DataFolderMismatch for a folder of another major version, DatabaseUnavailable when the server does not
        come up, StorageError when the folder cannot be used or another process runs its server.
        """
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            if self._lock is None:
                self._take_lock()
            cluster = self._cluster = open_cluster(self._folder.resolve())
            adopted = _adopt(cluster)
            if not adopted:
                cluster.launch()
            _create_database(cluster)
        except OSError as error:
            self.stop()
            raise StorageError(f"the data folder {self._folder} cannot be used: {error.strerror}") from error
        except StorageError:
            self.stop()
            raise
        log.info("embedded_postgres_ready", folder=str(cluster.folder), account=cluster.account.name, adopted=adopted)
        return cluster.url(DATABASE)

    def stop(self) -> None:
        """End the server, its connections included. Does nothing when it was not started."""
        if self._cluster is not None:
            self._cluster.end()
            self._cluster = None
            log.info("embedded_postgres_stopped", folder=str(self._folder))
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        """Two processes must not run one folder's server, of which each would stop the other's.

        A POSIX record lock, because a forked child does not inherit it.
        """
        lock = self._folder.with_name(f"{self._folder.name}.lock").open("a")
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise StorageError(f"{self._folder} is in use by another Callscribe on this machine") from None
        self._lock = lock


def running_url(folder: Path) -> str | None:
    """URL of the database whose server another process runs in the folder; None where none answers."""
    folder = folder.expanduser().absolute()
    if not (folder / "PG_VERSION").exists():
        return None
    cluster = open_cluster(folder.resolve())
    return cluster.url(DATABASE) if cluster.answers() else None


def _adopt(cluster: Cluster) -> bool:
    """Whether an earlier process left a server that answers. Waits for one that is still starting or stopping."""
    until = time.monotonic() + START_LIMIT_S
    while not cluster.answers():
        if cluster.server_pid() is None:
            return False
        if time.monotonic() > until:
            raise DatabaseUnavailable(f"a Postgres runs in {cluster.folder} but does not answer")
        time.sleep(0.1)
    return True


def _create_database(cluster: Cluster) -> None:
    try:
        with psycopg.connect(cluster.url("postgres"), autocommit=True, connect_timeout=CONNECT_LIMIT_S) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the embedded Postgres in {cluster.folder} does not answer") from error
