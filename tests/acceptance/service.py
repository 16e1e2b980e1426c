"""A running `callscribe serve`, started and configured as a user would, and its API."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from callscribe.cli.ports import free_port
from callscribe.cli.processes import die_with_parent

Json = dict[str, Any]
"""A JSON object of the API; what is in it, each test asserts."""
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str, seconds: float = 60, *, every_s: float = 0.1) -> Found:
    """Ask until the answer is something; fails the test, naming `what`, when it never is. Machines may be slow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every_s)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


class RtpPorts:
    """RTP ports for twenty lines that no other test run on this machine has, until `give_back`.

    SIP and web ports are asked of the kernel one by one; a range cannot be, so test runs agree on them by locked files,
    beyond the first of the default range: those belong to whoever runs with default settings.
    """

    COUNT = 640
    FIRST, LAST = 12_000, 29_999

    def __init__(self) -> None:
        self.first, self._lock = wait_for(self._take, "a free range of RTP ports")

    @property
    def last(self) -> int:
        return self.first + self.COUNT - 1

    def _take(self) -> tuple[int, int] | None:
        for first in range(self.FIRST, self.LAST - self.COUNT + 2, self.COUNT):
            path = Path(tempfile.gettempdir()) / f"callscribe-test-rtp-{first}.lock"
            lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return first, lock
        return None

    def give_back(self) -> None:
        os.close(self._lock)


@dataclass(slots=True)
class RunningService:
    """`callscribe serve` as a process group of its own."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """TOML tables beyond the ports: heading to body."""
    trunks: str = ""
    """The trunks' part of the settings file."""
    sip_port: int = field(default_factory=free_port)
    tls_port: int = 0
    funasr_port: int = 0
    ingest_port: int = 0
    ingest_http_port: int = 0
    audiosocket_port: int = 0
    callee_port: int = 0
    """Where calls of its routes are sent on to."""
    web_port: int = field(default_factory=free_port)
    drain_s: float = 0.0
    """Seconds that calls may go on after a signal."""
    process: subprocess.Popen[bytes] | None = None
    rtp_ports: RtpPorts | None = None
    _logged_before: int = 0
    """Bytes of the log that an earlier start wrote."""

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")

    @property
    def config(self) -> Path:
        return self.folder / "callscribe.toml"

    def start(self) -> None:
        """Start the service and wait until it says that it is ready."""
        self.folder.mkdir(exist_ok=True)
        self.rtp_ports = self.rtp_ports or RtpPorts()
        self.write_config()
        command = [sys.executable, "-m", "callscribe.cli.main", "--config", str(self.config), "serve"]
        with (self.folder / "serve.log").open("ab") as log:
            self._logged_before = log.tell()
            self.process = subprocess.Popen(
                [*command, "--drain", str(self.drain_s)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - it only makes one system call
            )
        try:
            wait_for(self._ready, "the service", seconds=120)
        except AssertionError:
            self.stop()
            raise AssertionError(f"the service did not start:\n{self.log[-4000:]}") from None

    def write_config(self) -> None:
        """Write the settings file; a service that runs reads it when it is told to."""
        assert self.rtp_ports is not None
        tables = {
            "node": f'data_folder = "{self.folder / "data"}"',
            "web": f"port = {self.web_port}",
            # How busy others keep the machine must not decide which calls a test gets.
            "admission": "by_load = false",
            **self.settings,
        }
        sip = f'host = "127.0.0.1"\nport = {self.sip_port}\n'
        sip += f"rtp_port_min = {self.rtp_ports.first}\nrtp_port_max = {self.rtp_ports.last}\n"
        tables["sip"] = sip + tables.get("sip", "")
        self.config.write_text("\n".join(f"[{name}]\n{body}" for name, body in tables.items()) + self.trunks)

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError("the service ended")
        return b"callscribe: ready" in (self.folder / "serve.log").read_bytes()[self._logged_before :]

    def stop(self) -> int:
        """Stop it as a terminal's Ctrl-C would; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.rtp_ports is not None:
            self.rtp_ports.give_back()
            self.rtp_ports = None
        return self.process.returncode

    def pids(self, role: str) -> list[int]:
        """Process ids of a role of this service: "sip", "recognizer", "web", "worker"."""
        return [pid for pid, command in self._descendants() if role in command and "callscribe.cli.main" in command]

    def all_pids(self) -> list[int]:
        """Process ids of everything that runs for this service, itself included."""
        assert self.process is not None
        return [self.process.pid, *(pid for pid, _ in self._descendants())]

    def line_pids(self) -> list[int]:
        """Process ids of the lines."""
        return [pid for pid, command in self._descendants() if "telephony.line" in command]

    def relay_pids(self) -> list[int]:
        """Process ids of the relay of bridged calls: one, or none while it is being replaced."""
        return [pid for pid, command in self._descendants() if "telephony.relay" in command]

    def postgres_pid(self) -> int:
        """Process id of the embedded Postgres' first process."""
        return int((self.folder / "data" / "postgres" / "postmaster.pid").read_text().split()[0])

    def _descendants(self) -> Iterator[tuple[int, list[str]]]:
        assert self.process is not None
        parents = {self.process.pid}
        found = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
        for _ in range(4):
            for pid in found:
                if _parent(pid) in parents:
                    parents.add(pid)
        for pid in sorted(parents - {self.process.pid}):
            yield pid, _command(pid)

    def get(self, path: str) -> Json:
        """A JSON document of the API."""
        with urllib.request.urlopen(f"{self.web}{path}", timeout=10) as response:
            return cast(Json, json.load(response))

    def text(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.web}{path}", timeout=10) as response:
            return str(response.read().decode())

    def counter(self, name: str) -> float:
        """The sum of a metric over all processes."""
        lines = [line for line in self.text("/metrics").splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def find_call(self, outside_id: str) -> Json | None:
        """The call with this id of another system, once it is stored."""
        try:
            return self.get(f"/api/v1/calls/{urllib.parse.quote(outside_id, safe='')}")
        except urllib.error.HTTPError as refused:
            refused.close()
            return None

    def wait_call(self, outside_id: str, state: str = "ended", seconds: float = 60) -> Json:
        """The stored call once it is in `state`."""

        def look() -> Json | None:
            call = self.find_call(outside_id)
            return call if call and call["state"] == state else None

        return wait_for(look, f"the {state} call", seconds=seconds)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return -1


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


@contextmanager
def running(service: RunningService) -> Iterator[RunningService]:
    """The service, started, and stopped afterwards whatever happens."""
    service.folder.mkdir(parents=True, exist_ok=True)
    service.start()
    try:
        yield service
    finally:
        service.stop()
