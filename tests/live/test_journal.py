"""The journal keeps what a call tells, in order, whatever Postgres does."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from callscribe.domain.call import Call, CallEnd, CallState, Channel
from callscribe.live.journal import CallClosed, CallSaved, FinalSaved, Journal
from storage.calls import CallStore
from storage.database import Database
from storage.erasure import ErasureOrder, ErasureStore
from storage.reader import CallReader
from storage.records import JobIntent, JobKind
from tests.live.calls import make_call, make_final

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)


@contextmanager
def running(path: Path, database: Database) -> Iterator[Journal]:
    """A journal that is stopped in the end."""
    journal = Journal(path, CallStore(database))
    journal.start()
    try:
        yield journal
    finally:
        journal.stop()


def all_forwarded(journal: Journal) -> bool:
    return journal.counters()["journal_pending"] == 0


def texts(database: Database, call: Call) -> list[str]:
    return [utterance.text for utterance in CallReader(database).transcript(call.id).utterances]


def refuse(path: Path, change: str) -> Callable[[], None]:
    """Let SQLite refuse to INSERT into the entries or to DELETE from them, as on a full disk; undone by the result."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"CREATE TRIGGER full BEFORE {change} ON entries BEGIN SELECT RAISE(ABORT, 'disk is full'); END")

    def undo() -> None:
        connection.execute("DROP TRIGGER full")
        connection.close()

    return undo


def test_entries_reach_postgres_in_order_and_are_trimmed(database: Database, tmp_path: Path) -> None:
    call = make_call()
    with running(tmp_path / "journal.sqlite", database) as journal:
        journal.append(CallSaved(call, "node-1"))
        for number in range(300):
            journal.append(FinalSaved(call.id, make_final(number * 16000, f"utterance {number}")))
        jobs = (JobIntent.of(call.id, JobKind.SECOND_PASS),)
        end = CallEnd(datetime.now(UTC), 300 * 16000, "bye")
        journal.append(CallClosed(call.id, end, None, jobs)).result(timeout=10)
        wait_until(lambda: all_forwarded(journal))

    assert texts(database, call) == [f"utterance {n}" for n in range(300)]
    assert CallReader(database).call(call.id).state is CallState.ENDED
    assert [job.kind for job in CallReader(database).jobs(call.id)] == [JobKind.SECOND_PASS]


def test_what_was_said_while_postgres_was_away_is_there_when_it_is_back(database: Database, tmp_path: Path) -> None:
    path, call = tmp_path / "journal.sqlite", make_call()
    away = Database(NOWHERE)
    with running(path, away) as journal:
        journal.append(CallSaved(call, "node-1"))
        journal.append(FinalSaved(call.id, make_final(0, "nothing is lost"))).result(timeout=10)
        assert journal.counters()["journal_pending"] == 2
    away.close()

    with running(path, database) as reopened:
        assert reopened.inherited == 2
        wait_until(reopened.inherited_forwarded)
    assert texts(database, call) == ["nothing is lost"]


def test_an_entry_that_the_database_refuses_is_kept_aside_and_holds_up_nothing(
    database: Database, tmp_path: Path
) -> None:
    unknown, call = make_call(), make_call()
    with running(tmp_path / "journal.sqlite", database) as journal:
        journal.append(FinalSaved(unknown.id, make_final(0, "of a call that was never told")))
        journal.append(CallSaved(call, "node-1"))
        wait_until(lambda: all_forwarded(journal))
    counters = journal.counters()
    assert (counters["journal_rejected"], counters["journal_forwarded"]) == (1, 1)
    assert CallReader(database).call(call.id).call == call


def test_an_entry_applied_twice_changes_nothing(database: Database, tmp_path: Path) -> None:
    call = make_call()
    with running(tmp_path / "journal.sqlite", database) as journal:
        for _ in range(2):
            journal.append(CallSaved(call, "node-1"))
            journal.append(FinalSaved(call.id, make_final(0, "once")))
            journal.append(CallClosed(call.id, CallEnd(datetime.now(UTC), 8000, "bye"), None, ()))
        wait_until(lambda: all_forwarded(journal))
    assert texts(database, call) == ["once"]


def test_a_full_disk_is_waited_out_and_costs_no_entry(database: Database, tmp_path: Path) -> None:
    path, call = tmp_path / "journal.sqlite", make_call()
    with running(path, database) as journal:
        journal.append(CallSaved(call, "node-1")).result(timeout=10)
        wait_until(lambda: all_forwarded(journal))
        undo = refuse(path, "INSERT")
        final = journal.append(FinalSaved(call.id, make_final(0, "waits for room")))
        wait_until(lambda: journal.counters()["journal_write_errors"] >= 1)
        assert not final.done()
        undo()
        final.result(timeout=10)
    assert texts(database, call) == ["waits for room"]


def test_entries_that_a_full_disk_keeps_from_being_trimmed_stay_and_are_trimmed_later(
    database: Database, tmp_path: Path
) -> None:
    path, call = tmp_path / "journal.sqlite", make_call()
    with running(path, database) as journal:
        undo = refuse(path, "DELETE")
        journal.append(CallSaved(call, "node-1"))
        journal.append(FinalSaved(call.id, make_final(0, "once")))
        wait_until(lambda: journal.counters()["journal_trim_errors"] >= 1)
        assert journal.counters()["journal_pending"] == 2
        undo()
        wait_until(lambda: all_forwarded(journal))
    assert texts(database, call) == ["once"]


def test_who_stops_waiting_for_an_entry_does_not_keep_it_from_being_written(database: Database, tmp_path: Path) -> None:
    path, call = tmp_path / "journal.sqlite", make_call()
    with running(path, database) as journal:
        undo = refuse(path, "INSERT")
        first = journal.append(CallSaved(call, "node-1"))
        second = journal.append(FinalSaved(call.id, make_final(0, "written all the same")))
        wait_until(lambda: journal.counters()["journal_write_errors"] >= 1)
        assert not first.cancel()
        undo()
        second.result(timeout=10)
    assert texts(database, call) == ["written all the same"]


def test_what_was_written_before_a_stop_reaches_a_database_that_answers(database: Database, tmp_path: Path) -> None:
    call = make_call()
    with running(tmp_path / "journal.sqlite", database) as journal:
        journal.append(CallSaved(call, "node-1"))
        for number in range(40):
            journal.append(FinalSaved(call.id, make_final(number * 16000, "said")))
        journal.append(CallClosed(call.id, CallEnd(datetime.now(UTC), 8000, "drained"), None, ()))
    assert texts(database, call) == ["said"] * 40
    assert CallReader(database).call(call.id).state is CallState.ENDED


def test_half_a_character_in_a_label_costs_neither_the_call_nor_the_journal(database: Database, tmp_path: Path) -> None:
    call = replace(make_call(), channels=(Channel(0, "half \udce9"),))
    with running(tmp_path / "journal.sqlite", database) as journal:
        journal.append(CallSaved(call, "node-1")).result(timeout=10)
    assert CallReader(database).call(call.id).call.channels == (Channel(0, "half ?"),)


def test_what_was_handed_on_stands_in_no_file_of_the_journal(database: Database, tmp_path: Path) -> None:
    call = make_call()
    with running(tmp_path / "journal.sqlite", database) as journal:
        journal.append(CallSaved(call, "node-1"))
        journal.append(FinalSaved(call.id, make_final(0, "zanzibar")))
        journal.append(FinalSaved(call.id, make_final(16000, "zanzibar"))).result(timeout=10)
        wait_until(lambda: all_forwarded(journal))
        wait_until(lambda: not any(b"zanzibar" in path.read_bytes() for path in tmp_path.iterdir()))


def test_an_erased_call_is_not_replayed_and_its_refused_entries_go(database: Database, tmp_path: Path) -> None:
    path, erased, other = tmp_path / "journal.sqlite", make_call(), make_call()
    away = Database(NOWHERE)
    with running(path, away) as journal:
        journal.append(FinalSaved(other.id, make_final(0, "kept aside")))
        journal.append(FinalSaved(erased.id, make_final(0, "refused")))
        journal.append(CallSaved(erased, "node-1")).result(timeout=10)
    away.close()
    with running(path, database) as journal:
        wait_until(lambda: all_forwarded(journal))
    CallStore(database).end_call(erased.id, CallEnd(datetime.now(UTC), 8000, "bye"), None)
    ErasureStore(database, tmp_path).erase_call(erased.id, ErasureOrder("Ann", "case 17"))
    with running(path, database) as journal:
        journal.append(CallSaved(erased, "node-1"))
        journal.append(FinalSaved(erased.id, make_final(0, "replayed"))).result(timeout=10)
        wait_until(lambda: all_forwarded(journal))
        assert journal.counters()["journal_rejected"] == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (0,)
        [(body,)] = connection.execute("SELECT body FROM rejected").fetchall()
    assert str(other.id).encode() in body
    assert erased.id not in [summary.call.id for summary in CallReader(database).list_calls().calls]


def test_refused_entries_of_a_call_without_its_text_go(database: Database, tmp_path: Path) -> None:
    path, call = tmp_path / "journal.sqlite", make_call()
    with running(path, database) as journal:
        journal.append(FinalSaved(call.id, make_final(0, "refused")))
        journal.append(CallSaved(call, "node-1"))
        wait_until(lambda: all_forwarded(journal))
    assert rejected(path) == 1
    with database.transaction() as session:
        session.execute(text("UPDATE calls SET text_expired_at = now()"))
    with running(path, database):
        wait_until(lambda: rejected(path) == 0)


def test_the_log_of_changes_is_emptied_while_postgres_is_away(database: Database, tmp_path: Path) -> None:
    path, call = tmp_path / "journal.sqlite", make_call()
    with running(path, database) as journal:
        journal.append(FinalSaved(call.id, make_final(0, "refused")))
        wait_until(lambda: all_forwarded(journal))
    away = Database(NOWHERE)
    with closing(sqlite3.connect(path)) as beside:
        beside.execute("UPDATE rejected SET reason = 'zanzibar'")
        beside.commit()
        log = path.with_name(f"{path.name}-wal")
        assert b"zanzibar" in log.read_bytes()
        with running(path, away):
            wait_until(lambda: log.stat().st_size == 0)
    away.close()


def rejected(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM rejected").fetchone()[0])
