"""How far back a search looks at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.stretches import RECENT, Said

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
FIRST = MONDAY - timedelta(days=365)


@pytest.mark.parametrize("ago", [timedelta(minutes=5), timedelta(hours=20), timedelta(days=3)])
def test_neither_a_busy_hour_nor_a_quiet_weekend_changes_how_many_are_said_on_a_day(ago: timedelta) -> None:
    assert Said(FIRST, MONDAY, MONDAY - ago, 16_000).a_day == 16_000


def test_a_database_that_has_not_counted_its_texts_takes_the_newest_for_the_measure() -> None:
    assert Said(FIRST, MONDAY, MONDAY - timedelta(days=2), 0).a_day == RECENT / 2
    assert Said(FIRST, MONDAY, None, 0).a_day == 1
