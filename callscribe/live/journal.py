"""The journal: one SQLite WAL file a node. What a call tells is durable here first, then goes to Postgres in order.

Two threads, each with its own connection: the writer commits batches, the forwarder applies entries to the call store
and trims them. Neither waits for the other, so Postgres may be away for as long as the disk has room.
"""

import json
import math
import queue
import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from pydantic import TypeAdapter

from callscribe.domain.assist import AssistCard
from callscribe.domain.call import Call, CallEnd
from callscribe.domain.errors import DatabaseOutdated, DatabaseUnavailable, StorageError
from callscribe.domain.trace import record, traced
from callscribe.domain.transcript import Final
from callscribe.events.schema import json_bytes
from storage.calls import CallStore
from storage.records import JobIntent, RecordingFile

log = structlog.get_logger()

BATCH = 256
WRITE_PAUSE_S = 1.0
"""Wait before what the disk did not take is tried again."""
FORWARD_PAUSE_S = 2.0
"""Wait after the database, or the disk, was found away."""
TIDY_S = 10.0
"""How often the file is freed of what was handed on, and of refused entries of calls that were erased since, or lost
their text."""
DRAIN_S = 5.0
"""How long a journal that stops goes on forwarding."""
JOIN_S = 30.0


@dataclass(frozen=True, slots=True)
class CallSaved:
    """A call began or its description changed."""

    call: Call
    node: str


@dataclass(frozen=True, slots=True)
class FinalSaved:
    """An utterance is final."""

    call_id: UUID
    final: Final


@dataclass(frozen=True, slots=True)
class CardSaved:
    """An assist rule gave a card."""

    call_id: UUID
    card: AssistCard


@dataclass(frozen=True, slots=True)
class CallClosed:
    """A call is over, and these jobs are due."""

    call_id: UUID
    end: CallEnd
    recording: RecordingFile | None
    jobs: tuple[JobIntent, ...]


Entry = CallSaved | FinalSaved | CardSaved | CallClosed

_ADAPTERS: dict[str, TypeAdapter[Entry]] = {
    kind.__name__: TypeAdapter(kind) for kind in (CallSaved, FinalSaved, CardSaved, CallClosed)
}

_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS rejected (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, reason TEXT NOT NULL
);
"""


def _connect(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """FULL: a committed final survives a power cut, at one fsync a batch."""
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def apply_entry(entry: Entry, store: CallStore) -> None:
    """Write one entry to the call store. Applying it again changes nothing."""
    match entry:
        case CallSaved(call, node):
            store.save_call(call, node)
        case FinalSaved(call_id, final):
            store.save_final(call_id, final)
        case CardSaved(call_id, card):
            store.save_card(call_id, card)
        case CallClosed(call_id, end, recording, jobs):
            store.end_call(call_id, end, recording, jobs)


def _call_in(body: bytes) -> UUID | None:
    """The call that an entry is about; None where another release wrote something that this one does not know."""
    try:
        told = json.loads(body)
        return UUID(told["call"]["id"] if "call" in told else told["call_id"])
    except (ValueError, KeyError, TypeError):
        return None


def _empty_log(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Journal:
    """Makes entries durable in order and forwards them. Thread-safe."""

    def __init__(self, path: Path, store: CallStore) -> None:
        self._path = path
        self._store = store
        self._inbox: queue.SimpleQueue[tuple[Entry, Future[None]] | None] = queue.SimpleQueue()
        self._written = threading.Event()
        self._stopping = threading.Event()
        self._stop_at = math.inf
        self._threads: list[threading.Thread] = []
        self._counts = {
            "journal_written": 0,
            "journal_write_errors": 0,
            "journal_forwarded": 0,
            "journal_rejected": 0,
            "journal_trim_errors": 0,
        }
        self._inherited_count = 0
        self._began = time.monotonic()
        self._written_at: deque[float] = deque()
        """When each entry of this run was written that Postgres has not taken yet, the oldest first."""
        self.inherited = 0
        """Sequence number of the last entry an earlier run left; entries up to it are not of this run."""

    def start(self) -> None:
        """Open the file and start both threads. Raises StorageError when the file cannot be opened."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = _connect(self._path)
            connection.executescript(_TABLES)
            row = connection.execute("SELECT coalesce(max(seq), 0), count(*) FROM entries").fetchone()
            self.inherited, self._inherited_count = row
            connection.close()
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"the journal {self._path} cannot be opened: {error}") from error
        for target in (self._write, self._forward):
            thread = threading.Thread(target=target, name=f"journal-{target.__name__[1:]}", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._written.set()

    def stop(self) -> None:
        """Write what is queued, forward what the database takes within DRAIN_S, and stop.

        What is not forwarded then waits in the file for the next run.
        """
        writer, forwarder = self._threads
        self._inbox.put(None)
        writer.join(JOIN_S)
        if writer.is_alive():
            log.error("journal_not_written", entries=self._inbox.qsize())
        self._stop_at = time.monotonic() + DRAIN_S
        self._stopping.set()
        self._written.set()
        forwarder.join(JOIN_S)

    def append(self, entry: Entry) -> Future[None]:
        """Queue an entry. The future is done when the entry is on disk."""
        durable: Future[None] = Future()
        # Who waits for it may be cancelled; the entry is written all the same.
        durable.set_running_or_notify_cancel()
        self._inbox.put((entry, durable))
        return durable

    def counters(self) -> dict[str, float]:
        """What was counted; `journal_pending`: entries that Postgres has not taken yet; `journal_lag_seconds`: for how
        long this run has had the oldest of them."""
        return {**self._counts, "journal_pending": self._pending(), "journal_lag_seconds": self._lag_s()}

    def _lag_s(self) -> float:
        if not self._pending():
            return 0.0
        try:
            oldest = self._began if self._inherited_left() > 0 else self._written_at[0]
        except IndexError:
            # Taken meanwhile.
            return 0.0
        return time.monotonic() - oldest

    def _inherited_left(self) -> int:
        """Entries of earlier runs that are still to be forwarded: they come first."""
        return self._inherited_count - self._counts["journal_forwarded"] - self._counts["journal_rejected"]

    def _pending(self) -> int:
        done = self._counts["journal_forwarded"] + self._counts["journal_rejected"]
        return self._inherited_count + self._counts["journal_written"] - done

    def inherited_forwarded(self) -> bool:
        """Whether everything an earlier run left has reached Postgres; False too while the file cannot be read."""
        try:
            with closing(_connect(self._path)) as connection:
                row = connection.execute("SELECT 1 FROM entries WHERE seq <= ? LIMIT 1", (self.inherited,)).fetchone()
        except sqlite3.Error as error:
            log.warning("journal_not_read", reason=str(error))
            return False
        return row is None

    def _write(self) -> None:
        connection = _connect(self._path)
        while (first := self._inbox.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < BATCH and not last and not self._inbox.empty():
                item = self._inbox.get()
                last = item is None
                if item is not None:
                    batch.append(item)
            self._commit(connection, batch)
            if last:
                break
        connection.close()

    def _commit(self, connection: sqlite3.Connection, batch: list[tuple[Entry, Future[None]]]) -> None:
        """Commit the batch; a full disk is waited out, because what was said must not be lost while we run."""
        rows = [(kind := type(entry).__name__, json_bytes(_ADAPTERS[kind], entry)) for entry, _ in batch]
        while not self._inserted(connection, rows):
            time.sleep(WRITE_PAUSE_S)
        self._written_at.extend([time.monotonic()] * len(rows))
        self._counts["journal_written"] += len(rows)
        for _, durable in batch:
            durable.set_result(None)
        self._written.set()

    def _inserted(self, connection: sqlite3.Connection, rows: list[tuple[str, bytes]]) -> bool:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO entries (kind, body) VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._counts["journal_write_errors"] += 1
            log.error("journal_write_failed", reason=str(error))
            with suppress(sqlite3.Error):
                connection.rollback()
            return False
        return True

    def _forward(self) -> None:
        # A trim that is lost only means that an entry is applied again, which changes nothing.
        connection = _connect(self._path, synchronous="NORMAL")
        connection.execute("PRAGMA secure_delete=ON")
        stopping = False
        tidy_at = time.monotonic()
        while not stopping:
            self._written.wait(TIDY_S)
            self._written.clear()
            # What was written before the stop is seen by the turns that follow.
            stopping = self._stopping.is_set()
            while self._forward_batch(connection):
                pass
            if stopping or time.monotonic() >= tidy_at:
                self._tidy(connection)
                tidy_at = time.monotonic() + TIDY_S
        connection.close()

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """What was trimmed stands in the log of SQLite's changes until that is emptied, whether Postgres answers or
        not."""
        for part in (self._drop_forgotten, _empty_log):
            try:
                part(connection)
            except (StorageError, sqlite3.Error) as error:
                log.warning("journal_not_tidied", reason=str(error))

    def _drop_forgotten(self, connection: sqlite3.Connection) -> None:
        """Remove refused entries of calls that were erased or lost their text."""
        rejected = connection.execute("SELECT seq, body FROM rejected").fetchall()
        calls = {seq: call_id for seq, body in rejected if (call_id := _call_in(body))}
        forgotten = self._store.forgotten_among(tuple(set(calls.values()))) if calls else frozenset()
        gone = [(seq,) for seq, call_id in calls.items() if call_id in forgotten]
        connection.executemany("DELETE FROM rejected WHERE seq = ?", gone)

    def _forward_batch(self, connection: sqlite3.Connection) -> bool:
        """Apply and trim the oldest entries, one by one. False: none is left, or the rest has to wait."""
        try:
            rows = connection.execute("SELECT seq, kind, body FROM entries ORDER BY seq LIMIT ?", (BATCH,)).fetchall()
            return bool(rows) and all(self._forward_row(connection, *row) for row in rows)
        except (DatabaseUnavailable, DatabaseOutdated) as error:
            log.warning("journal_forward_waits", reason=str(error), pending=self._pending())
        except sqlite3.Error as error:
            self._counts["journal_trim_errors"] += 1
            log.error("journal_trim_failed", reason=str(error))
        self._stopping.wait(FORWARD_PAUSE_S)
        self._written.set()
        return False

    def _forward_row(self, connection: sqlite3.Connection, seq: int, kind: str, body: bytes) -> bool:
        """Apply and trim an entry. False when the time to stop has come.

        Raises DatabaseUnavailable, DatabaseOutdated and sqlite3.Error: then the entry stands as it was.
        """
        if time.monotonic() > self._stop_at:
            return False
        outcome, began_ns = "journal_forwarded", time.time_ns()
        try:
            apply_entry(_ADAPTERS[kind].validate_json(body), self._store)
            if traced() and (call := _call_in(body)):
                record(call, "store", began_ns, entry=kind)
        except (DatabaseUnavailable, DatabaseOutdated):
            raise
        except (StorageError, ValueError, KeyError) as error:
            # Kept aside, not dropped, and the call goes on: docs/operations.md tells where to look.
            outcome = "journal_rejected"
            log.error("journal_entry_rejected", kind=kind, seq=seq, reason=type(error).__name__)
            connection.execute(
                "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?)", (seq, kind, body, type(error).__name__)
            )
        connection.execute("DELETE FROM entries WHERE seq = ?", (seq,))
        self._counts[outcome] += 1
        if seq > self.inherited:
            self._written_at.popleft()
        return True
