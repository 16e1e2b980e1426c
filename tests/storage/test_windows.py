"""Windows of days: together they hold each day once."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storage.lexemes import days
from storage.windows import cover, growing, windows

DAYS = st.dates(date(2019, 1, 1), date(2031, 12, 31))


def test_whole_months_and_years_are_one_fact_each() -> None:
    found = tuple(cover(date(2023, 11, 30), date(2025, 2, 2)))
    expected = (
        "=day=2023-11-30",
        "=month=2023-12",
        "=year=2024",
        "=month=2025-01",
        "=day=2025-02-01",
        "=day=2025-02-02",
    )
    assert found == expected


@given(DAYS, DAYS, DAYS)
def test_a_cover_holds_for_its_days_and_no_other(first: date, last: date, day: date) -> None:
    assert (len(set(days(day)) & set(cover(first, last))) == 1) == (first <= day <= last)


def test_windows_grow_backwards_and_leave_no_day_out() -> None:
    oldest, newest = date(2024, 2, 27), date(2026, 11, 22)
    seen = list(windows(oldest, newest, newest, growing()))
    assert seen[0] == (newest, newest)
    assert len(seen) == 5
    for back in range(-1, (newest - oldest).days + 2):
        day = newest - timedelta(days=back)
        holding = [window for window in seen if window[0] <= day <= window[1]]
        assert len(holding) == (oldest <= day <= newest)


def test_what_a_wrong_clock_dated_is_a_window_of_its_own() -> None:
    oldest, tomorrow = date(2026, 11, 20), date(2026, 11, 23)
    assert list(windows(oldest, date(2040, 12, 31), tomorrow, growing()))[:2] == [
        (date(2026, 11, 24), date(2040, 12, 31)),
        (tomorrow, tomorrow),
    ]
    assert list(windows(date(2040, 1, 1), date(2040, 12, 31), tomorrow, growing())) == [
        (date(2040, 1, 1), date(2040, 12, 31))
    ]


def test_no_days_are_no_windows() -> None:
    assert list(windows(date(2026, 1, 2), date(2026, 1, 1), date(2026, 1, 1), growing())) == []
