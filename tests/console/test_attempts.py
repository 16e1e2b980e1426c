"""Delays of those who try passwords."""

import pytest

from callscribe.console.attempts import AttemptLimit, Attempts

LIMIT = AttemptLimit(free=3, longest_s=8)


def fail(attempts: Attempts, key: str, times: int, now_s: float = 100.0) -> float:
    for _ in range(times):
        attempts.begin(key, now_s)
    return attempts.wait_s(key, now_s)


@pytest.mark.parametrize(("failures", "wait_s"), [(0, 0), (2, 0), (3, 1), (4, 2), (5, 4), (6, 8), (7, 8), (5000, 8)])
def test_each_failure_beyond_the_free_ones_doubles_the_delay_up_to_a_limit(failures: int, wait_s: float) -> None:
    assert fail(Attempts(LIMIT), "ann", failures) == wait_s


def test_a_delay_passes_and_is_of_its_key_only() -> None:
    attempts = Attempts(LIMIT)
    assert fail(attempts, "ann", 4) == 2
    assert attempts.wait_s("ann", 101.5) == 0.5
    assert attempts.wait_s("ann", 102.5) == 0
    assert attempts.wait_s("bob", 100.0) == 0


def test_success_forgives_a_name_but_not_an_address() -> None:
    names, addresses = Attempts(LIMIT), Attempts(LIMIT)
    fail(names, "ann", 5)
    fail(addresses, "192.0.2.1", 5)
    names.forget("ann")
    addresses.take_back("192.0.2.1")
    assert fail(names, "ann", 1) == 0
    assert fail(addresses, "192.0.2.1", 1) == 4


def test_an_hour_without_attempts_begins_anew() -> None:
    attempts = Attempts(LIMIT)
    fail(attempts, "ann", 6)
    assert fail(attempts, "ann", 1, now_s=100 + Attempts.FORGET_S + 1) == 0


def test_memory_is_bounded_and_the_oldest_key_goes_first() -> None:
    attempts = Attempts(LIMIT)
    fail(attempts, "ann", 4)
    for number in range(Attempts.KEYS - 1):
        attempts.begin(str(number), 100.0)
    assert attempts.wait_s("ann", 100.0) == 2
    attempts.begin("one more", 100.0)
    assert attempts.wait_s("ann", 100.0) == 0
