"""The audit log: added to with what it tells, and never changed."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from callscribe.domain.errors import StorageError
from storage.audit import AuditFilter, AuditLog, write_audit
from storage.database import Database

pytestmark = pytest.mark.integration


def note(database: Database, action: str, subject: str, by: str = "ann") -> None:
    with database.transaction() as session:
        write_audit(session, action=action, subject=subject, by=by, detail={"reason": "asked\x00 for", "calls": 2})


def erase_what_is_not_there(database: Database) -> None:
    with database.transaction() as session:
        write_audit(session, action="call.erased", subject="call-1", by="ann")
        session.execute(text("DELETE FROM nothing_of_this_name"))


def test_an_entry_tells_who_did_what_and_why(database: Database) -> None:
    note(database, "call.erased", "call-1", by="  Ann Baker ")
    [entry] = AuditLog(database).entries().entries
    assert (entry.by, entry.action, entry.subject) == ("Ann Baker", "call.erased", "call-1")
    assert dict(entry.detail) == {"reason": "asked for", "calls": 2}
    assert entry.at.utcoffset() == timedelta(0)


def test_what_is_rolled_back_leaves_no_entry(database: Database) -> None:
    with pytest.raises(StorageError):
        erase_what_is_not_there(database)
    assert AuditLog(database).entries().entries == ()


@pytest.mark.parametrize("statement", ["UPDATE audit SET by = 'bob'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_database_itself_refuses_to_change_entries(database: Database, statement: str) -> None:
    note(database, "call.erased", "call-1")
    with pytest.raises(StorageError), database.transaction() as session:
        session.execute(text(statement))
    assert [entry.by for entry in AuditLog(database).entries().entries] == ["ann"]


def test_pages_go_from_the_newest_to_the_oldest_each_entry_once(database: Database) -> None:
    for number in range(5):
        note(database, "call.held", f"call-{number}")
    log = AuditLog(database)
    first = log.entries(limit=3)
    note(database, "call.held", "call-5")
    rest = log.entries(limit=3, cursor=first.cursor)
    assert [entry.subject for entry in (*first.entries, *rest.entries)] == [f"call-{n}" for n in (4, 3, 2, 1, 0)]
    assert rest.cursor is None


def test_conditions_must_all_hold(database: Database) -> None:
    note(database, "call.held", "call-1", by="ann")
    note(database, "call.held", "call-2", by="bob")
    note(database, "call.released", "call-2", by="bob")
    log = AuditLog(database)
    [newest, held, _] = log.entries().entries
    assert log.entries(AuditFilter(action="call.held", by="bob")).entries == (held,)
    assert log.entries(AuditFilter(subject="call-2")).entries == (newest, held)
    assert log.entries(AuditFilter(since=newest.at)).entries == (newest,)
    assert newest not in log.entries(AuditFilter(until=newest.at)).entries


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 30, "٣"])
def test_a_cursor_that_no_page_gave_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(ValueError, match="was not given by a page"):
        AuditLog(database).entries(cursor=cursor)


@pytest.mark.parametrize(("action", "by"), [("", "ann"), ("call.held", "  ")])
def test_an_entry_without_an_action_or_an_actor_is_refused(database: Database, action: str, by: str) -> None:
    with pytest.raises(ValueError, match="needs who did it"), database.transaction() as session:
        write_audit(session, action=action, subject="call-1", by=by)
