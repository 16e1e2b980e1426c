"""The eraser does all that there is, tells it in batches, and waits for what is away."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from callscribe.domain.errors import DatabaseUnavailable, EventsUnavailable
from callscribe.jobs import eraser as module
from callscribe.jobs.eraser import TOLD_AT_ONCE, Eraser


@dataclass(slots=True)
class Orders:
    """So many conversations of two calls, and an end; the database is away once where it is told."""

    left: int
    away_at: int = -9
    done: threading.Event = field(default_factory=threading.Event)

    def work(self) -> Sequence[UUID] | None:
        if self.left == self.away_at:
            self.away_at = -9
            raise DatabaseUnavailable
        if self.left < 0:
            self.done.set()
            return None
        self.left -= 1
        return [uuid4(), uuid4()] if self.left >= 0 else ()


@dataclass(slots=True)
class Events:
    """Streams that batches of calls are taken out of."""

    away: bool = False
    batches: list[int] = field(default_factory=list)
    renewed: int = 0

    def erase(self, calls: Sequence[UUID], at: datetime) -> int:
        if self.away:
            raise EventsUnavailable
        assert at <= datetime.now(UTC)
        self.batches.append(len(calls))
        return len(calls)

    def renew_file(self) -> bool:
        self.renewed += 1
        return True


def test_everything_is_erased_and_taken_out_of_the_streams_in_batches() -> None:
    events = Events()
    eraser = Eraser(Orders(TOLD_AT_ONCE // 2 + 3), events)
    eraser.erase_all(threading.Event())
    assert (events.batches, events.renewed) == ([TOLD_AT_ONCE, 6], 2)
    assert eraser.counters() == {"erasure_calls": TOLD_AT_ONCE + 6, "erasure_failures": 0}


def test_where_nothing_is_to_be_erased_nothing_is_touched() -> None:
    events = Events()
    Eraser(Orders(-1), events).erase_all(threading.Event())
    assert (events.batches, events.renewed) == ([], 0)


def test_calls_are_erased_while_the_event_store_is_away() -> None:
    eraser = Eraser(Orders(2), Events(away=True))
    eraser.erase_all(threading.Event())
    assert eraser.counters()["erasure_calls"] == 4


def test_what_is_gone_when_the_database_goes_away_is_taken_out_of_the_streams() -> None:
    events = Events()
    with pytest.raises(DatabaseUnavailable):
        Eraser(Orders(3, away_at=1), events).erase_all(threading.Event())
    assert events.batches == [4]


def test_an_eraser_that_is_told_to_stop_stops_after_a_conversation() -> None:
    stop, orders = threading.Event(), Orders(5)
    stop.set()
    Eraser(orders, Events()).erase_all(stop)
    assert orders.left == 5


def test_it_goes_on_after_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE_S", "AWAY_S"):
        monkeypatch.setattr(module, name, 0.01)
    stop, orders, events = threading.Event(), Orders(3, away_at=1), Events()
    eraser = Eraser(orders, events)
    thread = threading.Thread(target=eraser.run, args=(stop,))
    thread.start()
    try:
        assert orders.done.wait(30)
    finally:
        stop.set()
        thread.join(30)
    assert eraser.counters() == {"erasure_calls": 6, "erasure_failures": 1}
    assert sum(events.batches) == 6
