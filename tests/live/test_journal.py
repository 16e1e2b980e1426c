"""The journal keeps what a call tells, in order, whatever Postgres does."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from callscribe.domain.call import CallEnd, CallState, Channel
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


def test_entries_reach_postgres_in_order_and_are_trimmed(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    journal = Journal(tmp_path / "journal.sqlite", CallStore(database))
    journal.start()
    call = make_call()
    journal.append(CallSaved(call, "node-1"))
    for number in range(300):
        journal.append(FinalSaved(call.id, make_final(number * 16000, f"utterance {number}")))
    end = CallEnd(datetime.now(UTC), 300 * 16000, "bye")
    jobs = (JobIntent.of(call.id, JobKind.SECOND_PASS),)
    journal.append(CallClosed(call.id, end, None, jobs)).result(timeout=10)
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    journal.stop()

    transcript = CallReader(database).transcript(call.id)
    assert [utterance.text for utterance in transcript.utterances] == [f"utterance {n}" for n in range(300)]
    assert transcript.state is CallState.ENDED
    assert [job.kind for job in CallReader(database).jobs(call.id)] == [JobKind.SECOND_PASS]
    database.close()


def test_what_was_said_while_postgres_was_away_is_there_when_it_is_back(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    away = Database(NOWHERE)
    journal = Journal(path, CallStore(away))
    journal.start()
    call = make_call()
    journal.append(CallSaved(call, "node-1"))
    journal.append(FinalSaved(call.id, make_final(0, "nothing is lost"))).result(timeout=10)
    assert journal.counters()["journal_pending"] == 2
    journal.stop()
    away.close()

    database = Database(database_url)
    reopened = Journal(path, CallStore(database))
    reopened.start()
    assert reopened.inherited == 2
    wait_until(reopened.inherited_forwarded)
    reopened.stop()
    assert [utterance.text for utterance in CallReader(database).transcript(call.id).utterances] == ["nothing is lost"]
    database.close()


def test_an_entry_that_the_database_refuses_is_kept_aside_and_holds_up_nothing(
    database_url: str, tmp_path: Path
) -> None:
    database = Database(database_url)
    journal = Journal(tmp_path / "journal.sqlite", CallStore(database))
    journal.start()
    unknown, call = make_call(), make_call()
    journal.append(FinalSaved(unknown.id, make_final(0, "of a call that was never told")))
    journal.append(CallSaved(call, "node-1")).result(timeout=10)
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    journal.stop()
    counters = journal.counters()
    assert (counters["journal_rejected"], counters["journal_forwarded"]) == (1, 1)
    assert CallReader(database).call(call.id).call == call
    database.close()


def test_an_entry_applied_twice_changes_nothing(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    journal = Journal(tmp_path / "journal.sqlite", CallStore(database))
    journal.start()
    call = make_call()
    for _ in range(2):
        journal.append(CallSaved(call, "node-1"))
        journal.append(FinalSaved(call.id, make_final(0, "once")))
        journal.append(CallClosed(call.id, CallEnd(datetime.now(UTC), 8000, "bye"), None, ())).result(timeout=10)
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    journal.stop()
    assert [utterance.text for utterance in CallReader(database).transcript(call.id).utterances] == ["once"]
    database.close()


def refuse(path: Path, change: str) -> Callable[[], None]:
    """Let SQLite refuse to INSERT into the entries or to DELETE from them, as on a full disk; undone by the result."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"CREATE TRIGGER full BEFORE {change} ON entries BEGIN SELECT RAISE(ABORT, 'disk is full'); END")

    def undo() -> None:
        connection.execute("DROP TRIGGER full")
        connection.close()

    return undo


def test_a_full_disk_is_waited_out_and_costs_no_entry(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    database = Database(database_url)
    journal = Journal(path, CallStore(database))
    journal.start()
    call = make_call()
    journal.append(CallSaved(call, "node-1")).result(timeout=10)
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    undo = refuse(path, "INSERT")
    final = journal.append(FinalSaved(call.id, make_final(0, "waits for room")))
    wait_until(lambda: journal.counters()["journal_write_errors"] >= 1)
    assert not final.done()
    undo()
    final.result(timeout=10)
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    journal.stop()
    assert [utterance.text for utterance in CallReader(database).transcript(call.id).utterances] == ["waits for room"]
    database.close()


def test_entries_that_cannot_be_trimmed_for_a_full_disk_stay_and_are_trimmed_later(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "journal.sqlite"
    database = Database(database_url)
    journal = Journal(path, CallStore(database))
    journal.start()
    undo = refuse(path, "DELETE")
    call = make_call()
    journal.append(CallSaved(call, "node-1"))
    journal.append(FinalSaved(call.id, make_final(0, "once")))
    wait_until(lambda: journal.counters()["journal_trim_errors"] >= 1)
    assert journal.counters()["journal_pending"] == 2
    undo()
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    journal.stop()
    assert [utterance.text for utterance in CallReader(database).transcript(call.id).utterances] == ["once"]
    database.close()


def test_who_stops_waiting_for_an_entry_does_not_keep_it_from_being_written(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    database = Database(database_url)
    journal = Journal(path, CallStore(database))
    journal.start()
    undo = refuse(path, "INSERT")
    call = make_call()
    first = journal.append(CallSaved(call, "node-1"))
    second = journal.append(FinalSaved(call.id, make_final(0, "written all the same")))
    wait_until(lambda: journal.counters()["journal_write_errors"] >= 1)
    assert not first.cancel()
    undo()
    second.result(timeout=10)
    wait_until(lambda: journal.counters()["journal_pending"] == 0)
    journal.stop()
    assert len(CallReader(database).transcript(call.id).utterances) == 1
    database.close()


def test_what_was_written_before_a_stop_reaches_a_database_that_answers(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    journal = Journal(tmp_path / "journal.sqlite", CallStore(database))
    journal.start()
    call = make_call()
    journal.append(CallSaved(call, "node-1"))
    for number in range(40):
        journal.append(FinalSaved(call.id, make_final(number * 16000, "said")))
    journal.append(CallClosed(call.id, CallEnd(datetime.now(UTC), 8000, "drained"), None, ()))
    journal.stop()
    transcript = CallReader(database).transcript(call.id)
    assert (len(transcript.utterances), transcript.state) == (40, CallState.ENDED)
    database.close()


def test_half_a_character_in_a_label_costs_neither_the_call_nor_the_journal(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    journal = Journal(tmp_path / "journal.sqlite", CallStore(database))
    journal.start()
    call = replace(make_call(), channels=(Channel(0, "half \udce9"),))
    journal.append(CallSaved(call, "node-1")).result(timeout=10)
    journal.stop()
    assert CallReader(database).call(call.id).call.channels == (Channel(0, "half ?"),)
    database.close()
