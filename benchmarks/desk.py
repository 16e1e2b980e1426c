"""How the pages do with many calls and viewers: `python -m benchmarks.desk`, also `make bench-desk`.

A web process with Postgres and Valkey of its own; a second process lets 1,000 calls speak (45 % of the time in each
direction, a partial each half second, finals with words, a card a minute), a third holds most of 200 viewers: three of
four follow one call, the others the floor. Two more are pages in a real Chromium: the floor with one call open, and the
page of a call. What is said carries when it was published, so that a reader knows how old it is, and a page how old it
was when it stood in the document. Writes build/bench/desk.json.
"""

import argparse
import json
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from rich.console import Console

from benchmarks.desk_calls import make_calls, speak
from benchmarks.desk_viewers import watch
from benchmarks.report import machine, print_tables, write_document
from callscribe.config.settings import NodeSettings, Settings
from callscribe.config.web import WebSettings
from callscribe.console.server import run_web
from callscribe.domain.call import Call
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.settings import EventSettings
from storage import schema
from storage.calls import CallStore
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.settings import DatabaseSettings
from tests.console.browser import Browser, chromium

OUTPUT = Path("build/bench/desk.json")
SETTLING_S = 10.0
TICKS = os.sysconf("SC_CLK_TCK")
GATE_MS = 300
NOTING = """
window.lateMs = [];
new MutationObserver((changes) => {
  const now = performance.timeOrigin + performance.now();
  for (const { target, addedNodes } of changes) {
    const told = [target, ...addedNodes].map((node) => node.textContent.match(/t(\\d{13})$/)?.[1]).find(Boolean);
    if (told && told !== window.lastTold) window.lateMs.push(now - Number(told));
    window.lastTold = told;
  }
}).observe(document.querySelector(arguments[0]), { subtree: true, childList: true, characterData: true });
"""
"""Notes how old what comes into the document is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the processes have used up to an instant."""

    at: float
    web_s: float
    valkey_s: float
    speakers_s: float

    @classmethod
    def now(cls, web: int, valkey: int, speakers: int) -> "Reading":
        return cls(time.monotonic(), _cpu_s(web), _cpu_s(valkey), _cpu_s(speakers))


def measure(calls: int, viewers: int, seconds: float, *, pages: bool) -> Mapping[str, object]:
    """The figures of so many calls and viewers."""
    with tempfile.TemporaryDirectory(prefix="bench-desk-") as name, _services(Path(name)) as (settings, valkey):
        made = make_calls(calls)
        _store(settings.database.url, made)
        spawning = multiprocessing.get_context("spawn")
        web = spawning.Process(target=run_web, args=(settings,), daemon=True)
        begun, stop, measuring = (spawning.Event() for _ in range(3))
        speakers = spawning.Process(target=speak, args=(settings.events, made, begun, stop), daemon=True)
        near, far = spawning.Pipe()
        url = f"http://127.0.0.1:{settings.web.port}"
        floors = max(1, (viewers - 2) // 4)
        followed = [str(call.id) for call in made[: viewers - 2 - floors]]
        watching = spawning.Process(target=watch, args=(url, followed, floors, measuring, far), daemon=True)
        try:
            web.start()
            _wait(url)
            speakers.start()
            begun.wait()
            watching.start()
            near.recv()
            with _pages(Path(name), url, made, wanted=pages) as shown:
                time.sleep(SETTLING_S)
                measuring.set()
                for page, where in shown:
                    page.run(NOTING, where)
                before = Reading.now(_id(web), valkey, _id(speakers))
                time.sleep(seconds)
                after = Reading.now(_id(web), valkey, _id(speakers))
                near.send("done")
                heard = near.recv()
                seen = [_page_figures(page) for page, _ in shown]
            return _figures(before, after, heard, seen) | {
                "calls": calls, "viewers": viewers, "followers": len(followed), "floors": floors,
                "web_mb": _memory_mb(_id(web)), "gate_ms": GATE_MS,
            }  # fmt: skip
        finally:
            stop.set()
            _end(watching, speakers, web)


def _end(*processes: SpawnProcess) -> None:
    for process in processes:
        if process.pid:
            process.terminate()
            process.join(10)


def _figures(before: Reading, after: Reading, heard: dict[str, Any], seen: list[dict[str, Any]]) -> dict[str, Any]:
    span = after.at - before.at
    return {
        "seconds": round(span, 1),
        "web_cpu_s_per_s": round((after.web_s - before.web_s) / span, 3),
        "valkey_cpu_s_per_s": round((after.valkey_s - before.valkey_s) / span, 3),
        "speakers_cpu_s_per_s": round((after.speakers_s - before.speakers_s) / span, 3),
        "load": round(os.getloadavg()[0], 1),
        "streams_ended": heard["ended"],
        **{kind: _told(heard[kind], span) for kind in ("call", "floor")},
        **dict(zip(("floor_page", "call_page"), seen, strict=False)),
    }


def _told(group: dict[str, Any], span: float) -> dict[str, float]:
    return _lateness(group["late_ms"]) | {
        "messages_per_s": round(group["messages"] / span, 1),
        "kb_per_s": round(group["bytes"] / span / 1000, 1),
    }


def _lateness(late_ms: list[float]) -> dict[str, float]:
    if not late_ms:
        raise SystemExit("nothing reached somebody who should have been told")
    p50, p95, p99 = np.percentile(late_ms, (50, 95, 99))
    return {"number": len(late_ms), "p50_ms": round(p50), "p95_ms": round(p95), "p99_ms": round(p99)}


@contextmanager
def _services(folder: Path) -> Iterator[tuple[Settings, int]]:
    """Settings for a web process, and the id of the event store's process."""
    folder.chmod(0o755)
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    try:
        database_url, events_url = postgres.start(), valkey.start()
        schema.upgrade(database_url)
        settings = Settings(
            node=NodeSettings(name="bench", data_folder=str(folder / "data")),
            database=DatabaseSettings(database_url),
            events=replace(EventSettings(), url=events_url),
            web=WebSettings(port=_free_port()),
        )
        yield settings, _listening(events_url)
    finally:
        valkey.stop()
        postgres.stop()


def _store(url: str, calls: list[Call]) -> None:
    with closing(Database(url)) as database:
        store = CallStore(database)
        for call in calls:
            store.save_call(call, "bench")


@contextmanager
def _pages(folder: Path, url: str, calls: list[Call], *, wanted: bool) -> Iterator[list[tuple[Browser, str]]]:
    """Browsers with the floor and with a call, and where in their pages text comes."""
    if not wanted:
        yield []
        return
    with chromium(folder / "one") as floor, chromium(folder / "two") as call:
        floor.open(f"{url}/?call={calls[0].id}")
        call.open(f"{url}/calls/{calls[1].id}")
        yield [(floor, "#rows"), (call, "#transcript")]


def _page_figures(page: Browser) -> dict[str, Any]:
    late = [float(each) for each in page.run("return window.lateMs")]
    page.driver.execute_cdp_cmd("Performance.enable", {})
    told = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    metrics = {each["name"]: each["value"] for each in told}
    heap, nodes = metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])
    return _lateness(late) | {"heap_mb": round(heap, 1), "nodes": nodes}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with urlopen(f"{url}/healthz"):
                return
        except OSError:
            assert time.monotonic() < until, "the web process does not start"
            time.sleep(0.1)


def _id(process: SpawnProcess) -> int:
    assert process.pid is not None
    return process.pid


def _cpu_s(process: int) -> float:
    """proc_pid_stat(5): utime and stime."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory_mb(process: int) -> float:
    (line,) = [each for each in Path(f"/proc/{process}/status").read_text().splitlines() if each.startswith("VmRSS")]
    return round(int(line.split()[1]) / 1024, 1)


def _listening(events_url: str) -> int:
    """The process of the event store."""
    folder = events_url.partition("://")[2].partition("?")[0].rpartition("/")[0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "valkey" in command.partition("\0")[0] and folder in command:
            return int(process.name)
    return os.getpid()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--no-pages", action="store_true", help="without browsers")
    parser.add_argument("--document", action="store_true", help="renew the table of docs/performance.md")
    options = parser.parse_args()
    found = measure(options.calls, options.viewers, options.seconds, pages=not options.no_pages)
    figures = {**found, "machine": machine()}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")
    print_tables({"desk": figures}, Console())
    if options.document:
        write_document({"desk": figures})


if __name__ == "__main__":
    main()
