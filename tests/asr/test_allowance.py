from asr.allowance import Allowance
from tests.asr.clock import Clock

PARTIAL_S = 0.05


def partials(load: float, seconds: int = 100) -> int:
    """How many partials are decoded where other work takes `load` of the time and one would be welcome each 100 ms."""
    clock = Clock()
    allowance = Allowance(clock)
    decoded = 0
    for tick in range(10 * seconds):
        clock.now = max(clock.now, 100.0 + tick / 10)
        allowance.begin()
        clock.now += load / 10
        if allowance.left:
            clock.now += PARTIAL_S
            decoded += 1
        allowance.end()
    return decoded


def test_at_light_load_every_partial_is_decoded() -> None:
    assert partials(0.1) == 1000


def test_partials_take_what_other_work_leaves_of_the_share() -> None:
    for load in (0.3, 0.4, 0.5, 0.6):
        assert abs(partials(load) * PARTIAL_S / 100 - (0.7 - load)) < 0.02


def test_what_partials_take_is_told() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    for seconds in (0.25, 0.5):
        with allowance.partials():
            clock.now += seconds
        clock.now += 1.0
    assert allowance.partials_s == 0.75


def test_work_beyond_the_share_leaves_none() -> None:
    assert partials(0.75) < 10


def test_after_the_pressure_partials_come_back_within_two_seconds_however_long_it_was() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    allowance.begin()
    clock.now += 3600.0
    allowance.end()
    assert not allowance.left
    clock.now += 2.0
    allowance.begin()
    assert allowance.left


def test_a_long_rest_pays_for_no_burst() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    clock.now += 3600.0
    allowance.begin()
    clock.now += 0.3
    allowance.end()
    assert not allowance.left
