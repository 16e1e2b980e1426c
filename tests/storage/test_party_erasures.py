"""All calls of somebody are erased, each once, whoever is killed on the way and whatever cannot be removed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from callscribe.domain.call import Call, Party
from callscribe.domain.errors import DatabaseUnavailable, ErasureNotFound
from storage.audit import AuditFilter, AuditLog
from storage.calls import CallStore
from storage.database import Database
from storage.erasure import Erasure, ErasureOrder, ErasureStore, Noting
from storage.holds import HoldStore
from storage.party_calls import PartyFilter
from storage.party_erasures import ErasureProgress, PartyErasureStore
from storage.reader import CallReader
from tests.storage.samples import ANN, BOB, ENDED, make_call, make_recording
from tests.storage.test_erasure import MARKER, WHY, alone, everything, keep

pytestmark = pytest.mark.integration

BY_NUMBER = PartyFilter("+15550100")


@pytest.fixture
def parties(database: Database, tmp_path: Path) -> PartyErasureStore:
    return PartyErasureStore(database, ErasureStore(database, tmp_path))


def erase(parties: PartyErasureStore, wanted: PartyFilter = BY_NUMBER) -> ErasureProgress:
    """Begun and done."""
    begun = parties.begin(wanted, WHY)
    while parties.work() is not None:
        pass
    return parties.progress(begun.id)


def some(calls: CallStore, folder: Path, number: int) -> list[Call]:
    """Bob's calls by their ids, each a conversation of its own."""
    made = sorted((alone(make_call()) for _ in range(number)), key=lambda call: call.id)
    for call in made:
        keep(calls, folder, call)
    return made


def left(reader: CallReader) -> set[UUID]:
    return {summary.call.id for summary in reader.list_calls().calls}


@pytest.mark.parametrize("wanted", [PartyFilter(BOB.address), BY_NUMBER, PartyFilter(name="Bob the Builder")])
def test_a_party_is_erased_everywhere_by_address_number_or_name(
    calls: CallStore, reader: CallReader, parties: PartyErasureStore, tmp_path: Path, wanted: PartyFilter
) -> None:
    named = replace(BOB, name="Bob the Builder")
    theirs = [alone(replace(make_call(), caller=named)), alone(replace(make_call(), callee=named, caller=ANN))]
    other = alone(replace(make_call(), caller=Party("tel:+155501001", "Bob"), channels=()))
    for call in theirs:
        keep(calls, tmp_path, call)
    calls.save_call(other, "node-1")
    planned, done = parties.plan(wanted), erase(parties, wanted)
    assert (set(planned.calls), planned.utterances) == ({call.id for call in theirs}, 4)
    assert (planned.addresses, planned.trunks) == ((BOB.address,), ("main",))
    assert (done.found, done.waiting, done.erased, done.utterances, done.files.files) == (2, 0, 2, 4, 2)
    assert done.finished_at is not None
    assert left(reader) == {other.id}


def test_whose_calls_they_were_is_nowhere_from_the_beginning_on(
    database: Database, calls: CallStore, parties: PartyErasureStore, tmp_path: Path
) -> None:
    keep(calls, tmp_path, alone(make_call()))
    begun = parties.begin(BY_NUMBER, WHY)
    assert (begun.found, begun.waiting, begun.erased, begun.finished_at) == (1, 1, 0, None)
    rows = everything(database).splitlines()
    assert not [row for row in rows if str(begun.id) in row and "15550100" in row]
    while parties.work() is not None:
        pass
    assert "15550100" not in everything(database)
    assert MARKER not in everything(database)


def test_what_is_held_or_goes_on_stays_and_is_told(
    database: Database, calls: CallStore, parties: PartyErasureStore, reader: CallReader, tmp_path: Path
) -> None:
    held, gone = some(calls, tmp_path, 2)
    active = alone(make_call())
    calls.save_call(active, "node-1")
    HoldStore(database).hold(held.id, "ann", "case 17")
    planned, done = parties.plan(BY_NUMBER), erase(parties)
    assert (planned.calls, planned.held, planned.active) == ((gone.id,), (held.id,), (active.id,))
    assert (done.erased, done.held, done.active, done.failed) == (1, (held.id,), (active.id,), ())
    assert left(reader) == {held.id, active.id}


def test_a_name_is_no_address_and_a_trunk_narrows_a_party(
    calls: CallStore, parties: PartyErasureStore, reader: CallReader
) -> None:
    named = replace(BOB, name="15550100")
    first = alone(replace(make_call(trunk="first"), caller=named, channels=()))
    second = alone(replace(make_call(trunk="second"), caller=named, channels=()))
    for call in (first, second):
        calls.save_call(call, "node-1")
        calls.end_call(call.id, ENDED, None)
    assert erase(parties, PartyFilter("15550100")).found == 0
    assert erase(parties, PartyFilter(name="15550100", trunk="first")).erased == 1
    assert left(reader) == {second.id}
    assert erase(parties, PartyFilter("+15550100", trunk="first")).found == 0
    assert erase(parties, PartyFilter("+15550100", trunk="second")).erased == 1


def test_of_linked_calls_all_are_told_before_and_go_together(
    calls: CallStore, parties: PartyErasureStore, reader: CallReader, tmp_path: Path
) -> None:
    theirs, other = make_call(), replace(make_call(), caller=ANN, callee=ANN, channels=())
    for call in (theirs, other):
        keep(calls, tmp_path, call)
    planned = parties.plan(BY_NUMBER)
    assert (set(planned.calls), planned.utterances) == ({theirs.id, other.id}, 4)
    assert (erase(parties).erased, left(reader)) == (2, set())


def test_a_file_that_cannot_be_removed_stops_no_other_call(
    database: Database, calls: CallStore, parties: PartyErasureStore, reader: CallReader, tmp_path: Path
) -> None:
    stuck, *_ = some(calls, tmp_path, 3)
    (tmp_path / make_recording(stuck).path).with_suffix(".d").mkdir()
    done = erase(parties)
    assert (done.failed, done.erased, left(reader)) == ((stuck.id,), 2, {stuck.id})
    [entry] = AuditLog(database).entries(AuditFilter(action="party.erased")).entries
    assert (entry.detail["failed"], entry.detail["calls"]) == (1, 2)


def test_the_audit_log_tells_the_erasure_once_and_names_nobody(
    database: Database, calls: CallStore, parties: PartyErasureStore, tmp_path: Path
) -> None:
    [call] = some(calls, tmp_path, 1)
    done = erase(parties)
    [party, one] = AuditLog(database).entries(AuditFilter(by="Carol")).entries
    assert (one.action, one.subject) == ("call.erased", str(call.id))
    assert dict(one.detail) == {"utterances": 2, "files": 1, "bytes": 100, "reason": "case 17"}
    assert (party.action, party.subject) == ("party.erased", str(done.id))
    assert dict(party.detail) == {"calls": 1, "held": 0, "active": 0, "failed": 0, "reason": "case 17"}


class Killed(BaseException):
    """The worker is gone."""


class Mortal(ErasureStore):
    """An eraser that is killed, or finds the database away, after so many conversations."""

    def __init__(self, database: Database, folder: Path, left: int, end: BaseException) -> None:
        super().__init__(database, folder)
        self._left = left
        self._end_with = end

    def erase_conversation(self, call_id: UUID, order: ErasureOrder, note: Noting) -> Erasure:
        done = super().erase_conversation(call_id, order, note)
        self._left -= 1
        if not self._left:
            raise self._end_with
        return done


@pytest.mark.parametrize("end", [Killed(), DatabaseUnavailable()])
def test_what_a_killed_worker_left_is_done_by_another_and_each_call_counts_once(
    database: Database, calls: CallStore, parties: PartyErasureStore, tmp_path: Path, end: BaseException
) -> None:
    made = some(calls, tmp_path, 4)
    mortal = PartyErasureStore(database, Mortal(database, tmp_path, 2, end))
    begun = parties.begin(BY_NUMBER, WHY)
    assert mortal.work() == (made[0].id,)
    with pytest.raises(type(end)):
        mortal.work()
    halfway = parties.progress(begun.id)
    assert (halfway.waiting, halfway.erased, halfway.finished_at) == (2, 2, None)
    # It is taken for busy until its lease is over.
    assert parties.work() is None
    with database.transaction() as session:
        session.execute(text("UPDATE party_erasures SET lease_until = now() - interval '1 s'"))
    while parties.work() is not None:
        pass
    done = parties.progress(begun.id)
    assert (done.waiting, done.erased, done.utterances, done.files.files) == (0, 4, 8, 4)
    entries = AuditLog(database).entries().entries
    assert sorted(entry.subject for entry in entries) == sorted([str(begun.id), *(str(call.id) for call in made)])


def test_workers_that_erase_at_once_erase_each_call_once(
    database: Database, calls: CallStore, parties: PartyErasureStore, tmp_path: Path
) -> None:
    made = some(calls, tmp_path, 6)
    first, second = parties.begin(BY_NUMBER, WHY), parties.begin(BY_NUMBER, WHY)

    def work(_: int) -> list[UUID]:
        gone: list[UUID] = []
        while (step := parties.work()) is not None:
            gone += step
        return gone

    with ThreadPoolExecutor(3) as pool:
        gone: Sequence[UUID] = [call for theirs in pool.map(work, range(3)) for call in theirs]
    work(0)
    assert sorted(gone) == [call.id for call in made]
    done = [parties.progress(begun.id) for begun in (first, second)]
    assert [(each.waiting, each.finished_at is not None) for each in done] == [(0, True)] * 2
    assert sum(each.erased for each in done) == 6


def test_erasures_are_listed_and_forgotten_a_month_after_their_end(
    database: Database, calls: CallStore, parties: PartyErasureStore, tmp_path: Path
) -> None:
    [held] = some(calls, tmp_path, 1)
    HoldStore(database).hold(held.id, "ann", "case 17")
    first = erase(parties)
    with database.transaction() as session:
        session.execute(text("UPDATE party_erasures SET finished_at = now() - interval '29 days'"))
    second = erase(parties)
    assert [each.id for each in parties.newest()] == [second.id, first.id]
    assert [each.id for each in parties.newest(1)] == [second.id]
    with database.transaction() as session:
        session.execute(text("UPDATE party_erasures SET finished_at = now() - interval '31 days'"))
    third = erase(parties)
    assert [each.id for each in parties.newest()] == [third.id]
    for unknown in (first.id, uuid4()):
        with pytest.raises(ErasureNotFound):
            parties.progress(unknown)
