"""Calls of a node that is gone for good end, and a node that comes back all the same has the last word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from callscribe.domain.call import Call, CallState, OutsideIds
from storage.audit import AuditLog
from storage.calls import CallStore
from storage.database import Database
from storage.erasure import ErasureOrder, ErasureStore
from storage.lost_nodes import BATCH, LostNodeStore
from storage.reader import CallReader
from storage.recordings import recording_path
from storage.retention import KeepTimes, RetentionStore
from tests.storage.samples import ENDED, make_call, make_final, make_recording

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
GAP = timedelta(minutes=6)
LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)


@pytest.fixture
def nodes(database: Database) -> LostNodeStore:
    return LostNodeStore(database)


def left_open(calls: CallStore, node: str) -> Call:
    """A call that goes on, of which two seconds were heard."""
    fresh = make_call()
    call = replace(fresh, started_at=LONG_AGO, outside_ids=OutsideIds(f"{fresh.id}@pbx"))
    calls.save_call(call, node)
    calls.save_final(call.id, make_final(0, 8000, "zanzibar"))
    return call


def begun_now(database: Database, calls: CallStore, node: str) -> UUID:
    call = left_open(calls, node)
    with database.transaction() as session:
        session.execute(text("UPDATE calls SET started_at = now() WHERE id = :id"), {"id": call.id})
    return call.id


def miss(database: Database, nodes: LostNodeStore, *running: str) -> None:
    """Only these run, for two days now."""
    nodes.note_running(running, GAP)
    pass_time(database, "2 days")
    # Somebody looked all the time.
    with database.transaction() as session:
        session.execute(text("UPDATE lost_nodes SET since = now() WHERE name = ''"))


def pass_time(database: Database, interval: str) -> None:
    """What was written until now was written so much longer ago."""
    with database.transaction() as session:
        for column in ("lost_nodes SET since", "utterances SET created_at"):
            name = column.rpartition(" ")[2]
            session.execute(text(f"UPDATE {column} = {name} - interval '{interval}'"))


def test_calls_of_a_node_that_is_missed_for_long_end_with_their_last_final(
    database: Database, calls: CallStore, reader: CallReader, nodes: LostNodeStore
) -> None:
    lost, going_on = left_open(calls, "gone"), left_open(calls, "node-1")
    miss(database, nodes, "node-1")
    [ended] = nodes.end_calls(DAY)
    assert (ended.call, ended.end) == (lost, reader.call(lost.id).end)
    record = reader.call(lost.id)
    assert record.end is not None
    assert (record.state, record.end.reason, record.end.samples) == (CallState.INTERRUPTED, "node-lost", 16_000)
    assert record.end.ended_at == LONG_AGO + timedelta(seconds=2)
    assert reader.call(going_on.id).state is CallState.ACTIVE
    assert nodes.end_calls(DAY) == ()
    [entry] = AuditLog(database).entries().entries
    assert (entry.action, entry.subject, entry.detail) == ("call.ended", str(lost.id), {"reason": "node-lost"})


def test_a_node_that_is_missed_for_a_short_time_or_ran_since_keeps_its_calls(
    database: Database, calls: CallStore, nodes: LostNodeStore
) -> None:
    left_open(calls, "gone")
    nodes.note_running(["node-1"], GAP)
    assert nodes.end_calls(DAY) == ()
    miss(database, nodes, "node-1")
    nodes.note_running(["node-1", "gone"], GAP)
    nodes.note_running(["node-1"], GAP)
    assert nodes.end_calls(DAY) == ()


def test_a_call_that_began_later_than_that_goes_on(
    database: Database, calls: CallStore, reader: CallReader, nodes: LostNodeStore
) -> None:
    old = left_open(calls, "gone")
    miss(database, nodes)
    fresh = begun_now(database, calls, "gone")
    assert [lost.call.id for lost in nodes.end_calls(DAY)] == [old.id]
    assert reader.call(fresh).state is CallState.ACTIVE


@pytest.mark.parametrize("sign", ["call", "final"])
def test_a_node_that_works_is_not_missed_though_nobody_sees_it(
    database: Database, calls: CallStore, nodes: LostNodeStore, sign: str
) -> None:
    call = left_open(calls, "unseen")
    miss(database, nodes)
    if sign == "call":
        begun_now(database, calls, "unseen")
    else:
        calls.save_final(call.id, make_final(0, 24_000, "island"))
    nodes.note_running([], GAP)
    assert nodes.end_calls(DAY) == ()
    miss(database, nodes)
    assert nodes.end_calls(DAY) != ()


def test_a_time_in_which_nobody_looked_is_no_time_in_which_a_node_was_missed(
    database: Database, calls: CallStore, nodes: LostNodeStore
) -> None:
    left_open(calls, "gone")
    nodes.note_running([], GAP)
    pass_time(database, "2 days")
    nodes.note_running([], GAP)
    assert nodes.end_calls(DAY) == ()
    miss(database, nodes)
    nodes.note_running([], GAP)
    assert len(nodes.end_calls(DAY)) == 1


def test_very_many_calls_end_in_batches(database: Database, calls: CallStore, nodes: LostNodeStore) -> None:
    for _ in range(BATCH + 1):
        left_open(calls, "gone")
    miss(database, nodes)
    assert [len(nodes.end_calls(DAY)) for _ in range(3)] == [BATCH, 1, 0]


def test_then_they_are_erased_and_expire_as_others(
    database: Database, calls: CallStore, reader: CallReader, nodes: LostNodeStore, tmp_path: Path
) -> None:
    erased, expired = left_open(calls, "gone"), left_open(calls, "gone")
    path = tmp_path / recording_path(erased)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"RIFF")
    miss(database, nodes)
    assert len(nodes.end_calls(DAY)) == 2
    # What was recorded lies there, though its node never told of it.
    assert ErasureStore(database, tmp_path).erase_call(erased.id, ErasureOrder("Ann", "x")).files.files == 1
    RetentionStore(database, tmp_path).expire_text(KeepTimes(others=0.001), lambda found: None)
    assert reader.transcript(expired.id).utterances == ()
    assert calls.unfinished("gone") == ()


def test_a_node_that_comes_back_recovers_its_calls_with_their_true_end(
    database: Database, calls: CallStore, reader: CallReader, nodes: LostNodeStore
) -> None:
    call = left_open(calls, "gone")
    miss(database, nodes)
    nodes.end_calls(DAY)
    assert calls.unfinished("gone") == (call,)
    calls.end_call(call.id, ENDED, make_recording(call))
    record = reader.call(call.id)
    assert (record.end, record.recording) == (ENDED, make_recording(call))
    assert calls.unfinished("gone") == ()
    calls.end_call(call.id, replace(ENDED, reason="drained"), None)
    assert reader.call(call.id).end == ENDED
