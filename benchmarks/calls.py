"""Two-party calls at once through a whole `callscribe serve`: `python -m benchmarks.calls --calls 1 4 8`.

sipp and RTP senders place SIPREC calls that play the demo call (each direction speaks about 45 % of the time). A
latency is the wall clock at the event minus that of the audio it tells of: an event's `at` against the call's start
plus the event's `end_ms`. CPU is counted for all processes of the service. Writes build/bench/calls.json.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from callscribe.events.schema import CallStarted, UtteranceFinal, UtterancePartial, from_json
from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, running
from tests.acceptance.speech import excerpt
from tests.wer import word_error_rate

OUTPUT = Path("build/bench/calls.json")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    calls: int
    cores: float
    """CPU seconds of the service a second of wall clock, second pass not included."""
    partial_age_p50_ms: float
    partial_age_p95_ms: float
    """Age of the newest audio in a partial when it is published."""
    final_delay_p50_ms: float
    final_delay_p95_ms: float
    """Time from the end of speech to its final."""
    word_error_rate: float


@dataclass(slots=True)
class Floor:
    """Listens to the floor's events."""

    started: dict[str, datetime] = field(default_factory=dict)
    partial_ages: list[float] = field(default_factory=list)
    final_delays: list[float] = field(default_factory=list)

    def listen(self, url: str) -> None:
        with suppress(ConnectionClosed), connect(url) as socket:
            for message in socket:
                event = from_json(str(message))
                if isinstance(event, CallStarted):
                    self.started[str(event.call_id)] = event.started_at
                elif isinstance(event, UtterancePartial | UtteranceFinal):
                    spoken = self.started[str(event.call_id)].timestamp() + event.end_ms / 1000
                    ages = self.final_delays if isinstance(event, UtteranceFinal) else self.partial_ages
                    ages.append((event.at.timestamp() - spoken) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--turns", type=int, default=11, help="Turns of the demo call to play; 11 are about 46 s.")
    options = parser.parse_args()
    results = [measure(calls, options.turns) for calls in options.calls]
    table = Table("calls", "cores", "partial p50 ms", "p95", "final p50 ms", "p95", "WER")
    for result in results:
        table.add_row(*(f"{value:.3g}" for value in asdict(result).values()))
    Console().print(table)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(result) for result in results], indent=2))


def measure(calls: int, turns: int) -> Result:
    """Place `calls` calls at once and wait for their end."""
    speech = excerpt(turns)
    with tempfile.TemporaryDirectory(prefix="callscribe-bench-") as folder:
        settings = {"sip": f"lines = {-(-calls // 4)}\n", "second_pass": "enabled = false\n"}
        with running(RunningService(Path(folder) / "service", settings)) as service:
            floor = Floor()
            url = f"ws://127.0.0.1:{service.web_port}/api/v1/live/ws"
            threading.Thread(target=floor.listen, args=(url,), daemon=True).start()
            time.sleep(1)
            cpu, began = service_cpu(service), time.monotonic()
            sessions = [start_session(service, Path(folder), speech) for _ in range(calls)]
            for session in sessions:
                session.sender.wait()
            cores = (service_cpu(service) - cpu) / (time.monotonic() - began)
            for session in sessions:
                session.finish()
            ids = [service.wait_call(session.sip_call_id)["id"] for session in sessions]
            heard = [heard_text(service, call_id, channel) for call_id in ids for channel in range(2)]
    partial_p50, partial_p95 = np.percentile(floor.partial_ages, [50, 95]).tolist()
    final_p50, final_p95 = np.percentile(floor.final_delays, [50, 95]).tolist()
    errors = word_error_rate(list(speech.texts) * calls, heard)
    return Result(calls, cores, partial_p50, partial_p95, final_p50, final_p95, errors)


def heard_text(service: RunningService, call_id: str, channel: int) -> str:
    utterances = service.get(f"/api/v1/calls/{call_id}/transcript?format=json")["utterances"]
    return " ".join(item["final"]["text"] for item in utterances if item["channel"] == channel)


def service_cpu(service: RunningService) -> float:
    """CPU seconds that all processes of the service have used, ended children included."""
    total = 0
    for pid in service.all_pids():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / TICKS


if __name__ == "__main__":
    main()
