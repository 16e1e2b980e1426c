"""Simulates days of a site of many nodes: how many calls are refused or lost, how long jobs wait, what a minute costs.

A discrete-event simulation, fed with service times that other benchmarks have measured. Prints a table, writes
build/bench/scale.json, and puts the table into docs/scale.md.
"""

import argparse
import heapq
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.report import Table, print_table, put

RESULTS = Path("build/bench/scale.json")
DOCUMENT = Path("docs/scale.md")

CALLS_PER_CORE = 7.1
"""Two-party calls at once, of a core that the service uses: benchmarks/capacity.py."""
USED = 0.6
"""Of a node's cores, so that text stays young and a neighbour's calls find room."""
CORES_PER_NODE = 16
CALLS_PER_NODE = int(CALLS_PER_CORE * CORES_PER_NODE * USED)
SECOND_PASS = 0.067
"""CPU seconds for a second of speech: a call of an hour in docs/operations.md."""
SPEECH = 2 * 0.45
"""Seconds of speech in a second of a two-party call."""
MEAN_S, SPREAD = 240.0, 0.9
"""Of a call's length: its mean, and the deviation of its logarithm (call centres' calls are nearly log-normal)."""
BYTES_PER_S = 32_000
"""Of a recording: two channels of 8 kHz PCM."""

CORE_HOUR, GIGABYTE_MONTH = 0.045, 0.023
"""Dollars, about: list prices of large clouds for a general-purpose core on demand and for object storage."""
DATABASE_SHARE = 0.15
"""Beside nodes and workers: Postgres with a standby, Valkey, web processes, proxies."""

DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60
HOURS = (4, 3, 2, 2, 3, 6, 14, 35, 70, 95, 100, 96, 80, 84, 94, 92, 84, 66, 45, 32, 24, 16, 10, 6)
"""Calls in each hour of a day, as a share of the busiest: a call centre of one time zone."""
NODE_MTBF_S = 30 * DAY_S
"""Between two failures of a node: of a machine, or of its supervisor."""
RESTART_S, REPLACE_S, REPLACED = 25.0, 600.0, 0.2
"""A supervisor is up again, or a machine is replaced; the share of failures that take the machine."""


@dataclass(frozen=True, slots=True)
class Site:
    """What is simulated."""

    name: str
    peak: int
    """Calls at once in the busiest hour, on average."""
    spare: int
    """Nodes beyond those that the peak needs."""
    worker_share: float = 1.3
    """Cores of workers, as a multiple of what the day's second passes need on average."""

    @property
    def nodes(self) -> int:
        """Enough for all but one busy moment in ten thousand (three deviations of a Poisson number, and some)."""
        return math.ceil((self.peak + 3.7 * math.sqrt(self.peak)) / CALLS_PER_NODE) + self.spare

    @property
    def calls_a_day(self) -> float:
        return self.peak / MEAN_S * HOUR_S * sum(HOURS) / max(HOURS)

    @property
    def worker_cores(self) -> float:
        return self.calls_a_day * MEAN_S * SPEECH * SECOND_PASS / DAY_S * self.worker_share


@dataclass(slots=True)
class Node:
    """A machine that takes calls."""

    calls: int = 0
    life: int = 0
    """Counts its failures: an event of an earlier life means nothing."""
    up: bool = True

    @property
    def has_room(self) -> bool:
        return self.up and self.calls < CALLS_PER_NODE


@dataclass(slots=True)
class Seen:
    """What happened."""

    offered: int = 0
    refused: int = 0
    lost: int = 0
    """Calls that a failure cut off; what was said until then is kept."""
    active: int = 0
    most: int = 0
    ends: list[tuple[float, float]] = field(default_factory=list)
    """When a call should end, and its length in seconds."""


FAILS, RETURNS, ENDS = range(3)
Event = tuple[float, int, int, int]
"""When, what, of which node, and of which of its lives."""


class Simulation:
    """Days of a site: calls come, go to a node with room, and end; nodes fail and come back."""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.seen = Seen()
        self._site, self._dice = site, dice
        self._nodes = [Node() for _ in range(site.nodes)]
        self._events: list[Event] = [(self._life(), FAILS, number, 0) for number in range(site.nodes)]
        heapq.heapify(self._events)

    def run(self, days: int) -> Seen:
        for at, length_s in _arrivals(self._site, days, self._dice):
            while self._events[0][0] <= at:
                self._happen(heapq.heappop(self._events))
            self._arrive(at, length_s)
        return self.seen

    def _arrive(self, at: float, length_s: float) -> None:
        seen = self.seen
        seen.offered += 1
        number = self._chosen()
        if number is None:
            seen.refused += 1
            return
        node = self._nodes[number]
        node.calls += 1
        seen.active += 1
        seen.most = max(seen.most, seen.active)
        seen.ends.append((at + length_s, length_s))
        heapq.heappush(self._events, (at + length_s, ENDS, number, node.life))

    def _happen(self, event: Event) -> None:
        at, kind, number, life = event
        node = self._nodes[number]
        if kind == ENDS and life == node.life:
            node.calls -= 1
            self.seen.active -= 1
        elif kind == FAILS:
            self.seen.lost += node.calls
            self.seen.active -= node.calls
            node.calls, node.up, node.life = 0, False, node.life + 1
            away_s = REPLACE_S if self._dice.random() < REPLACED else RESTART_S
            heapq.heappush(self._events, (at + away_s, RETURNS, number, node.life))
        elif kind == RETURNS:
            node.up = True
            heapq.heappush(self._events, (at + self._life(), FAILS, number, node.life))

    def _life(self) -> float:
        return self._dice.expovariate(1 / NODE_MTBF_S)

    def _chosen(self) -> int | None:
        """Of two nodes the one with fewer calls; where neither has room, any that has: a proxy goes on to the next."""
        pair = (self._dice.randrange(len(self._nodes)), self._dice.randrange(len(self._nodes)))
        best = min(pair, key=lambda number: (not self._nodes[number].has_room, self._nodes[number].calls))
        if self._nodes[best].has_room:
            return best
        return next((number for number, node in enumerate(self._nodes) if node.has_room), None)


def _arrivals(site: Site, days: int, dice: random.Random) -> Iterator[tuple[float, float]]:
    """When each call comes, and how long it lasts: a Poisson process whose rate follows the hours, by thinning."""
    busiest = site.peak / MEAN_S
    mean_log = math.log(MEAN_S) - SPREAD**2 / 2
    at = 0.0
    while True:
        at += dice.expovariate(busiest)
        if at >= days * DAY_S:
            return
        if dice.random() * max(HOURS) < HOURS[int(at % DAY_S // HOUR_S)]:
            yield at, dice.lognormvariate(mean_log, SPREAD)


def waits(ends: Sequence[tuple[float, float]], cores: float) -> list[float]:
    """Seconds from each call's end to the begin of its second pass: one queue, whose workers together work as fast as
    their cores (Lindley's recursion)."""
    found, free_at = [], 0.0
    for at, length_s in sorted(ends):
        begin = max(at, free_at)
        found.append(begin - at)
        free_at = begin + length_s * SPEECH * SECOND_PASS / cores
    return found


def figures_of(site: Site, days: int) -> dict[str, float | str]:
    """A row of the table."""
    seen = Simulation(site, random.Random(site.name)).run(days)
    waited = np.percentile(waits(seen.ends, site.worker_cores), (50, 95, 100)) / HOUR_S
    minutes = sum(length_s for _, length_s in seen.ends) / MINUTE_S
    cores = site.nodes * CORES_PER_NODE + site.worker_cores
    computing = cores * (1 + DATABASE_SHARE) * 24 * days * CORE_HOUR / minutes
    return {
        "site": site.name,
        "nodes": site.nodes,
        "worker_cores": round(site.worker_cores),
        "calls_a_day": round(seen.offered / days),
        "most_at_once": seen.most,
        "refused": seen.refused / seen.offered,
        "lost": seen.lost / seen.offered,
        "wait_p50_h": round(float(waited[0]), 2),
        "wait_p95_h": round(float(waited[1]), 2),
        "wait_most_h": round(float(waited[2]), 2),
        "dollars_a_minute": computing + BYTES_PER_S * MINUTE_S / 1e9 * GIGABYTE_MONTH,
    }


SITES = (
    Site("one machine", 40, 0),
    Site("one machine and a spare", 40, 1),
    Site("a thousand calls, no spare", 1_000, 0),
    Site("a thousand calls", 1_000, 1),
    Site("ten thousand calls, no spare", 10_000, 0),
    Site("ten thousand calls", 10_000, 3),
    Site("the same, workers a fifth smaller", 10_000, 3, 1.04),
)


def table(rows: Sequence[dict[str, float | str]]) -> Table:
    columns = (
        "site", "nodes", "cores of workers", "calls a day", "most at once", "refused", "cut off by a failure",
        "second pass begins after p50 / p95 / most", "dollars a call-minute",
    )  # fmt: skip
    return Table("scale", columns, tuple(map(_row, rows)))


def _row(row: dict[str, float | str]) -> tuple[str, ...]:
    return (
        f"{row['site']}",
        f"{row['nodes']}",
        f"{row['worker_cores']}",
        f"{row['calls_a_day']:,}",
        f"{row['most_at_once']:,}",
        f"{row['refused']:.4%}",
        f"{row['lost']:.4%}",
        f"{row['wait_p50_h']} / {row['wait_p95_h']} / {row['wait_most_h']} h",
        f"{row['dollars_a_minute']:.5f}",
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--days", type=int, default=30)
    wanted = asked.parse_args()
    rows = [figures_of(site, wanted.days if site.peak < 10_000 else max(1, wanted.days // 10)) for site in track(SITES)]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"days": wanted.days, "sites": rows}, indent=1) + "\n")
    made = table(rows)
    print_table(made, Console())
    put(DOCUMENT, [made])


if __name__ == "__main__":
    main()
