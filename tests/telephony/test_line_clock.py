"""The line's clock against the wall clock."""

import pytest

from telephony.line.clock import LineClock

TICK = 0.1


def run(clock: LineClock, times: list[float]) -> list[int]:
    positions = []
    for now in times:
        clock.beat(now)
        positions.append(clock.position)
    return positions


def test_steady_ticks_are_counted_one_by_one() -> None:
    clock = LineClock(TICK)
    assert run(clock, [5.0 + TICK * n for n in range(50)]) == list(range(50))
    assert (clock.filled, clock.dropped) == (0, 0)


def test_late_ticks_that_a_burst_makes_up_for_change_nothing() -> None:
    clock = LineClock(TICK)
    times = [TICK * n for n in range(10)] + [1.45] * 5 + [TICK * n for n in range(15, 30)]
    assert run(clock, times) == list(range(30))
    assert clock.filled == 0


def test_ticks_that_never_came_are_filled() -> None:
    clock = LineClock(TICK)
    run(clock, [TICK * n for n in range(10)])
    positions = run(clock, [3.0 + TICK * n for n in range(20)])
    assert positions[:4] == [10, 11, 12, 13]
    assert positions[4:] == [34 + n for n in range(16)]
    assert clock.filled == 20


def test_surplus_ticks_are_dropped() -> None:
    clock = LineClock(TICK)
    run(clock, [TICK * n for n in range(10)])
    run(clock, [0.9] * 3)
    positions = run(clock, [1.0 + TICK * n for n in range(20)])
    assert positions[-1] == 29
    assert clock.dropped == 3


def test_a_late_first_tick_does_not_count_as_a_lag_of_the_others() -> None:
    clock = LineClock(TICK)
    assert run(clock, [0.05] + [TICK * n for n in range(1, 40)]) == list(range(40))
    assert (clock.filled, clock.dropped) == (0, 0)


def test_ten_minutes_with_small_stalls_stay_within_a_tick_of_the_wall_clock() -> None:
    clock = LineClock(TICK)
    for number in range(6000):
        now = TICK * number + 0.07 * (number // 500)
        clock.beat(now)
        if number % 500 >= 5:
            assert abs(clock.position * TICK - now) <= 0.061
    assert clock.filled == 8


def test_a_rest_between_two_calls_is_no_stall() -> None:
    clock = LineClock(TICK)
    run(clock, [TICK * n for n in range(40)])
    clock.restart()
    assert run(clock, [60.03 + TICK * n for n in range(60)]) == [39 + n for n in range(60)]
    assert (clock.filled, clock.dropped) == (0, 0)


def test_the_last_tick_of_a_group_is_foreseen_from_the_newest_one() -> None:
    clock = LineClock(0.02)
    run(clock, [7.0 + 0.02 * n for n in range(8)])
    assert clock.next_last_of(5) == pytest.approx(7.0 + 0.02 * 9)
    assert clock.next_last_of(2) == pytest.approx(7.0 + 0.02 * 9)
    assert clock.next_last_of(1) == pytest.approx(7.0 + 0.02 * 8)


def test_short_ticks_may_be_as_late_as_long_ones() -> None:
    clock = LineClock(0.02)
    run(clock, [0.02 * n for n in range(200)])
    run(clock, [0.05 + 0.02 * n for n in range(200, 400)])
    assert (clock.filled, clock.dropped) == (0, 0)
    run(clock, [0.1 + 0.02 * n for n in range(400, 600)])
    assert clock.filled == 5
