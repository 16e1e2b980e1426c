"""Each call's hotwords: its trunk's and its lists', as they stand now."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from callscribe.domain.call import Call, Channel, Party, Role
from callscribe.domain.hotword import Hotword, ListVersion
from callscribe.live import hotwords as module
from callscribe.live.hotwords import HotwordBook
from callscribe.live.trunks import TrunkBook
from storage.database import Database
from storage.hotwords import HotwordStore
from telephony.settings import TrunkSettings
from tests.live.calls import make_call
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


def on(trunk: str, agent: str = "sip:1001@pbx.example.com") -> Call:
    channels = (Channel(0, role=Role.AGENT, party=Party(agent)), Channel(1, role=Role.CUSTOMER))
    return replace(make_call(), trunk=trunk, channels=channels)


def texts(book: HotwordBook, call: Call) -> tuple[str, ...]:
    return tuple(word.text for word in book.of(call))


async def test_a_call_has_its_trunks_words_then_those_of_its_lists_each_once(store: HotwordStore) -> None:
    store.put("products", words("router", "Nimbus 5"))
    store.put("people", words("Bennett"))
    store.put("unused", words("elsewhere"))
    book = HotwordBook(store, TrunkBook((SALES, PLAIN)))
    assert texts(book, on("sales")) == ("Summit", "router")
    assert await book.refresh()
    assert texts(book, on("sales")) == ("Summit", "router", "Nimbus 5", "Bennett")
    assert texts(book, on("plain")) == ("Kamailio",)


async def test_a_word_that_stands_several_times_has_its_greatest_weight(store: HotwordStore) -> None:
    store.put("products", [Hotword("router", 2.5)])
    store.put("people", [Hotword("router", 0.5), Hotword("Bennett", 0.5)])
    book = HotwordBook(store, TrunkBook((SALES,)))
    await book.refresh()
    assert book.of(on("sales")) == (Hotword("Summit"), Hotword("router", 2.5), Hotword("Bennett", 0.5))


async def test_a_list_is_for_the_agents_and_the_languages_it_names(store: HotwordStore) -> None:
    store.put("products", words("Nimbus 5"), agents=["10??", "*@sales.example.com"])
    store.put("people", words("Bennett"), languages=["DE", "en"])
    book = HotwordBook(store, TrunkBook((SALES, replace(SALES, name="french", hotwords=(), language="fr-CA"))))
    await book.refresh()
    assert texts(book, on("sales"))[2:] == ("Nimbus 5", "Bennett")
    assert texts(book, on("sales", "sip:7@sales.example.com"))[2:] == ("Nimbus 5", "Bennett")
    assert texts(book, on("sales", "sip:2001@pbx.example.com"))[2:] == ("Bennett",)
    assert texts(book, on("french")) == ("Nimbus 5",)


async def test_the_agent_of_a_plain_call_may_be_the_one_who_was_called(store: HotwordStore) -> None:
    store.put("products", words("Nimbus 5"), agents=["1001"])
    book = HotwordBook(store, TrunkBook((SALES,)))
    await book.refresh()
    caller = (Channel(0, role=Role.CUSTOMER, party=Party("sip:555@example.com")),)
    assert texts(book, replace(on("sales"), channels=caller, callee=Party("sip:1001@pbx")))[2:] == ("Nimbus 5",)
    assert texts(book, replace(on("sales"), channels=caller, callee=Party("sip:1002@pbx")))[2:] == ()


async def test_only_a_change_counts_as_one(store: HotwordStore) -> None:
    book = HotwordBook(store, TrunkBook((SALES,)))
    assert not await book.refresh()
    store.put("products", words("router"))
    assert await book.refresh()
    assert not await book.refresh()
    store.put("products", words("switch"))
    assert await book.refresh()
    assert texts(book, on("sales")) == ("Summit", "router", "switch")
    store.delete("products")
    assert await book.refresh()
    assert texts(book, on("sales")) == ("Summit", "router")


async def test_while_the_database_is_away_what_was_known_stands(store: HotwordStore) -> None:
    store.put("products", words("Nimbus 5"))
    book = HotwordBook(store, TrunkBook((SALES,)))
    await book.refresh()
    away = Database(NOWHERE)
    book._store = HotwordStore(away)
    assert not await book.refresh()
    assert texts(book, on("sales")) == ("Summit", "router", "Nimbus 5")
    away.close()


async def test_no_database_is_asked_where_no_trunk_names_a_list() -> None:
    away = Database(NOWHERE)
    assert not await HotwordBook(HotwordStore(away), TrunkBook((PLAIN,))).refresh()
    away.close()


async def test_who_keeps_it_fresh_is_told_of_each_change(store: HotwordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.01)
    book = HotwordBook(store, TrunkBook((SALES,)))
    seen: list[tuple[str, ...]] = []
    keeping = asyncio.create_task(book.keep_fresh(lambda: seen.append(texts(book, on("sales")))))
    for number, name in enumerate(("products", "people"), start=1):
        await asyncio.to_thread(store.put, name, words(f"word {number}"))
        async with asyncio.timeout(5):
            while len(seen) < number:
                await asyncio.sleep(0.005)
    keeping.cancel()
    assert seen == [("Summit", "router", "word 1"), ("Summit", "router", "word 1", "word 2")]


async def test_the_lists_that_are_for_a_call_are_told_by_their_versions(store: HotwordStore) -> None:
    store.put("products", words("router"), agents=["10??"])
    store.put("people", words("Bennett"), languages=["de"])
    store.put("unused", words("elsewhere"))
    book = HotwordBook(store, TrunkBook((SALES, PLAIN)))
    await book.refresh()
    assert book.versions(on("sales")) == (ListVersion("products", 1),)
    store.put("products", words("switch"), agents=["10??"])
    await book.refresh()
    assert book.versions(on("sales")) == (ListVersion("products", 2),)
    assert book.versions(on("plain")) == ()
