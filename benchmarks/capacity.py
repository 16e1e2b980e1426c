"""How many two-party calls a machine carries: `python -m benchmarks.capacity`, also `make bench-capacity`.

sipp and RTP senders place real SIPREC calls on loopback that play the demo call, in which each party speaks 45 % of the
time, against the whole service with the second pass on. Calls begin at times spread over a call's length, and each is
followed by another, so that at a level of n there are n calls at all times and second passes beside them. Levels grow
until the p95 of the final latency passes one second or audio is lost. benchmarks.subscriber tells what is measured.

The callers share the machine. So two figures are given: calls that were sustained on the machine, and those divided by
the cores of CPU that the service used for them, its second pass not included: that one yields to everything else.
Writes build/bench/capacity.json.
"""

import argparse
import json
import os
import random
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from asr.files import read_audio
from benchmarks.subscriber import Figures, Screen, delay_of, measure, stretches
from tests.acceptance.recording import RecordingSession, start_session
from tests.acceptance.service import RunningService, running
from tests.acceptance.speech import Excerpt, excerpt

OUTPUT = Path("build/bench/capacity.json")
TICKS = os.sysconf("SC_CLK_TCK")
LIMIT_MS = 700.0
"""A level is sustained while neither text age nor final latency is above this at p95, and no audio is lost."""
END_MS = 1000.0
"""Final latency at p95 after which no higher level is tried."""
LOSSES = ("samples_lost", "samples_missing", "rtp_lost", "frames_unsent", "frames_dropped")


@dataclass(frozen=True, slots=True)
class Level:
    """One row of the table."""

    calls: int
    cores: float
    """CPU seconds of the service a second of wall clock, the worker's not included."""
    cpu_by_process: Mapping[str, float]
    """The same by role, the worker's included."""
    memory_mb: float
    """Of all processes of the service, shared pages counted once."""
    first_partial_p50_ms: float
    text_age_p50_ms: float
    text_age_p95_ms: float
    final_p50_ms: float
    final_p95_ms: float
    stretches: int
    missed: int
    """Stretches of speech without a final."""
    audio_lost: int
    """Packets and samples."""

    @property
    def sustained(self) -> bool:
        return max(self.text_age_p95_ms, self.final_p95_ms) <= LIMIT_MS and not self.audio_lost and not self.missed


@dataclass(slots=True)
class Usage:
    """What the service has used so far, by role."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    memory_mb: float = 0.0

    @classmethod
    def of(cls, service: RunningService) -> "Usage":
        usage = cls()
        for pid in service.all_pids():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            role = role_of(words)
            usage.cpu_s[role] = usage.cpu_s.get(role, 0.0) + sum(int(value) for value in times[11:15]) / TICKS
            usage.memory_mb += int(memory.partition("\nPss:")[2].split()[0]) / 1024
        return usage


def role_of(command: str) -> str:
    """Which of the service's processes has this command line."""
    if "telephony.line" in command:
        return "lines"
    for role in ("recognizer", "worker", "sip", "web"):
        if "callscribe.cli.main" in command and command.split("--drain")[0].rstrip().endswith(role):
            return role
    for role in ("postgres", "valkey"):
        if role in command:
            return role
    return "serve"


@dataclass(slots=True)
class Caller:
    """One of the calls of a level: it calls again and again until the level is over."""

    service: RunningService
    folder: Path
    speech: Excerpt
    sessions: list[RecordingSession] = field(default_factory=list)

    def run(self, wait_s: float, until: float) -> None:
        time.sleep(wait_s)
        while time.monotonic() < until:
            session = start_session(self.service, self.folder, self.speech)
            self.sessions.append(session)
            session.finish()


class Bench:
    """A service and the screen of its floor."""

    def __init__(self, service: RunningService, folder: Path, speech: Excerpt) -> None:
        self._service = service
        self._folder = folder
        self._speech = speech
        self._spoken = [stretches(channel) for channel in speech.channels]
        self._screen = Screen(f"ws://127.0.0.1:{service.web_port}/api/v1/live/ws")
        self._screen.start()
        time.sleep(2)
        self.idle = Usage.of(service)

    def level(self, calls: int, seconds: float) -> Level:
        """Carry so many calls, and look at those that begin and end within `seconds` after all have begun."""
        rise = self._speech.seconds + 5
        began, lost = time.monotonic(), self._lost()
        callers = [Caller(self._service, self._folder, self._speech) for _ in range(calls)]
        threads = [
            threading.Thread(target=caller.run, args=(rise * number / calls + random.random(), began + rise + seconds))
            for number, caller in enumerate(callers)
        ]
        for thread in threads:
            thread.start()
        time.sleep(rise)
        before, at = Usage.of(self._service), time.monotonic()
        time.sleep(seconds)
        after, span = Usage.of(self._service), time.monotonic() - at
        for thread in threads:
            thread.join()
        cpu = {role: (used - before.cpu_s.get(role, 0.0)) / span for role, used in after.cpu_s.items()}
        figures = Figures()
        for session in (session for caller in callers for session in caller.sessions):
            self._measure(session, figures)
        return Level(
            calls=calls,
            cores=sum(used for role, used in cpu.items() if role != "worker"),
            cpu_by_process={role: round(used, 4) for role, used in sorted(cpu.items())},
            memory_mb=after.memory_mb,
            first_partial_p50_ms=_percentile(figures.first_partials, 50),
            text_age_p50_ms=_percentile(figures.ages, 50),
            text_age_p95_ms=_percentile(figures.ages, 95),
            final_p50_ms=_percentile(figures.finals, 50),
            final_p95_ms=_percentile(figures.finals, 95),
            stretches=len(figures.finals) + figures.missed,
            missed=figures.missed,
            audio_lost=self._lost() - lost,
        )

    def _measure(self, session: RecordingSession, figures: Figures) -> None:
        call = self._service.wait_call(session.sip_call_id)
        file = self._folder / "call.wav"
        file.write_bytes(urllib.request.urlopen(f"{self._service.web}/api/v1/calls/{call['id']}/audio").read())
        shown = self._screen.of(session.sip_call_id)
        for channel, recorded in enumerate(read_audio(file).channels):
            delay = delay_of(self._speech.channels[channel], recorded)
            own = [text for text in shown if text.channel == channel]
            measure(own, self._spoken[channel], session.sender.began_at, delay, figures)

    def _lost(self) -> int:
        return sum(int(self._service.counter(f"callscribe_{name}{{")) for name in LOSSES)


def _percentile(values: list[float], share: float) -> float:
    return round(float(np.percentile(values, share)), 1) if values else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", type=int, nargs="+", default=[2, 4, 6, 8, 10, 12, 14, 16, 20, 24])
    parser.add_argument("--turns", type=int, default=11, help="turns of the demo call that a call plays: 11 are 46 s")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a level is measured")
    options = parser.parse_args()
    speech = excerpt(options.turns)
    levels: list[Level] = []
    with tempfile.TemporaryDirectory(prefix="callscribe-bench-") as name:
        folder = Path(name)
        settings = {"sip": f"lines = {-(-max(options.levels) // 4) + 1}\n"}
        with running(RunningService(folder / "service", settings)) as service:
            bench = Bench(service, folder, speech)
            for calls in options.levels:
                levels.append(bench.level(calls, options.seconds))
                Console().print(levels[-1])
                if levels[-1].final_p95_ms > END_MS or levels[-1].audio_lost:
                    break
            report(levels, bench.idle)


def report(levels: list[Level], idle: Usage) -> None:
    """Print the table and write the figures of the highest level that was sustained."""
    table = Table("calls", "cores", "text age p50", "p95 ms", "first partial p50", "final p50", "p95 ms", "MB", "lost")
    for level in levels:
        table.add_row(
            *(
                f"{value:.4g}"
                for value in (
                    level.calls, level.cores, level.text_age_p50_ms, level.text_age_p95_ms,
                    level.first_partial_p50_ms, level.final_p50_ms, level.final_p95_ms, level.memory_mb,
                    level.audio_lost,
                )
            )
        )  # fmt: skip
    Console().print(table)
    best = max((level for level in levels if level.sustained), key=lambda level: level.calls, default=levels[0])
    figures = {
        "calls_sustained": best.calls if best.sustained else 0,
        "machine_cores": os.cpu_count(),
        "calls_per_core": best.calls / best.cores if best.sustained else 0.0,
        "text_age_p95_ms": best.text_age_p95_ms,
        "final_p95_ms": best.final_p95_ms,
        "memory_mb_per_call": (best.memory_mb - idle.memory_mb) / best.calls,
        "cpu_by_process": best.cpu_by_process,
        "levels": [asdict(level) for level in levels],
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
