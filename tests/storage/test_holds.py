"""Legal holds: put on, listed, taken off, each with an audit entry."""

from dataclasses import replace
from uuid import uuid4

import pytest

from callscribe.domain.call import OutsideIds
from callscribe.domain.errors import CallNotFound
from storage.audit import AuditLog
from storage.calls import CallStore
from storage.database import Database
from storage.holds import HoldStore
from storage.reader import CallReader
from tests.storage.samples import make_call

pytestmark = pytest.mark.integration


@pytest.fixture
def holds(database: Database) -> HoldStore:
    return HoldStore(database)


def test_a_hold_tells_who_and_why_and_the_record_that_it_is_held(
    holds: HoldStore, calls: CallStore, reader: CallReader
) -> None:
    first, linked = make_call(), make_call()
    other = replace(make_call(), outside_ids=OutsideIds("other@pbx"))
    for call in (first, linked, other):
        calls.save_call(call, "node-1")
    hold = holds.hold(first.id, "Ann", "case 17")
    assert (hold.call_id, hold.by, hold.reason) == (first.id, "Ann", "case 17")
    assert holds.holds().holds == (hold,)
    assert [reader.call(call.id).held for call in (first, linked, other)] == [True, True, False]


def test_held_again_a_call_has_the_new_reason_and_the_log_has_both(
    holds: HoldStore, calls: CallStore, database: Database
) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    holds.hold(call.id, "Ann", "case 17")
    again = holds.hold(call.id, "Bob", "case 18")
    assert holds.holds().holds == (again,)
    assert again.reason == "case 18"
    told = [(entry.action, entry.by, entry.detail["reason"]) for entry in AuditLog(database).entries().entries]
    assert told == [("call.held", "Bob", "case 18"), ("call.held", "Ann", "case 17")]


def test_released_by_any_of_its_calls_a_conversation_is_free(
    holds: HoldStore, calls: CallStore, reader: CallReader, database: Database
) -> None:
    first, linked = make_call(), make_call()
    calls.save_call(first, "node-1")
    calls.save_call(linked, "node-1")
    holds.hold(first.id, "Ann", "case 17")
    assert holds.release(linked.id, "Ann", "closed") == 1
    assert holds.release(linked.id, "Ann", "closed") == 0
    assert not reader.call(first.id).held
    newest = AuditLog(database).entries().entries[0]
    assert (newest.action, newest.subject) == ("call.released", str(first.id))


def test_a_call_that_is_not_there_is_neither_held_nor_released(holds: HoldStore) -> None:
    with pytest.raises(CallNotFound):
        holds.hold(uuid4(), "Ann", "case 17")
    with pytest.raises(CallNotFound):
        holds.release(uuid4(), "Ann", "closed")


def test_pages_go_from_the_newest_to_the_oldest(holds: HoldStore, calls: CallStore) -> None:
    ids = []
    for number in range(3):
        call = replace(make_call(), outside_ids=OutsideIds(f"{number}@pbx"))
        calls.save_call(call, "node-1")
        ids.append(holds.hold(call.id, "Ann", "case").call_id)
    first = holds.holds(limit=2)
    rest = holds.holds(limit=2, cursor=first.cursor)
    assert [hold.call_id for hold in (*first.holds, *rest.holds)] == ids[::-1]
    assert rest.cursor is None
    with pytest.raises(ValueError, match="was not given by a page"):
        holds.holds(cursor="x")
