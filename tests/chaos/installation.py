"""A running `callscribe serve` on a small disk of its own, and everything that can be done to it."""

import ctypes
import io
import os
import shutil
import signal
import sqlite3
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from callscribe.domain.transcript import utterance_id
from callscribe.live.journal import FinalSaved
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.chaos.plan import Kind, Strike

DISK_MB = 600
LINES = 2
START_AGAIN_S = 120.0
_LIBC = ctypes.CDLL(None, use_errno=True)
_FINAL: TypeAdapter[FinalSaved] = TypeAdapter(FinalSaved)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of DISK_MB in memory at the folder; False where whoever runs this may mount none."""
    folder.mkdir()
    options = f"size={DISK_MB}m,mode=755".encode()
    mounted = _LIBC.mount(b"chaos", os.fsencode(folder), b"tmpfs", 0, options) == 0
    try:
        yield mounted
    finally:
        if mounted:
            # Lazily: a process that is ending may still hold a file.
            _LIBC.umount2(os.fsencode(folder), 2)


@dataclass(slots=True)
class Installation:
    """The service and its strikes. Used by one thread, the one that made it: the service ends with that."""

    service: RunningService
    disk: bool
    """Whether its disk is one that can be filled."""
    struck: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    journaled: set[UUID] = field(default_factory=set)
    """Ids of the utterances that stood in the journal when a node ended."""

    @property
    def data(self) -> Path:
        return self.service.folder / "data"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can be done to it."""
        return tuple(kind for kind in Kind if self.disk or kind is not Kind.DISK)

    def strike(self, strike: Strike) -> Callable[[], None] | None:
        """Do it. What is returned ends it, and is to be called `lasts_s` later."""
        self.struck[strike.kind] += 1
        match strike.kind:
            case Kind.POSTGRES:
                return self._take_postgres()
            case Kind.DISK:
                return self._fill_disk()
            case Kind.VALKEY:
                self._lose_valkey()
            case Kind.NODE:
                self._kill_node()
            case Kind.SERVE | Kind.REBOOT:
                self._kill_everything(strike.kind)
            case _:
                pids = self._pids(strike.kind)
                if pids:
                    _kill(pids[strike.draw % len(pids)])
        return None

    def start_again(self) -> None:
        """Bring `serve` back where it was killed. Its ports may still be held by what ends after it."""
        assert self.service.process is not None
        self.service.process.wait()

        def started() -> bool:
            with suppress(AssertionError):
                self.service.start()
                return True
            return False

        wait_for(started, f"the service, again:\n{self.service.log[-3000:]}", START_AGAIN_S, every_s=1)

    def wait_ready(self) -> None:
        """Until calls would be answered and all that is told can be asked for."""
        wait_for(self._is_ready, "the service", 120, every_s=0.5)

    def find_call(self, sip_call_id: str) -> Json | None:
        """The call once it is stored and can be read."""
        with suppress(OSError, ValueError):
            return self.service.find_call(sip_call_id)
        return None

    def recorded(self, call_id: str) -> list[NDArray[np.int16]]:
        """The call's channels; empty where it has no recording."""
        try:
            with urllib.request.urlopen(f"{self.service.web}/api/v1/calls/{call_id}/audio", timeout=20) as response:
                sound = io.BytesIO(response.read())
        except urllib.error.HTTPError as refused:
            refused.close()
            return []
        with wave.open(sound) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return list(samples.T)

    def journal_left(self) -> Mapping[str, int]:
        """How many entries wait in the journal, and how many the database refused."""
        with closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True, timeout=10)) as journal:
            counts = {table: journal.execute(f"SELECT count(*) FROM {table}") for table in ("entries", "rejected")}
            return {table: int(count.fetchone()[0]) for table, count in counts.items()}

    def faults(self) -> list[str]:
        """What is left of a round when all its calls are accounted for, and should not be."""
        found = [f"{count} in the journal's {table}" for table, count in self.journal_left().items() if count]
        lines = len(self._all_lines())
        return [*found, f"{lines} lines run, not {LINES}"] if lines != LINES else found

    def _all_lines(self) -> list[int]:
        """Lines of this installation, also such as have lost their node: they have its RTP ports in their settings."""
        ports = self.service.rtp_ports
        assert ports is not None
        everything = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
        return [pid for pid in everything if "telephony.line" in (line := _arguments(pid)) and str(ports.first) in line]

    @property
    def _journal(self) -> Path:
        return next(self.data.glob("journal-*.sqlite"))

    def _is_ready(self) -> bool:
        with suppress(OSError, ValueError):
            return self.service.get("/readyz")["status"] == "ready" and len(self.service.line_pids()) == LINES
        return False

    def _pids(self, kind: Kind) -> list[int]:
        return self.service.line_pids() if kind is Kind.LINE else self.service.pids(kind)

    def _kill_node(self) -> None:
        for pid in self.service.pids("sip"):
            # Held where it is while its journal is read.
            os.kill(pid, signal.SIGSTOP)
            self._read_journal()
            _kill(pid)

    def _kill_everything(self, kind: Kind) -> None:
        assert self.service.process is not None
        if kind is Kind.SERVE:
            self.service.process.kill()
            return
        pids = [*self.service.all_pids(), *self._postgres_pids()]
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        self._read_journal()
        for pid in pids:
            _kill(pid)

    def _read_journal(self) -> None:
        with closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True, timeout=10)) as journal:
            rows = journal.execute("SELECT body FROM entries WHERE kind = ?", (FinalSaved.__name__,)).fetchall()
        for (body,) in rows:
            entry = _FINAL.validate_json(body)
            self.journaled.add(utterance_id(entry.call_id, entry.final.channel, entry.final.start))

    def _postgres_pids(self) -> list[int]:
        with suppress(OSError, ValueError, IndexError):
            first = self.service.postgres_pid()
            return [first, *(int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        return []

    def _take_postgres(self) -> Callable[[], None]:
        """Kill it, and leave it without its settings: whoever starts it fails."""
        settings, aside = self.data / "postgres" / "postgresql.conf", self.data / "postgres" / "aside.conf"
        if not settings.exists():
            return lambda: None
        settings.rename(aside)
        for pid in self._postgres_pids()[:1]:
            _kill(pid)
        return lambda: _put_back(aside, settings)

    def _lose_valkey(self) -> None:
        for pid in self.service.all_pids():
            if "valkey-server" in _arguments(pid).split("\0")[0]:
                shutil.rmtree(self.data / "valkey" / "appendonlydir", ignore_errors=True)
                _kill(pid)

    def _fill_disk(self) -> Callable[[], None]:
        ballast = self.service.folder / "ballast"
        with ballast.open("ab", buffering=0) as file:
            for block in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(block))
        return lambda: ballast.unlink(missing_ok=True)


def _put_back(aside: Path, settings: Path) -> None:
    if aside.exists():
        aside.rename(settings)


def _arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _kill(pid: int) -> None:
    _signal(pid, signal.SIGKILL)


@contextmanager
def running_installation(folder: Path) -> Iterator[Installation]:
    """A service of its own in the folder, on a disk that can be filled where that is allowed."""
    with small_disk(folder) as disk:
        settings = {"sip": f"lines = {LINES}\n", "second_pass": "enabled = false\n"}
        service = RunningService(folder, settings, trunks='[[trunks]]\nname = "chaos"\n')
        with running(service) as started:
            yield Installation(started, disk)
