"""A running `callscribe serve`, started and configured as a user would, and its API."""

import json
import os
import signal
import subprocess
import sys
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


def wait_for(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """Ask until the answer is something; fails the test, naming `what`, when it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


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
    web_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

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
        tables = {
            "node": f'data_folder = "{self.folder / "data"}"',
            "web": f"port = {self.web_port}",
            **self.settings,
        }
        tables["sip"] = f'host = "127.0.0.1"\nport = {self.sip_port}\n' + tables.get("sip", "")
        self.config.write_text("\n".join(f"[{name}]\n{body}" for name, body in tables.items()) + self.trunks)
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "callscribe.cli.main", "--config", str(self.config), "serve"],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - it only makes one system call
            )
        try:
            wait_for(self._ready, 60, "the service")
        except AssertionError:
            self.stop()
            raise AssertionError(f"the service did not start:\n{self.log[-4000:]}") from None

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError("the service ended")
        return self.log.rstrip().endswith("ready") or "callscribe: ready" in self.log

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
        except urllib.error.HTTPError:
            return None

    def wait_call(self, outside_id: str, state: str = "ended", seconds: float = 30) -> Json:
        """The stored call once it is in `state`."""

        def look() -> Json | None:
            call = self.find_call(outside_id)
            return call if call and call["state"] == state else None

        return wait_for(look, seconds, f"the {state} call")


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
