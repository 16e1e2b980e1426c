"""Each trunk's hotwords: its settings' and its lists', as they stand now."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from callscribe.live import hotwords as module
from callscribe.live.hotwords import HotwordBook
from storage.database import Database
from storage.hotwords import HotwordStore
from storage.records import Hotword
from telephony.settings import TrunkSettings
from tests.live.test_journal import NOWHERE

SALES = TrunkSettings("sales", hotwords=("Summit", "router"), hotword_lists=("products", "people"))
PLAIN = TrunkSettings("plain", hotwords=("Kamailio",))


@pytest.fixture
def store(database_url: str) -> Iterator[HotwordStore]:
    database = Database(database_url)
    yield HotwordStore(database)
    database.close()


def words(*texts: str) -> Sequence[Hotword]:
    return [Hotword(text) for text in texts]


async def test_a_trunk_has_its_own_words_then_those_of_its_lists_each_once(store: HotwordStore) -> None:
    store.put("products", words("router", "Nimbus 5"))
    store.put("people", words("Bennett"))
    store.put("unused", words("elsewhere"))
    book = HotwordBook(store, (SALES, PLAIN))
    assert book.of("sales") == ("Summit", "router")
    assert await book.refresh()
    assert book.of("sales") == ("Summit", "router", "Nimbus 5", "Bennett")
    assert book.of("plain") == ("Kamailio",)


async def test_only_a_change_counts_as_one(store: HotwordStore) -> None:
    book = HotwordBook(store, (SALES,))
    assert not await book.refresh()
    store.put("products", words("router"))
    assert await book.refresh()
    assert not await book.refresh()
    store.put("products", words("switch"))
    assert await book.refresh()
    assert book.of("sales") == ("Summit", "router", "switch")
    store.delete("products")
    assert await book.refresh()
    assert book.of("sales") == ("Summit", "router")


async def test_while_the_database_is_away_what_was_known_stands(store: HotwordStore) -> None:
    store.put("products", words("Nimbus 5"))
    book = HotwordBook(store, (SALES,))
    await book.refresh()
    away = Database(NOWHERE)
    book._store = HotwordStore(away)
    assert not await book.refresh()
    assert book.of("sales") == ("Summit", "router", "Nimbus 5")
    away.close()


async def test_no_database_is_asked_where_no_trunk_names_a_list() -> None:
    away = Database(NOWHERE)
    assert not await HotwordBook(HotwordStore(away), (PLAIN,)).refresh()
    away.close()


async def test_who_keeps_it_fresh_is_told_of_each_change(store: HotwordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.01)
    book = HotwordBook(store, (SALES,))
    seen: list[tuple[str, ...]] = []
    keeping = asyncio.create_task(book.keep_fresh(lambda: seen.append(book.of("sales"))))
    for number, name in enumerate(("products", "people"), start=1):
        await asyncio.to_thread(store.put, name, words(f"word {number}"))
        async with asyncio.timeout(5):
            while len(seen) < number:
                await asyncio.sleep(0.005)
    keeping.cancel()
    assert seen == [("Summit", "router", "word 1"), ("Summit", "router", "word 1", "word 2")]
