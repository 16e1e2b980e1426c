"""Retention: what has been kept long enough goes, once, and nothing else."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from callscribe.domain.call import Call, OutsideIds, Party
from callscribe.domain.errors import EventsUnavailable
from storage.audit import AuditLog
from storage.calls import CallStore
from storage.database import Database
from storage.holds import HoldStore
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import JobIntent, JobKind
from storage.removal import FOLDER_MARK, RemovedFiles
from storage.retention import BATCH, Expired, KeepTimes, RetentionStore
from tests.storage.samples import ENDED, make_call, make_final, make_recording

pytestmark = pytest.mark.integration

A_DAY = KeepTimes({"main": 1.0})
ONE_FILE = RemovedFiles(1, 100)


@pytest.fixture
def retention(database: Database, tmp_path: Path) -> RetentionStore:
    return RetentionStore(database, tmp_path)


def keep(database: Database, folder: Path, days: float, trunk: str = "main", jobs: tuple[JobIntent, ...] = ()) -> Call:
    """A stored call that ended `days` days ago, with a final, a WAV and ids that no other call has."""
    call, calls = make_call(trunk=trunk), CallStore(database)
    call = replace(call, outside_ids=OutsideIds(f"{call.id}@pbx"))
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "zanzibar"))
    recording = make_recording(call)
    (folder / recording.path).parent.mkdir(parents=True, exist_ok=True)
    (folder / recording.path).write_bytes(b"RIFF" * 25)
    calls.end_call(call.id, ENDED, recording, jobs)
    with database.transaction() as session:
        told = {"id": call.id, "age": timedelta(days=days)}
        session.execute(text("UPDATE calls SET ended_at = now() - :age WHERE id = :id"), told)
    return call


def nothing(calls: Sequence[UUID]) -> None:
    """No event stream is asked."""


def recorded(reader: CallReader, call: Call) -> bool:
    return reader.call(call.id).recording is not None


def test_audio_goes_when_its_trunks_time_is_over_and_text_stays(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    old, young = keep(database, tmp_path, 1.01), keep(database, tmp_path, 0.99)
    other = keep(database, tmp_path, 400, trunk="for-ever")
    assert retention.expire_audio(KeepTimes({"main": 1.0, "for-ever": 0.0})) == Expired(1, ONE_FILE)
    assert [recorded(reader, call) for call in (old, young, other)] == [False, True, True]
    assert {path.stem for path in tmp_path.rglob("*.wav")} == {str(young.id), str(other.id)}
    assert [said.text for said in reader.transcript(old.id).utterances] == ["zanzibar"]
    assert reader.call(old.id).audio_expired_at is not None
    assert reader.call(young.id).audio_expired_at is None


def test_trunks_that_are_not_named_have_the_times_of_all_others(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    former, main = keep(database, tmp_path, 3, trunk="former"), keep(database, tmp_path, 3)
    assert retention.expire_audio(KeepTimes({"main": 5.0}, others=2.0)).calls == 1
    assert (recorded(reader, former), recorded(reader, main)) == (False, True)


def test_nothing_is_due_where_everything_is_kept_for_ever(
    database: Database, retention: RetentionStore, tmp_path: Path
) -> None:
    keep(database, tmp_path, 10_000)
    assert retention.expire_audio(KeepTimes()) == Expired()
    assert retention.expire_text(KeepTimes({"main": 0.0}), nothing) == Expired()


def test_empty_folders_go_and_files_beside_the_recording(
    database: Database, retention: RetentionStore, tmp_path: Path
) -> None:
    call = keep(database, tmp_path, 2)
    path = tmp_path / make_recording(call).path
    path.with_name(f"{call.id}.redacted.wav").write_bytes(b"RIFF")
    assert retention.expire_audio(A_DAY) == Expired(1, RemovedFiles(2, 104))
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER_MARK]


def test_a_sweep_killed_between_file_and_row_is_finished_by_the_next(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    call = keep(database, tmp_path, 2)
    (tmp_path / make_recording(call).path).unlink()
    assert retention.expire_audio(A_DAY) == Expired(1)
    assert not recorded(reader, call)
    assert retention.expire_audio(A_DAY) == Expired()


def test_a_recording_that_cannot_be_removed_stops_no_other(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    stuck, fine = keep(database, tmp_path, 2), keep(database, tmp_path, 2)
    blocking = (tmp_path / make_recording(stuck).path).with_suffix(".d")
    blocking.mkdir()
    assert retention.expire_audio(A_DAY).failed == 1
    assert (recorded(reader, stuck), recorded(reader, fine)) == (True, False)
    blocking.rmdir()
    assert retention.expire_audio(A_DAY).calls == 1
    assert not recorded(reader, stuck)


@pytest.mark.parametrize("kind", ["audio", "text"])
def test_held_calls_and_their_conversations_stay(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path, kind: str
) -> None:
    held, linked = keep(database, tmp_path, 2), keep(database, tmp_path, 2)
    with database.transaction() as session:
        session.execute(text("UPDATE calls SET conversation_id = :id"), {"id": held.id})
    HoldStore(database).hold(held.id, "ann", "case 17")
    expire = retention.expire_audio if kind == "audio" else lambda kept: retention.expire_text(kept, nothing)
    assert expire(A_DAY).calls == 0
    assert all(recorded(reader, call) and reader.transcript(call.id).utterances for call in (held, linked))
    HoldStore(database).release(linked.id, "ann", "closed")
    assert expire(A_DAY).calls == 2


def test_a_call_waits_for_its_jobs(
    database: Database, jobs: JobStore, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    job = JobIntent.of(UUID(int=7), JobKind.SECOND_PASS)
    call = keep(database, tmp_path, 2, jobs=(job,))
    assert retention.expire_audio(A_DAY) == Expired()
    jobs.claim_due(1, 60)
    jobs.begin(job.id)
    assert retention.expire_text(A_DAY, nothing) == Expired()
    assert jobs.complete(job.id)
    assert retention.expire_audio(A_DAY).calls == 1
    assert not recorded(reader, call)


def test_without_its_text_a_call_names_nobody_and_keeps_its_times(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    call = keep(database, tmp_path, 2)
    forgotten: list[UUID] = []
    assert retention.expire_text(A_DAY, forgotten.extend) == Expired(1)
    assert forgotten == [call.id]
    record = reader.call(call.id)
    assert reader.transcript(call.id).utterances == ()
    assert (record.parties, record.call.caller, record.call.outside_ids) == ((), Party(""), OutsideIds())
    assert (record.call.hotwords, record.call.pauses) == ((), ())
    assert [(channel.label, channel.role, channel.party) for channel in record.call.channels] == [
        ("", channel.role, None) for channel in call.channels
    ]
    assert (record.call.started_at, record.call.trunk) == (call.started_at, "main")
    assert record.recording is not None
    assert record.end is not None
    with database.transaction() as session:
        for table in ("utterances", "parties", "outside_ids", "calls", "channels"):
            rows = session.execute(text(f"SELECT t::text FROM {table} t")).scalars()
            assert not [row for row in rows if "zanzibar" in row or "Baker" in row or "+1555" in row or "订单" in row]


def test_nothing_is_written_back_into_a_call_without_its_text(
    database: Database, calls: CallStore, jobs: JobStore, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    call = keep(database, tmp_path, 2)
    retention.expire_text(A_DAY, nothing)
    retention.expire_audio(A_DAY)
    calls.save_call(call, "node-1")
    assert not calls.save_final(call.id, make_final(0, 16000, "zanzibar"))
    late = JobIntent.of(call.id, JobKind.RECOVER)
    with database.transaction() as session:
        insert = "INSERT INTO jobs (id, call_id, kind, ranges) VALUES (:id, :call, 'recover', '[]')"
        session.execute(text(insert), {"id": late.id, "call": call.id})
    jobs.claim_due(1, 60)
    jobs.begin(late.id)
    assert jobs.complete(late.id, finals=(make_final(0, 16000, "zanzibar"),))
    calls.end_call(call.id, ENDED, make_recording(call))
    assert reader.transcript(call.id).utterances == ()
    assert reader.call(call.id).parties == ()
    assert not recorded(reader, call)


def test_a_late_end_brings_no_recording_back(
    database: Database, calls: CallStore, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    call = keep(database, tmp_path, 2)
    retention.expire_audio(A_DAY)
    calls.end_call(call.id, ENDED, make_recording(call))
    assert not recorded(reader, call)


def test_text_stays_due_while_its_events_cannot_be_removed(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    call = keep(database, tmp_path, 2)

    def away(calls: Sequence[UUID]) -> None:
        raise EventsUnavailable

    with pytest.raises(EventsUnavailable):
        retention.expire_text(A_DAY, away)
    assert len(reader.transcript(call.id).utterances) == 1
    assert retention.expire_text(A_DAY, nothing).calls == 1


def test_no_call_is_locked_while_the_event_store_is_asked(
    database: Database, reader: CallReader, retention: RetentionStore, tmp_path: Path
) -> None:
    call, other = keep(database, tmp_path, 2), keep(database, tmp_path, 2)

    def hold_meanwhile(calls: Sequence[UUID]) -> None:
        with database.transaction() as session:
            session.execute(text("SELECT 1 FROM calls FOR UPDATE NOWAIT"))
        HoldStore(database).hold(call.id, "ann", "case 17")

    assert retention.expire_text(A_DAY, hold_meanwhile) == Expired(1)
    assert [len(reader.transcript(each.id).utterances) for each in (call, other)] == [1, 0]


def test_many_sweeps_at_once_remove_each_call_once(
    database: Database, retention: RetentionStore, tmp_path: Path
) -> None:
    for _ in range(BATCH + 5):
        keep(database, tmp_path, 2)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: retention.expire_audio(A_DAY), range(3)))
    assert sum(each.calls for each in done) == BATCH + 5
    assert sum(each.files.files for each in done) == BATCH + 5
    entries = AuditLog(database).entries().entries
    assert {(entry.action, entry.subject, entry.by) for entry in entries} == {("audio.expired", "main", "callscribe")}
    assert sum(int(entry.detail["calls"]) for entry in entries) == BATCH + 5
