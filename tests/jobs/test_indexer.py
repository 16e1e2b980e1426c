"""The indexer goes on until it is told to stop, and over outages."""

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from callscribe.domain.errors import DatabaseUnavailable
from callscribe.jobs import indexer
from callscribe.jobs.indexer import Indexer


class FakeIndex:
    """Answers as it was told, then has the indexer stopped."""

    def __init__(self, stop: threading.Event, *answers: int | Exception) -> None:
        self._answers: Iterator[int | Exception] = iter(answers)
        self._stop = stop
        self.forgot = 0

    def catch_up(self) -> int:
        answer = next(self._answers, None)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self._stop.set()
        return answer or 0

    def forget_words(self) -> int:
        self.forgot += 1
        return 0


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "FAILED_S", 0.001)
    monkeypatch.setattr(indexer, "POLL_S", 0.001)


def test_what_is_queued_is_indexed_over_an_outage() -> None:
    stop = threading.Event()
    ours = Indexer(FakeIndex(stop, 500, 3, DatabaseUnavailable(), 0, 7))
    ours.run(stop)
    assert ours.counters() == {"search_indexed": 510, "search_index_failures": 1}


def test_a_fault_of_its_own_does_not_end_it() -> None:
    stop = threading.Event()
    ours = Indexer(FakeIndex(stop, 1, ValueError("a text that nobody thought of"), 7))
    ours.run(stop)
    assert ours.counters() == {"search_indexed": 8, "search_index_failures": 1}


def test_words_that_no_text_has_are_forgotten_soon_after_the_start_and_then_daily() -> None:
    stop = threading.Event()
    index = FakeIndex(stop, *[500] * 48)
    hours = count()
    # An hour passes with each look at the clock, one a round: words are forgotten in rounds 1, 25 and 49, the last.
    Indexer(index, clock=lambda: 3600.0 * next(hours)).run(stop)
    assert index.forgot == 3
