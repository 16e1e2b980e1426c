"""Delays of words, as Prometheus reads histograms."""

import pytest

from callscribe.live.delays import BOUNDS_S, Delays, Stage


def test_a_bucket_holds_what_took_no_longer_than_its_bound() -> None:
    delays = Delays()
    for seconds in (0.05, 0.3, 0.31, 60.0):
        delays.note(Stage.FINAL, seconds)
    counted = delays.counters()
    buckets = {name.partition(":")[2]: value for name, value in counted.items() if "_bucket:" in name}
    assert list(buckets) == [*map(str, BOUNDS_S), "+Inf"]
    assert [buckets[bound] for bound in ("0.1", "0.2", "0.3", "0.4", "10.0", "+Inf")] == [1, 1, 2, 3, 3, 4]
    assert counted["final_delay_seconds_count"] == 4
    assert counted["final_delay_seconds_sum"] == pytest.approx(60.66)


def test_what_is_told_before_its_end_was_heard_is_not_late() -> None:
    delays = Delays()
    delays.note(Stage.TEXT, -0.02)
    assert delays.counters()["text_age_seconds_sum"] == 0
    assert delays.counters()["text_age_seconds_bucket:0.1"] == 1
