"""The journal keeps what a call tells, in order, whatever Postgres does."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from callscribe.domain.call import Call, CallEnd, CallState, Channel
from callscribe.live.journal import CallClosed, CallSaved, FinalSaved, Journal
from storage.calls import CallStore
from storage.database import Database
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
