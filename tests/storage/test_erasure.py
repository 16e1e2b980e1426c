"""Erasure: nothing of a call stays but its id, and nothing that comes later brings it back."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from callscribe.domain.call import Call, OutsideIds
from callscribe.domain.errors import CallActive, CallHeld, CallNotFound, StorageError, TooManyAlike
from callscribe.domain.transcript import Revision, utterance_id
from storage.audit import AuditLog
from storage.calls import CallStore
from storage.conversations import MAX_CALLS
from storage.database import Database
from storage.erasure import Erasure, ErasureOrder, ErasureStore
from storage.holds import HoldStore
from storage.jobs import JobStore
from storage.models import Base
from storage.reader import CallReader
from storage.records import JobIntent, JobKind
from storage.removal import FOLDER_MARK, RemovedFiles
from storage.search_index import SearchIndex
from tests.storage.samples import BOB, ENDED, STARTED, make_call, make_final, make_recording

pytestmark = pytest.mark.integration

MARKER = "zanzibar"
WHY = ErasureOrder("Carol", "case 17")


@pytest.fixture
def erasures(database: Database, tmp_path: Path) -> ErasureStore:
    return ErasureStore(database, tmp_path)


def alone(call: Call) -> Call:
    """The call with ids that no other has."""
    return replace(call, outside_ids=OutsideIds(f"{call.id}@{MARKER}"))


def keep(calls: CallStore, folder: Path, call: Call, said: str = MARKER) -> JobIntent:
    """Store the call, ended, with a final on each channel, a WAV and a second pass."""
    calls.save_call(call, "node-1")
    for channel in (0, 1):
        calls.save_final(call.id, make_final(channel, 0, f"{said} on {channel}"))
    job = JobIntent.of(call.id, JobKind.SECOND_PASS)
    recording = make_recording(call)
    (folder / recording.path).parent.mkdir(parents=True, exist_ok=True)
    (folder / recording.path).write_bytes(b"RIFF" * 25)
    calls.end_call(call.id, ENDED, recording, (job,))
    return job


def everything(database: Database) -> str:
    """Every row of every table, as text."""
    with database.transaction() as session:
        tables = tuple(Base.metadata.tables)
        rows = [session.execute(text(f'SELECT t::text FROM "{name}" t')).scalars() for name in tables]
        return "\n".join(line for table in rows for line in table)


def test_nothing_of_an_erased_call_is_in_any_table_or_file(
    database: Database, calls: CallStore, jobs: JobStore, erasures: ErasureStore, tmp_path: Path
) -> None:
    call = alone(replace(make_call(), caller=replace(BOB, name=f"Bob {MARKER}")))
    job = keep(calls, tmp_path, call)
    jobs.claim_due(1, 60)
    work = jobs.begin(job.id)
    assert work is not None
    revised = Revision(utterance_id(call.id, 0, 0), f"{MARKER} again", 0.9, "whisper", "second-pass", ())
    assert jobs.complete(job.id, revisions=(revised,))
    index = SearchIndex(database)
    assert index.catch_up() == 3
    assert f"({MARKER})" in everything(database).splitlines()
    done = erasures.erase_call(call.id, WHY)
    index.forget_words()
    assert done == Erasure((call.id,), 2, RemovedFiles(1, 100))
    left = everything(database)
    assert MARKER not in left
    assert BOB.address not in left
    assert [path.name for path in tmp_path.rglob("*")] == [FOLDER_MARK]


def test_every_table_with_something_of_a_call_goes_with_it() -> None:
    """A table that is new belongs to a call by a foreign key that cascades, or is named here."""
    theirs = {"calls"}
    while more := {
        table.name
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if table.name not in theirs and key.column.table.name in theirs and key.ondelete in ("CASCADE", "SET NULL")
    }:
        theirs |= more
    own = {"audit", "erased_calls", "holds", "hotword_lists", "hotwords", "hotword_list_versions", "scorecards"}
    own |= {"lost_nodes", "party_erasures", "party_erasure_calls"}
    search = {"search_words", "search_queue", "saved_searches"}
    own |= {"users", "sign_ins", "identities", "api_tokens", "assist_rules", "webhook_holds"}
    assert {table.name for table in Base.metadata.sorted_tables} - theirs - own - search == set()


def test_calls_that_record_the_same_conversation_go_together(
    calls: CallStore, reader: CallReader, erasures: ErasureStore, tmp_path: Path
) -> None:
    first, second, other = make_call(), make_call(), alone(make_call())
    for call in (first, second, other):
        keep(calls, tmp_path, call)
    assert set(erasures.erase_call(second.id, WHY).calls) == {first.id, second.id}
    assert reader.call(other.id).call == other
    assert len(list(tmp_path.rglob("*.wav"))) == 1


def crowd(calls: CallStore, folder: Path, number: int) -> list[Call]:
    """Calls of one recording session, more than an id links."""
    fresh = (make_call() for _ in range(number))
    theirs = [replace(call, outside_ids=OutsideIds(f"{call.id}@pbx", "session-of-all")) for call in fresh]
    for call in theirs:
        keep(calls, folder, call)
    return theirs


def test_of_a_conversation_of_any_length_the_calls_that_are_not_linked_are_told_and_erased_where_wanted(
    calls: CallStore, reader: CallReader, erasures: ErasureStore, tmp_path: Path
) -> None:
    theirs = crowd(calls, tmp_path, MAX_CALLS + 5)
    other = alone(make_call())
    later = alone(replace(make_call(started=STARTED + timedelta(days=2))))
    later = replace(later, outside_ids=OutsideIds("later@pbx", "session-of-all"))
    for call in (other, later):
        keep(calls, tmp_path, call)
    everyone = {call.id for call in theirs}
    tried = erasures.erase_call(theirs[0].id, replace(WHY, dry_run=True))
    assert len(tried.calls) == MAX_CALLS
    assert set(tried.alike) == everyone - set(tried.calls)
    planned = erasures.erase_call(theirs[-1].id, replace(WHY, dry_run=True, alike=True))
    assert (set(planned.calls), planned.utterances, planned.alike) == (everyone, 2 * len(everyone), ())
    done = erasures.erase_call(theirs[-1].id, replace(WHY, alike=True))
    assert (set(done.calls), done.files.files) == (everyone, len(everyone))
    assert {summary.call.id for summary in reader.list_calls().calls} == {other.id, later.id}


def test_of_calls_that_are_alike_those_under_hold_stay_and_are_told(
    database: Database, calls: CallStore, reader: CallReader, erasures: ErasureStore, tmp_path: Path
) -> None:
    theirs = crowd(calls, tmp_path, MAX_CALLS + 2)
    HoldStore(database).hold(theirs[-1].id, "ann", "case 17")
    done = erasures.erase_call(theirs[0].id, replace(WHY, alike=True))
    assert (done.held, len(done.calls)) == ((theirs[-1].id,), MAX_CALLS + 1)
    # Nothing of the others goes either where the call itself must stay.
    with pytest.raises(CallHeld):
        erasures.erase_call(theirs[-1].id, replace(WHY, alike=True))


def test_an_id_that_very_many_calls_have_erases_none_of_them(
    calls: CallStore, erasures: ErasureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.erasure.ALIKE_LIMIT", 3)
    theirs = crowd(calls, tmp_path, MAX_CALLS + 4)
    assert len(erasures.erase_call(theirs[0].id, replace(WHY, dry_run=True)).alike) == 3
    with pytest.raises(TooManyAlike):
        erasures.erase_call(theirs[0].id, replace(WHY, alike=True))
    assert len(list(tmp_path.rglob("*.wav"))) == len(theirs)


def test_a_dry_run_tells_the_same_and_leaves_everything(
    database: Database, calls: CallStore, erasures: ErasureStore, tmp_path: Path
) -> None:
    call = alone(make_call())
    keep(calls, tmp_path, call)
    before = everything(database)
    assert erasures.erase_call(call.id, replace(WHY, dry_run=True)) == Erasure((call.id,), 2)
    assert everything(database) == before
    assert len(list(tmp_path.rglob("*.wav"))) == 1


def test_what_comes_later_of_an_erased_call_is_not_written(
    database: Database, calls: CallStore, jobs: JobStore, reader: CallReader, erasures: ErasureStore, tmp_path: Path
) -> None:
    call = alone(make_call())
    job = keep(calls, tmp_path, call)
    jobs.claim_due(1, 60)
    assert jobs.begin(job.id) is not None
    erasures.erase_call(call.id, WHY)
    calls.save_call(call, "node-1")
    assert not calls.save_final(call.id, make_final(0, 0, MARKER))
    calls.end_call(call.id, ENDED, make_recording(call), (job,))
    assert not jobs.complete(job.id, finals=(make_final(0, 8000, MARKER),))
    assert not jobs.renew(job.id)
    assert not jobs.fail(job.id, "The recording is gone.")
    assert jobs.begin(job.id) is None
    assert MARKER not in everything(database)
    with pytest.raises(CallNotFound):
        reader.call(call.id)
    assert calls.forgotten_among((call.id, uuid4())) == {call.id}


def test_a_call_that_goes_on_is_not_erased(calls: CallStore, erasures: ErasureStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    with pytest.raises(CallActive):
        erasures.erase_call(call.id, WHY)
    assert reader.call(call.id).call == call


def test_a_hold_on_another_call_of_the_conversation_keeps_this_one(
    database: Database, calls: CallStore, erasures: ErasureStore, tmp_path: Path
) -> None:
    first, second = make_call(), make_call()
    keep(calls, tmp_path, first)
    keep(calls, tmp_path, second)
    HoldStore(database).hold(first.id, "ann", "case 17")
    with pytest.raises(CallHeld):
        erasures.erase_call(second.id, WHY)
    assert len(list(tmp_path.rglob("*.wav"))) == 2
    HoldStore(database).release(second.id, "ann", "closed")
    assert len(erasures.erase_call(second.id, WHY).calls) == 2


def test_the_database_itself_keeps_a_held_call(database: Database, calls: CallStore, tmp_path: Path) -> None:
    call = make_call()
    keep(calls, tmp_path, call)
    HoldStore(database).hold(call.id, "ann", "case 17")
    with pytest.raises(StorageError, match="holds"), database.transaction() as session:
        session.execute(text("DELETE FROM calls"))


def test_a_file_that_cannot_be_removed_keeps_the_rows(
    calls: CallStore, erasures: ErasureStore, reader: CallReader, tmp_path: Path
) -> None:
    call = alone(make_call())
    keep(calls, tmp_path, call)
    # A folder of the recording's name is no file: not even root can unlink it.
    (tmp_path / make_recording(call).path).with_suffix(".d").mkdir()
    with pytest.raises(StorageError, match="cannot be removed"):
        erasures.erase_call(call.id, WHY)
    assert reader.call(call.id).call == call


def test_a_recordings_folder_that_is_not_mounted_keeps_the_rows(
    database: Database, calls: CallStore, reader: CallReader, tmp_path: Path
) -> None:
    mounted, empty = tmp_path / "mounted", tmp_path / "empty"
    empty.mkdir()
    first, second = alone(make_call()), alone(make_call())
    for call in (first, second):
        keep(calls, mounted, call)
    for folder in (empty, tmp_path / "missing"):
        with pytest.raises(StorageError, match="mount it"):
            ErasureStore(database, folder).erase_call(first.id, WHY)
    assert reader.call(first.id).recording is not None
    # Killed after the last file of the day, and its folder: that the folder is the right one is known.
    erasures = ErasureStore(database, mounted)
    assert erasures.erase_call(first.id, WHY).files.files == 1
    shutil.rmtree(mounted / make_recording(second).path.parts[0])
    assert erasures.erase_call(second.id, WHY).files.files == 0


def test_an_erasure_killed_after_its_files_is_done_by_asking_again(
    calls: CallStore, erasures: ErasureStore, tmp_path: Path
) -> None:
    call = alone(make_call())
    keep(calls, tmp_path, call)
    (tmp_path / make_recording(call).path).unlink()
    assert erasures.erase_call(call.id, WHY) == Erasure((call.id,), 2)


def test_erased_at_once_by_many_a_call_is_erased_once(
    database: Database, calls: CallStore, erasures: ErasureStore, tmp_path: Path
) -> None:
    linked = [make_call() for _ in range(3)]
    for call in linked:
        keep(calls, tmp_path, call)

    def erase(call_id: UUID) -> int:
        try:
            return len(erasures.erase_call(call_id, WHY).calls)
        except CallNotFound:
            return 0

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(erase, [call.id for call in linked])) == [0, 0, 3]
    assert len(AuditLog(database).entries().entries) == 3


def test_streams_are_swept_until_nothing_is_underway_any_more(
    database: Database, calls: CallStore, erasures: ErasureStore, tmp_path: Path
) -> None:
    call = alone(make_call())
    keep(calls, tmp_path, call)
    erasures.erase_call(call.id, WHY)
    assert (erasures.unswept(), erasures.settled()) == ((call.id,), ())
    with database.transaction() as session:
        session.execute(text("UPDATE erased_calls SET erased_at = now() - interval '1 hour'"))
    assert (erasures.unswept(), erasures.settled()) == ((call.id,), (call.id,))
    erasures.note_swept(erasures.settled())
    assert erasures.unswept() == ()


def test_more_erased_calls_than_a_statement_takes_are_swept_in_turns(
    database: Database, erasures: ErasureStore
) -> None:
    with database.transaction() as session:
        hour_ago = "SELECT gen_random_uuid(), now() - interval '1 hour' FROM generate_series(1, 70000)"
        session.execute(text(f"INSERT INTO erased_calls (call_id, erased_at) {hour_ago}"))
    turns = 0
    while settled := erasures.settled():
        erasures.note_swept(settled)
        turns += 1
    assert (turns, erasures.unswept()) == (7, ())
