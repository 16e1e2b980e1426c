"""Searches that people keep."""

import pytest

from callscribe.domain.errors import StorageError
from storage.database import Database
from storage.saved_searches import SavedSearchStore

pytestmark = pytest.mark.integration


@pytest.fixture
def searches(database: Database) -> SavedSearchStore:
    return SavedSearchStore(database)


def test_a_query_is_kept_under_its_name_until_another_takes_it(searches: SavedSearchStore) -> None:
    angry = searches.put(" angry ", "emotion:angry since:7d", "Anna")
    refunds = searches.put("Refunds", "refund*", "Tom")
    assert (angry.name, angry.query, angry.by) == ("angry", "emotion:angry since:7d", "Anna")
    assert {found.name for found in searches.all()} == {"angry", "Refunds"}
    changed = searches.put("angry", "emotion:angry since:1d", "Tom")
    assert searches.find("angry") == changed
    assert (changed.query, changed.by) == ("emotion:angry since:1d", "Tom")
    assert changed.saved_at > angry.saved_at
    assert searches.find("Refunds") == refunds
    assert searches.delete("angry")
    assert not searches.delete("angry")
    assert searches.find("angry") is None
    assert searches.all() == (refunds,)


def test_a_search_without_a_name_or_query_is_refused(searches: SavedSearchStore) -> None:
    with pytest.raises(StorageError):
        searches.put(" ", "refund", "Anna")
    with pytest.raises(StorageError):
        searches.put("nothing", "\x00", "Anna")
