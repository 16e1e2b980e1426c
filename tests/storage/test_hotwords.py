"""Hotword lists."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from callscribe.domain.errors import HotwordListOutdated, StorageError
from callscribe.domain.hotword import MAX_HOTWORDS, Hotword
from storage.audit import AuditLog
from storage.database import Database
from storage.hotwords import HotwordContent, HotwordStore

pytestmark = pytest.mark.integration


@pytest.fixture
def hotwords(database: Database) -> HotwordStore:
    return HotwordStore(database)


def test_lists_keep_their_words_in_order(hotwords: HotwordStore) -> None:
    sales = hotwords.put("sales", [Hotword("Zyntrix", 2.5), Hotword("Acme router")])
    billing = hotwords.put("billing", [])
    assert hotwords.lists() == (billing, sales)
    assert hotwords.find("sales") == sales
    assert hotwords.find("nobody") is None


def test_a_list_keeps_whom_it_is_for_until_it_is_put_again(hotwords: HotwordStore) -> None:
    made = hotwords.put("sales", [Hotword("Zyntrix")], [" en", "de", "en"], ["1???", ""])
    assert (made.languages, made.agents) == (("en", "de"), ("1???",))
    assert hotwords.find("sales") == made
    assert hotwords.put("sales", made.words).agents == ()


def test_more_words_than_a_call_may_have_are_refused(hotwords: HotwordStore) -> None:
    words = [Hotword(f"word {number}") for number in range(MAX_HOTWORDS + 1)]
    with pytest.raises(StorageError, match="at most 1000 words, this one 1001"):
        hotwords.put("sales", words)
    assert len(hotwords.put("sales", words[1:]).words) == MAX_HOTWORDS


def test_words_are_trimmed_and_stand_once(hotwords: HotwordStore) -> None:
    made = hotwords.put(" support ", [Hotword("  two   words\n"), Hotword(""), Hotword("two words", 3.0)])
    assert (made.name, made.words) == ("support", (Hotword("two words", 3.0),))


def test_a_list_is_replaced_and_deleted_by_its_name(hotwords: HotwordStore) -> None:
    made = hotwords.put("sales", [Hotword("old"), Hotword("kept", 2.0)])
    replaced = hotwords.put(" sales", [Hotword("kept", 2.0), Hotword("new")])
    assert replaced.id == made.id
    assert hotwords.lists() == (replaced,)
    assert replaced.words == (Hotword("kept", 2.0), Hotword("new"))
    assert hotwords.delete("sales ") is True
    assert hotwords.lists() == ()
    assert hotwords.delete("sales") is False


def test_many_who_put_the_same_list_at_once_all_succeed(hotwords: HotwordStore) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda number: hotwords.put("sales", [Hotword(f"word {number}")]), range(12)))
    assert len({found.id for found in made}) == 1
    assert hotwords.find("sales") in made


def test_a_change_to_a_version_that_stands_no_longer_changes_nothing(hotwords: HotwordStore) -> None:
    def first(version: int) -> bool:
        return version == 1

    hotwords.put("sales", [Hotword("one")])
    assert hotwords.write("sales", HotwordContent([Hotword("two")]), "Ann", first).version == 2
    with pytest.raises(HotwordListOutdated):
        hotwords.write("sales", HotwordContent([Hotword("three")]), "Bob", first)
    with pytest.raises(HotwordListOutdated):
        hotwords.restore("sales", 1, "Bob", first)
    with pytest.raises(HotwordListOutdated):
        hotwords.delete("sales", "Bob", first)
    with pytest.raises(HotwordListOutdated):
        hotwords.write("other", HotwordContent([Hotword("three")]), "Bob", first)
    # Whoever asks again for what stands already is told that it does.
    assert hotwords.write("sales", HotwordContent([Hotword("two")]), "Ann", first).version == 2
    assert [found.words for found in hotwords.lists()] == [(Hotword("two"),)]


def test_words_that_many_put_on_and_take_off_at_once_are_all_heeded(hotwords: HotwordStore) -> None:
    hotwords.put("sales", [Hotword(f"old {number}") for number in range(12)], ["en"])
    with ThreadPoolExecutor(4) as threads:
        made = threads.map(
            lambda number: hotwords.amend("sales", [Hotword(f"new {number}")], [f" old  {number} "]), range(12)
        )
        assert {found.version for found in made} == set(range(2, 14))
    found = hotwords.find("sales")
    assert found is not None
    assert {word.text for word in found.words} == {f"new {number}" for number in range(12)}
    assert found.languages == ("en",)
    assert hotwords.amend("fresh", [Hotword("word")]).version == 1


def test_an_empty_name_and_a_bad_weight_are_refused(hotwords: HotwordStore) -> None:
    hotwords.put("sales", [])
    with pytest.raises(StorageError, match="ck_hotword_lists_name"):
        hotwords.put(" ", [])
    with pytest.raises(StorageError, match="ck_hotwords_weight"):
        hotwords.put("other", [Hotword("x", 0.0)])
    assert [found.name for found in hotwords.lists()] == ["sales"]


def test_every_change_is_a_version_that_tells_who_made_it_and_can_be_restored(
    hotwords: HotwordStore, database: Database
) -> None:
    first = hotwords.put("sales", [Hotword("old", 2.0)], ["en"], by="Ann")
    assert hotwords.put("sales", [Hotword("new")], by=" Bob ").version == 2
    assert hotwords.put("sales", [Hotword("new")], by="Cay").version == 2
    assert hotwords.newest() == {"sales": 2}
    assert hotwords.delete("sales", by="Dan")
    assert [(was.version, was.by, was.deleted, was.words) for was in hotwords.versions(" sales")] == [
        (3, "Dan", True, (Hotword("new"),)),
        (2, "Bob", False, (Hotword("new"),)),
        (1, "Ann", False, (Hotword("old", 2.0),)),
    ]
    assert hotwords.newest() == {}
    restored = hotwords.restore("sales", 1, by="Ann")
    assert restored is not None
    assert (restored.version, restored.words, restored.languages) == (4, first.words, ("en",))
    assert hotwords.find("sales") == restored
    assert hotwords.restore("sales", 9) is None
    told = [(entry.action, entry.by, entry.detail["version"]) for entry in AuditLog(database).entries().entries]
    assert told[:2] == [("hotwords.changed", "Ann", 4), ("hotwords.deleted", "Dan", 3)]
    assert len(told) == 4


def test_changes_at_once_are_versions_one_after_the_other(hotwords: HotwordStore) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda number: hotwords.put("sales", [Hotword(f"word {number}")]), range(8)))
    assert sorted(found.version for found in made) == list(range(1, 9))
    assert len(hotwords.versions("sales")) == 8
