"""Pages of a search, their order, and how many match."""

import base64
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from callscribe.domain.errors import QueryError
from callscribe.domain.search import Phrase, SearchFilter, Word
from storage import search
from storage.database import Database
from storage.hits import HitCount, SearchOrder
from storage.search import SearchStore
from tests.storage.samples import STARTED, make_call
from tests.storage.test_search import ANYTHING, keep, said, texts


@pytest.fixture
def store(database: Database) -> SearchStore:
    return SearchStore(database)


def test_pages_follow_each_other_while_calls_are_written(database: Database, store: SearchStore, recent: int) -> None:
    keep(database, *(said(f"hello {second}", second) for second in range(10)))
    keep(
        database,
        *(said(f"hello early {day}") for day in range(1)),
        call=make_call(started=STARTED - timedelta(days=99)),
    )
    first = store.search(Word("hello"), ANYTHING, limit=4)
    keep(database, said("hello new"), call=make_call(started=STARTED + timedelta(days=1)))
    second = store.search(Word("hello"), ANYTHING, limit=4, cursor=first.cursor)
    third = store.search(Word("hello"), ANYTHING, limit=4, cursor=second.cursor)
    seen = [hit.text for page in (first, second, third) for hit in page.hits]
    assert seen == [*(f"hello {second}" for second in range(9, -1, -1)), "hello early 0"]
    assert third.cursor is None
    assert store.first_page(Word("hello"), ANYTHING, limit=4).count == HitCount(12, more=False)


def test_rank_puts_the_best_first_and_its_pages_follow_each_other(
    database: Database, store: SearchStore, recent: int
) -> None:
    lines = ["refund", "one refund and a great many more words", "refund refund", "no such thing"]
    keep(database, *(said(line, second) for second, line in enumerate(lines)))
    first = store.search(Word("refund"), ANYTHING, SearchOrder.RANK, limit=2)
    keep(database, said("refund refund refund"), call=make_call(started=STARTED + timedelta(days=1)))
    second = store.search(Word("refund"), ANYTHING, SearchOrder.RANK, limit=2, cursor=first.cursor)
    assert [hit.text for page in (first, second) for hit in page.hits] == [lines[2], lines[0], lines[1]]
    assert second.cursor is None
    assert store.first_page(Word("refund"), ANYTHING, SearchOrder.RANK, limit=2).count == HitCount(4, more=False)


def test_only_the_newest_matches_are_ranked(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RANKED", 2)
    keep(database, *(said(line, second) for second, line in enumerate(("a a a a", "a b c", "a b"))))
    assert [hit.text for hit in store.search(Word("a"), ANYTHING, SearchOrder.RANK).hits] == ["a b", "a b c"]


def test_an_export_reads_all_pages(database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAGE_LIMIT", 3)
    keep(database, *(said(f"hello {second}", second) for second in range(8)))
    assert [hit.start_ms for hit in store.every(Word("hello"), ANYTHING)] == list(range(7000, -1000, -1000))


def test_counting_ends_at_its_bound(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch, recent: int
) -> None:
    keep(database, *(said("hello", second) for second in range(5)))
    assert store.count(Word("hello"), ANYTHING) == HitCount(5, more=False)
    monkeypatch.setattr(search, "COUNTED", 4)
    assert store.count(Word("hello"), ANYTHING) == HitCount(4, more=True)
    assert store.first_page(Word("hello"), ANYTHING, limit=2).count == HitCount(4, more=True)
    assert store.first_page(Word("hello"), ANYTHING, limit=9).count == HitCount(5, more=False)


def test_counting_looks_at_so_many_texts_and_tells_that_there_may_be_more(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.stretches.RECENT", 1)
    monkeypatch.setattr(search, "RECENT", 1)
    keep(database, *(said("back up" if second % 2 else "up back", second) for second in range(8)))
    phrase = Phrase((Word("up"), Word("back")))
    assert store.first_page(phrase, ANYTHING, limit=1).count == HitCount(4, more=False)
    monkeypatch.setattr(search, "LOOKED", 6)
    assert store.first_page(phrase, ANYTHING, limit=1).count == HitCount(3, more=True)
    assert store.first_page(phrase, ANYTHING, limit=9).count == HitCount(4, more=False)
    monkeypatch.setattr(search, "COUNTED", 2)
    assert store.first_page(phrase, ANYTHING, limit=1).count == HitCount(2, more=True)


def test_a_prefix_of_very_many_words_is_counted_among_the_newest_texts(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.spelling.MAX_BEGUN", 1)
    monkeypatch.setattr("storage.stretches.READ_THROUGH", 1)
    monkeypatch.setattr("storage.stretches.RECENT", 1)
    monkeypatch.setattr(search, "RECENT", 1)
    keep(database, said("cat"), call=make_call(started=STARTED - timedelta(days=400)))
    keep(database, said("cat"), said("car", 1), said("cut", 2))
    assert store.first_page(Word("ca", prefix=True), ANYTHING, limit=1).count == HitCount(2, more=True)
    assert texts(store, Word("ca", prefix=True)) == ["car", "cat", "cat"]


def test_a_prefix_of_very_many_words_is_counted_in_so_many_texts_however_long_ago(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.spelling.MAX_BEGUN", 1)
    monkeypatch.setattr("storage.stretches.RECENT", 1)
    monkeypatch.setattr(search, "RECENT", 1)
    for days, line in ((800, "car"), (400, "cat"), (30, "cart"), (2, "cut"), (0, "call")):
        keep(database, said(line), call=make_call(started=STARTED - timedelta(days=days)))
    prefix = Word("ca", prefix=True)
    assert store.first_page(prefix, ANYTHING, limit=1).count == HitCount(4, more=False)
    assert store.first_page(prefix, SearchFilter(since=STARTED - timedelta(days=99)), limit=1).count == HitCount(
        2, False
    )
    monkeypatch.setattr("storage.stretches.READ_THROUGH", 4)
    assert store.first_page(prefix, ANYTHING, limit=1).count == HitCount(3, more=True)
    monkeypatch.setattr(search, "COUNTED", 2)
    assert store.first_page(prefix, ANYTHING, limit=1).count == HitCount(2, more=True)


def test_a_search_that_takes_too_long_is_given_up_and_says_what_to_do(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(search._SETTINGS, "statement_timeout", "50ms")
    keep(database, said("hello"))
    with database.transaction() as other:
        other.execute(text("LOCK TABLE utterances IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(QueryError, match=r"took longer than .*; narrow the search"):
            store.search(Word("hello"), ANYTHING)
    assert texts(store, Word("hello")) == ["hello"]


@pytest.mark.parametrize("order", SearchOrder)
@pytest.mark.parametrize("cursor", ["", "x", "dGltZQ", "dGltZSAyMDI2LTExLTIxIGFiYw", "\u00fc"])
def test_a_cursor_of_no_page_is_refused(store: SearchStore, order: SearchOrder, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        store.search(None, ANYTHING, order, cursor=cursor)


@pytest.mark.parametrize("order", SearchOrder)
def test_a_cursor_before_all_time_is_refused(store: SearchStore, order: SearchOrder) -> None:
    place = f"0001-01-01T00:00:00+14:00 {UUID(int=0)}"
    fields = f"time {place}" if order is SearchOrder.TIME else f"rank 0.5 {place} {place}"
    with pytest.raises(ValueError, match="cursor"):
        store.search(None, ANYTHING, order, cursor=base64.urlsafe_b64encode(fields.encode()).decode())


def test_a_page_has_its_bounds(store: SearchStore) -> None:
    for limit in (0, 501):
        with pytest.raises(ValueError, match="limit must be 1 to 500"):
            store.search(None, ANYTHING, limit=limit)
