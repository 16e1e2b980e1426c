"""Whether a service stays as it was: `python -m benchmarks.soak --minutes 60`, also `make soak`.

Real SIPREC calls on loopback follow one another for an hour, so many at once as are 70 % of what benchmarks.capacity
found, against the whole service with the second pass on. Meanwhile it is looked at what each of its processes holds:
memory of its own (Pss of anonymous pages), open files, threads; and temporary files. Growth is the median of the slopes
between all pairs of looks (Theil, 1950; Sen, 1968), which outliers do not move; the looks of the first minutes, while
caches fill, are left out. Finals are timed at a subscriber, those of the first third against those of the last.
Writes build/bench/soak.json.
"""

import argparse
import json
import os
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from asr.files import read_audio
from benchmarks import report
from benchmarks.capacity import LOSSES, role_of
from benchmarks.subscriber import Figures, Screen, delay_of, measure, stretches
from tests.acceptance.recording import RecordingSession, start_session
from tests.acceptance.service import RunningService, running
from tests.acceptance.speech import Excerpt, excerpt

OUTPUT = Path("build/bench/soak.json")
CALLS = 7
"""70 % of the ten that docs/performance.md gives for the development machine."""
LOOK_S = 10.0
SHARE = 0.05
"""Growth over the run, of the level at its start, that is none."""
LEAST = {"memory_kb": 6144.0, "files": 4.0, "threads": 1.0, "temporary_files": 2.0}
"""Growth over the run that is none however small the level."""
LATER = 1.2, 50.0
"""Finals may come so many times later at the end, and so many milliseconds, and are as at the start."""
SETTLED = 0.15
"""Share of the run, one call at least, after which caches are taken to be full."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What one kind of process held of something."""

    role: str
    what: str
    start: float
    end: float
    growth_per_hour: float
    growth: float
    """Over the looks that count."""

    @property
    def steady(self) -> bool:
        return self.growth <= max(SHARE * self.start, LEAST[self.what])


@dataclass(slots=True)
class Watch:
    """Looks at a service's processes until it is told to stop."""

    service: RunningService
    temporary: Path
    began: float = field(default_factory=time.monotonic)
    looks: list[tuple[float, Counter[tuple[str, str]]]] = field(default_factory=list)
    """Seconds since it began, and what there was by role and kind."""

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK_S):
            self.looks.append((time.monotonic() - self.began, self._look()))

    def _look(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for pid in self.service.all_pids():
            process = Path(f"/proc/{pid}")
            try:
                role = role_of((process / "cmdline").read_text().replace("\0", " "))
                memory = (process / "smaps_rollup").read_text().partition("\nPss_Anon:")[2].split()[0]
                files, threads = len(os.listdir(process / "fd")), len(os.listdir(process / "task"))
            except (OSError, IndexError):
                continue
            found[role, "memory_kb"] += int(memory)
            found[role, "files"] += files
            found[role, "threads"] += threads
        found["all", "temporary_files"] = sum(len(names) for _, _, names in os.walk(self.temporary))
        return found

    def trends(self, settled_s: float) -> list[Trend]:
        """Of everything that was seen at more than half of the looks after so many seconds."""
        looks = [look for look in self.looks if look[0] >= settled_s]
        kinds = sorted({kind for _, found in looks for kind in found})
        return [trend_of(kind, [(at, found[kind]) for at, found in looks]) for kind in kinds if len(looks) > 2]


def trend_of(kind: tuple[str, str], points: list[tuple[float, int]]) -> Trend:
    """The trend of values at times in seconds."""
    at, values = np.array([time for time, _ in points]), np.array([float(value) for _, value in points])
    first, second = np.triu_indices(len(at), 1)
    slope = float(np.median((values[second] - values[first]) / (at[second] - at[first])))
    part = max(1, len(values) // 6)
    start, end = float(np.median(values[:part])), float(np.median(values[-part:]))
    return Trend(*kind, start, end, round(slope * 3600, 2), round(slope * float(at[-1] - at[0]), 2))


class Caller:
    """Calls again and again until the time is over."""

    def __init__(self, service: RunningService, folder: Path, speech: Excerpt, screen: Screen) -> None:
        self._service, self._folder, self._speech, self._screen = service, folder, speech, screen
        self._spoken = [stretches(channel) for channel in speech.channels]
        self.calls: list[tuple[float, Figures]] = []
        """When each began, as time.time() has it, and what was shown of it."""

    def run(self, wait_s: float, until: float) -> None:
        time.sleep(wait_s)
        while time.monotonic() < until:
            began = time.time()
            session = start_session(self._service, self._folder, self._speech)
            session.finish()
            self.calls.append((began, self._measured(session)))

    def _measured(self, session: RecordingSession) -> Figures:
        figures = Figures()
        call = self._service.wait_call(session.sip_call_id)
        file = self._folder / f"{call['id']}.wav"
        file.write_bytes(urllib.request.urlopen(f"{self._service.web}/api/v1/calls/{call['id']}/audio").read())
        shown = self._screen.of(session.sip_call_id)
        for channel, recorded in enumerate(read_audio(file).channels):
            delay = delay_of(self._speech.channels[channel], recorded)
            own = [text for text in shown if text.channel == channel]
            measure(own, self._spoken[channel], session.sender.began_at, delay, figures)
        file.unlink()
        return figures


def soak(service: RunningService, folder: Path, calls: int, minutes: float) -> report.Figures:
    """Carry so many calls at once for so long; the figures of the run."""
    speech = excerpt(11)
    screen = Screen(f"ws://127.0.0.1:{service.web_port}/api/v1/live/ws")
    screen.start()
    callers = [Caller(service, folder, speech, screen) for _ in range(calls)]
    watch, stop, began = Watch(service, folder / "temporary"), threading.Event(), time.time()
    until = time.monotonic() + minutes * 60
    threads = [
        threading.Thread(target=caller.run, args=(speech.seconds * number / calls, until))
        for number, caller in enumerate(callers)
    ]
    watching = threading.Thread(target=watch.run, args=(stop,))
    for thread in (*threads, watching):
        thread.start()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 60.0))
        Console(stderr=True).print(f"{left / 60:.0f} min left, {sum(len(each.calls) for each in callers)} calls over")
    stop.set()
    for thread in (*threads, watching):
        thread.join()
    made = [call for caller in callers for call in caller.calls]
    thirds = [began + minutes * 60 * share for share in (1 / 3, 2 / 3)]
    first = _finals([figures for at, figures in made if at < thirds[0]])
    last = _finals([figures for at, figures in made if at >= thirds[1]])
    trends = watch.trends(max(SETTLED * minutes * 60, speech.seconds))
    return {
        "minutes": minutes,
        "calls_at_once": calls,
        "calls": len(made),
        "machine": report.machine(),
        "load_average": os.getloadavg()[1],
        "finals_first_third_ms": first,
        "finals_last_third_ms": last,
        "finals_steady": last[1] <= first[1] * LATER[0] + LATER[1],
        "missed": sum(figures.missed for _, figures in made),
        "audio_lost": sum(int(service.counter(f"callscribe_{name}{{")) for name in LOSSES),
        "trends": [{**asdict(trend), "steady": trend.steady} for trend in trends],
        "looks": [[round(at), {f"{role} {what}": n for (role, what), n in found.items()}] for at, found in watch.looks],
    }


def _finals(calls: list[Figures]) -> list[float]:
    """Their p50 and p95."""
    delays = [delay for figures in calls for delay in figures.finals]
    return [round(float(np.percentile(delays, share)), 1) if delays else float("nan") for share in (50, 95)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=CALLS, help="at once")
    parser.add_argument("--document", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callscribe-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "temporary").mkdir(mode=0o1777)
        os.environ["TMPDIR"] = str(folder / "temporary")
        service = RunningService(folder / "service", {"sip": f"lines = {-(-options.calls // 4) + 1}\n"})
        with running(service):
            figures = soak(service, folder, options.calls, options.minutes)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=1) + "\n")
    table = _table(figures)
    report.print_table(table, Console())
    if options.document:
        report.put(report.DOCUMENT, [table])


def _table(found: report.Figures) -> report.Table:
    """What the service's processes held at the start and at the end of a soak, and how late finals came."""
    kinds = {"memory_kb": ("MB of its own", 1024), "files": ("open files", 1), "threads": ("threads", 1)}
    shown = [(trend, *kinds.get(trend["what"], ("temporary files", 1))) for trend in found["trends"]]
    rows = [
        (
            f"{trend['role']}: {name}",
            f"{trend['start'] / unit:.0f}",
            f"{trend['end'] / unit:.0f}",
            f"{trend['growth_per_hour'] / unit:+.1f}",
            "steady" if trend["steady"] else "**grows**",
        )
        for trend, name, unit in shown
    ]
    first, last = (found[f"finals_{third}_third_ms"] for third in ("first", "last"))
    verdict = "steady" if found["finals_steady"] else "**later**"
    rows += [
        (f"final after the end of speech, {share}, ms", f"{before:.0f}", f"{after:.0f}", "", verdict)
        for share, before, after in zip(("p50", "p95"), first, last, strict=True)
    ]
    rows.append(("stretches of speech without a final", "", str(found["missed"]), "", ""))
    rows.append(("packets and samples of audio lost", "", str(found["audio_lost"]), "", ""))
    span = f"{found['calls_at_once']} calls at once, {found['calls']} in {found['minutes']:.0f} minutes"
    return report.Table("soak", (span, "start", "end", "growth an hour", "verdict"), tuple(rows))


if __name__ == "__main__":
    main()
