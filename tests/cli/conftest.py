"""What tests of commands share, and a stand-in for the program whose roles a process tree starts: each role is one way
in which a process behaves."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callscribe.cli import main
from callscribe.cli.processes import Child

PROGRAM = """#!{python} -IS
import os, signal, socket, sys, time

name, behaviour = sys.argv[3:]

def note(word):
    with open({log!r}, "a") as log:
        log.write(f"{{word}} {{name}} {{os.getpid()}}\\n")

def finish(number, frame):
    note("ended")
    sys.exit(0)

def drain(number, frame):
    note("drains")
    signal.signal(signal.SIGTERM, finish)

note("began")
on_stop = {{"stubborn": signal.SIG_IGN, "drains": drain}}
signal.signal(signal.SIGTERM, on_stop.get(behaviour, finish))
if behaviour == "dies":
    sys.exit(3)
if behaviour == "works":
    finish(0, None)
if behaviour != "mute":
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
if behaviour != "short":
    time.sleep(60)
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where such processes are started, and what they did."""

    log: Path

    def child(self, name: str, behaviour: str = "serves", stop_timeout_s: float = 5.0) -> Child:
        """`behaviour`: serves, stubborn (deaf to SIGTERM), drains (ends with the second SIGTERM), mute (never ready),
        dies, short (ready, then gone), works (done at once)."""
        return Child(name, (name, behaviour), {}, stop_timeout_s)

    def told(self) -> list[tuple[str, str]]:
        """What began and ended, as (word, name) in order."""
        return [(word, name) for word, name, _ in self._lines()]

    def pids(self, name: str) -> list[int]:
        """Every process that this name had."""
        return [int(pid) for word, found, pid in self._lines() if word == "began" and found == name]

    def living(self) -> list[int]:
        return [int(pid) for word, _, pid in self._lines() if word == "began" and Path(f"/proc/{pid}").exists()]

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture(autouse=True)
def quiet_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process have a working folder without settings, and no
    logging to the runner's standard error, which is closed after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "configure_logging", lambda level, style: None)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The stand-in in place of this interpreter; what is left of its processes is killed."""
    program, log = tmp_path / "program", tmp_path / "log"
    program.write_text(PROGRAM.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    made = Stage(log)
    yield made
    for pid in made.living():
        os.kill(pid, signal.SIGKILL)
