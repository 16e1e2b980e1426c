"""Notes, comments and pins, and when they go."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from callscribe.domain.call import Call, OutsideIds
from callscribe.domain.errors import CallNotFound, NoteForbidden, NoteNotFound, TextExpired, TooManyNotes
from callscribe.domain.note import Editor, NewNote
from storage import notes as module
from storage.audit import AuditFilter, AuditLog
from storage.calls import CallStore
from storage.database import Database
from storage.erasure import ErasureOrder, ErasureStore
from storage.notes import NoteStore
from storage.retention import KeepTimes, RetentionStore
from tests.storage.samples import ENDED, make_call

pytestmark = pytest.mark.integration

ANN, BOB, ROOT = Editor("ann"), Editor("bob"), Editor("root", of_all=True)


@pytest.fixture
def call(database: Database) -> Call:
    made = make_call()
    made = replace(made, outside_ids=OutsideIds(f"{made.id}@pbx"))
    CallStore(database).save_call(made, "node-1")
    return made


def test_notes_come_in_their_order_and_keep_what_they_are_about(database: Database, call: Call) -> None:
    store, said = NoteStore(database), uuid4()
    first = store.add(call.id, NewNote("calls back\x00 at noon", by="ann"))
    comment = store.add(call.id, NewNote("well done", 61_000, by="bob"))
    pin = store.add(call.id, NewNote(utterance_id=said, by="ann"))
    assert store.of_call(call.id) == (first, comment, pin)
    assert (first.text, first.at_ms, first.utterance_id, first.by) == ("calls back at noon", None, None, "ann")
    assert (comment.at_ms, pin.text, pin.utterance_id) == (61_000, "", said)
    assert store.add(call.id, NewNote(utterance_id=said, by="ann")) == pin
    assert store.add(call.id, NewNote(utterance_id=said, by="bob")) != pin
    assert store.of_call(uuid4()) == ()
    with pytest.raises(CallNotFound):
        store.add(uuid4(), NewNote("nobody's"))


def test_only_authors_and_who_may_do_all_change_and_remove_notes(database: Database, call: Call) -> None:
    store = NoteStore(database)
    note = store.add(call.id, NewNote("first", by="ann"))
    with pytest.raises(NoteForbidden):
        store.change(call.id, note.id, "by another", BOB)
    changed = store.change(call.id, note.id, "second", ANN)
    assert (changed.text, changed.made_at, changed.changed_at > note.changed_at) == ("second", note.made_at, True)
    with pytest.raises(NoteNotFound):
        store.remove(uuid4(), note.id, ROOT)
    with pytest.raises(NoteForbidden):
        store.remove(call.id, note.id, BOB)
    store.remove(call.id, note.id, ROOT)
    assert store.of_call(call.id) == ()
    entries = AuditLog(database).entries(AuditFilter(subject=str(call.id))).entries
    assert [(entry.by, entry.action) for entry in entries] == [("root", "note.removed"), ("ann", "note.changed")]
    assert "second" not in str(entries)


def test_a_call_has_so_many_notes_and_no_more(database: Database, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NOTES", 2)
    store = NoteStore(database)
    for words in ("one", "two"):
        store.add(call.id, NewNote(words))
    with pytest.raises(TooManyNotes):
        store.add(call.id, NewNote("three"))


def test_notes_go_with_the_calls_text_and_with_the_call(database: Database, call: Call, tmp_path: Path) -> None:
    store = NoteStore(database)
    store.add(call.id, NewNote("her card is lost"))
    CallStore(database).end_call(call.id, ENDED, None, ())
    with database.transaction() as session:
        old = {"id": call.id, "age": timedelta(days=2)}
        session.execute(text("UPDATE calls SET ended_at = now() - :age WHERE id = :id"), old)
    assert RetentionStore(database, tmp_path).expire_text(KeepTimes({"main": 1.0}), lambda _: None).calls == 1
    assert store.of_call(call.id) == ()
    with pytest.raises(TextExpired):
        store.add(call.id, NewNote("too late"))


def test_notes_are_erased_with_their_call(database: Database, call: Call, tmp_path: Path) -> None:
    store = NoteStore(database)
    store.add(call.id, NewNote("her card is lost"))
    CallStore(database).end_call(call.id, ENDED, None, ())
    ErasureStore(database, tmp_path).erase_call(call.id, ErasureOrder("ann", "asked for"))
    assert store.of_call(call.id) == ()


@pytest.mark.parametrize(
    "wrong", ["(gen_random_uuid(), :call, NULL, 0, '', '')", "(gen_random_uuid(), :call, NULL, -1, 'x', '')"]
)
def test_the_database_takes_no_note_that_says_nothing_or_lies_before_the_call(
    database_url: str, database: Database, call: Call, wrong: str
) -> None:
    written = f"INSERT INTO notes (id, call_id, utterance_id, at_ms, text, by) VALUES {wrong}"
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(written.replace(":call", f"'{call.id}'").encode())
