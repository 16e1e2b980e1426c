"""Hotword lists."""

from uuid import uuid4

import pytest

from callscribe.domain.errors import StorageError
from storage.database import Database
from storage.hotwords import HotwordStore
from storage.records import Hotword

pytestmark = pytest.mark.integration


@pytest.fixture
def hotwords(database: Database) -> HotwordStore:
    return HotwordStore(database)


def test_lists_keep_their_words_in_order(hotwords: HotwordStore) -> None:
    sales = hotwords.create("sales", [Hotword("Zyntrix", 2.5), Hotword("Acme router")])
    billing = hotwords.create("billing", [])
    assert hotwords.lists() == (billing, sales)
    assert hotwords.find("sales") == sales
    assert hotwords.find("nobody") is None


def test_words_are_trimmed_and_stand_once(hotwords: HotwordStore) -> None:
    made = hotwords.create(" support ", [Hotword("  two   words\n"), Hotword(""), Hotword("two words", 3.0)])
    assert (made.name, made.words) == ("support", (Hotword("two words", 3.0),))


def test_a_list_is_replaced_and_deleted(hotwords: HotwordStore) -> None:
    made = hotwords.create("sales", [Hotword("old")])
    assert hotwords.replace(made.id, [Hotword("new")]) == hotwords.find("sales")
    assert hotwords.lists()[0].words == (Hotword("new"),)
    assert hotwords.delete(made.id) is True
    assert hotwords.lists() == ()
    assert hotwords.delete(made.id) is False
    assert hotwords.replace(uuid4(), []) is None


def test_a_taken_or_empty_name_and_a_bad_weight_are_refused(hotwords: HotwordStore) -> None:
    hotwords.create("sales", [])
    with pytest.raises(StorageError, match="already"):
        hotwords.create("sales", [])
    with pytest.raises(StorageError, match="ck_hotword_lists_name"):
        hotwords.create(" ", [])
    with pytest.raises(StorageError, match="ck_hotwords_weight"):
        hotwords.create("other", [Hotword("x", 0.0)])
    assert [found.name for found in hotwords.lists()] == ["sales"]
