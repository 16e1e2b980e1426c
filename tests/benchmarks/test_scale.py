"""The simulation of sites against what queueing theory says."""

import math
import random

import pytest

from benchmarks import scale
from benchmarks.scale import SECOND_PASS, SPEECH, Simulation, Site, waits


def erlang_b(load: float, servers: int) -> float:
    """The share of calls that find all servers taken (Erlang, 1917), by its recursion."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def test_calls_are_refused_as_often_as_erlangs_formula_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "HOURS", (1,) * 24)
    monkeypatch.setattr(scale, "CALLS_PER_NODE", 10)
    monkeypatch.setattr(scale, "NODE_MTBF_S", math.inf)
    monkeypatch.setattr(Site, "nodes", 2)
    monkeypatch.setattr(Simulation, "_life", lambda _: math.inf)
    seen = Simulation(Site("busy", 18, 0), random.Random(1)).run(20)
    assert seen.refused / seen.offered == pytest.approx(erlang_b(18, 20), rel=0.1)
    assert seen.most == 20
    assert seen.offered == seen.refused + len(seen.ends)


def test_what_a_failed_node_carried_is_lost_and_it_takes_calls_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "NODE_MTBF_S", 3600.0)
    seen = Simulation(Site("failing", 100, 1), random.Random(2)).run(2)
    assert 0 < seen.lost < seen.offered / 10
    assert seen.refused < seen.offered / 20
    assert 0 <= seen.active <= seen.most


def test_second_passes_wait_for_those_before_them() -> None:
    work_s = SPEECH * SECOND_PASS
    assert waits([(10.0, 100 / work_s), (0.0, 50 / work_s), (200.0, 1.0)], cores=2) == pytest.approx([0, 15, 0])
