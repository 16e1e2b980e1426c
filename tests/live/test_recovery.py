"""After a crash: what an earlier run left open is closed, once, with a job for exactly what was not understood."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, CallState
from callscribe.domain.errors import DatabaseOutdated
from callscribe.events.schema import CallEnded, CallProcessed, Event
from callscribe.live import recovery
from callscribe.live.journal import CallSaved, Entry, FinalSaved, Journal
from callscribe.live.recovery import recover_interrupted
from storage.calls import CallStore
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.recording_keys import NO_KEYS, RecordingKeys, new_key
from storage.recordings import RecordingWriter, recording_path
from storage.records import ChannelRange, JobKind, JobWork
from tests.live.calls import make_call, make_final
from tests.live.test_journal import NOWHERE, running, wait_until

RATE = 8000
CRASHED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
BEGAN = CRASHED + timedelta(seconds=30)


class LateStore(CallStore):
    """A store that is behind its schema when it is asked first."""

    asked = 0

    def unfinished(self, node: str) -> tuple[Call, ...]:
        self.asked += 1
        if self.asked == 1:
            raise DatabaseOutdated
        return super().unfinished(node)


@dataclass
class Node:
    """A node that has just begun again."""

    journal: Journal
    store: CallStore
    reader: CallReader
    node: str = "node-1"
    began_at: datetime = BEGAN
    events: list[Event] = field(default_factory=list)

    def stages(self, call: Call) -> tuple[JobKind, ...]:
        return (JobKind.SECOND_PASS,)

    def append(self, entry: Entry) -> asyncio.Future[None]:
        return asyncio.wrap_future(self.journal.append(entry))

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def now(self) -> datetime:
        return BEGAN

    async def recover(self, recordings: Path, keys: RecordingKeys = NO_KEYS) -> None:
        async with asyncio.timeout(20):
            await recover_interrupted(self, recordings, keys)
            while self.journal.counters()["journal_pending"]:
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "RETRY_S", 0.02)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> Iterator[Node]:
    with running(tmp_path / "journal.sqlite", database) as journal:
        yield Node(journal, CallStore(database), CallReader(database))


def left_open(store: CallStore, started_at: datetime = CRASHED, node: str = "node-1") -> Call:
    call = make_call(started_at=started_at)
    store.save_call(call, node)
    return call


def record(folder: Path, call: Call, seconds: int, keys: RecordingKeys = NO_KEYS) -> None:
    """A recording whose writer died: never closed."""
    writer = RecordingWriter(folder / recording_path(call), RATE, len(call.channels), keys)
    for channel in range(len(call.channels)):
        writer.write(AudioChunk(channel, 0, np.zeros(seconds * RATE, "<i2").tobytes()))
    writer.flush()


def job_of(database: Database, call: Call) -> JobWork:
    (record,) = CallReader(database).jobs(call.id)
    work = JobStore(database).begin(record.id, 60)
    assert work is not None
    return work


async def test_a_call_that_was_cut_off_ends_where_its_recording_does_and_the_rest_is_decoded(
    node: Node, database: Database, tmp_path: Path
) -> None:
    call = left_open(node.store)
    for start in (0, 16000):
        node.store.save_final(call.id, make_final(start, "said"))
    record(tmp_path, call, seconds=9)
    await node.recover(tmp_path)
    stored = node.reader.call(call.id)
    assert stored.state is CallState.INTERRUPTED
    assert stored.end == CallEnd(CRASHED + timedelta(seconds=9), 9 * RATE, "interrupted", interrupted=True)
    work = job_of(database, call)
    assert work.kind is JobKind.RECOVER
    assert work.ranges == (ChannelRange(0, 24000, 72000), ChannelRange(1, 0, 72000))
    assert work.recording is not None
    assert [type(event) for event in node.events] == [CallEnded]


async def test_a_call_without_a_recording_ends_with_its_last_final_and_nothing_left_to_do(
    node: Node, tmp_path: Path
) -> None:
    call = left_open(node.store)
    node.store.save_final(call.id, make_final(16000, "said"))
    await node.recover(tmp_path)
    stored = node.reader.call(call.id)
    assert stored.end is not None
    assert (stored.end.samples, stored.recording, stored.jobs) == (24000, None, ())
    assert [type(event) for event in node.events] == [CallEnded, CallProcessed]


async def test_a_damaged_recording_keeps_no_other_call_from_its_end(node: Node, tmp_path: Path) -> None:
    damaged, sound = left_open(node.store), left_open(node.store)
    place = tmp_path / recording_path(damaged)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cut")
    record(tmp_path, sound, seconds=1)
    await node.recover(tmp_path)
    ended = [node.reader.call(call.id) for call in (damaged, sound)]
    assert [call.state for call in ended] == [CallState.INTERRUPTED] * 2
    assert [call.recording is None for call in ended] == [True, False]


async def test_a_recording_whose_key_is_gone_waits_for_it_and_keeps_no_other_call_from_its_end(
    node: Node, tmp_path: Path
) -> None:
    locked, sound = left_open(node.store), left_open(node.store)
    keys = RecordingKeys((new_key(),))
    record(tmp_path, locked, seconds=1, keys=keys)
    record(tmp_path, sound, seconds=1)
    await node.recover(tmp_path)
    assert [node.reader.call(call.id).state for call in (locked, sound)] == [CallState.ACTIVE, CallState.INTERRUPTED]
    await node.recover(tmp_path, keys)
    found = node.reader.call(locked.id)
    assert (found.state, found.recording is None) == (CallState.INTERRUPTED, False)


async def test_calls_of_this_run_and_of_other_nodes_are_left_alone(node: Node, tmp_path: Path) -> None:
    running = left_open(node.store, started_at=BEGAN + timedelta(seconds=1))
    elsewhere = left_open(node.store, node="node-2")
    await node.recover(tmp_path)
    assert [node.reader.call(call.id).state for call in (running, elsewhere)] == [CallState.ACTIVE] * 2
    assert node.events == []


async def test_a_call_that_was_recovered_is_not_recovered_again(node: Node, tmp_path: Path) -> None:
    call = left_open(node.store)
    await node.recover(tmp_path)
    await node.recover(tmp_path)
    assert len(node.events) == 2
    assert node.reader.call(call.id).state is CallState.INTERRUPTED


async def test_finals_that_only_the_journal_had_count_before_anything_is_decoded_again(
    database: Database, tmp_path: Path
) -> None:
    path, call = tmp_path / "journal.sqlite", make_call(started_at=CRASHED)
    away = Database(NOWHERE)
    with running(path, away) as crashed:
        crashed.append(CallSaved(call, "node-1"))
        crashed.append(FinalSaved(call.id, make_final(40000, "only in the journal"))).result(timeout=10)
    away.close()
    record(tmp_path, call, seconds=9)

    with running(path, database) as journal:
        await Node(journal, CallStore(database), CallReader(database)).recover(tmp_path)
    assert job_of(database, call).ranges == (ChannelRange(0, 48000, 72000), ChannelRange(1, 0, 72000))


async def test_recovery_waits_for_a_migration(node: Node, database: Database, tmp_path: Path) -> None:
    call = left_open(node.store)
    node.store = LateStore(database)
    await node.recover(tmp_path)
    assert node.reader.call(call.id).state is CallState.INTERRUPTED


async def test_recovery_waits_while_the_journal_cannot_be_read(node: Node, tmp_path: Path) -> None:
    call = left_open(node.store)
    wait_until(lambda: node.journal.counters()["journal_pending"] == 0)
    path, node.journal._path = node.journal._path, tmp_path / "no" / "journal.sqlite"
    waiting = asyncio.create_task(node.recover(tmp_path))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    node.journal._path = path
    await waiting
    assert node.reader.call(call.id).state is CallState.INTERRUPTED
