"""The index misses nothing, whoever writes, and is made twice without harm."""

from uuid import uuid4

from sqlalchemy import text

from callscribe.domain.search import Near, SearchFilter, Word
from callscribe.domain.transcript import Final
from storage.calls import CallStore
from storage.database import Database
from storage.lexemes import forms, term_query, text_vector
from storage.search import SearchStore
from storage.search_index import SearchIndex
from storage.spelling import distance
from tests.storage.samples import make_call, make_final


def rows(database: Database) -> list[tuple[object, ...]]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(text("SELECT *, xmin::text FROM search_texts ORDER BY 1, 2"))]


def test_batches_are_worked_off_the_last_queued_first(database: Database) -> None:
    calls, index, call = CallStore(database), SearchIndex(database), make_call()
    calls.save_call(call, "node-1")
    for place in range(5):
        calls.save_final(call.id, make_final(0, place * 8000, f"hello {place}"))
    assert index.waiting() == 5
    assert index.catch_up(2) == 2
    assert [hit.text for hit in SearchStore(database).search(Word("hello"), SearchFilter()).hits] == [
        "hello 4",
        "hello 3",
    ]
    assert (index.catch_up(2), index.catch_up(2), index.catch_up(2), index.waiting()) == (2, 1, 0, 0)


def test_what_is_indexed_again_stays_as_it_is(database: Database) -> None:
    calls, index, call = CallStore(database), SearchIndex(database), make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "hello"))
    index.catch_up()
    before = rows(database)
    with database.transaction() as session:
        session.execute(
            text("INSERT INTO search_queue (utterance_id) SELECT id FROM utterances, generate_series(1, 3)")
        )
    assert index.catch_up() == 3
    assert rows(database) == before


def test_an_utterance_that_is_gone_leaves_the_queue(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("INSERT INTO search_queue (utterance_id) VALUES (:id)"), {"id": uuid4()})
    index = SearchIndex(database)
    assert (index.catch_up(), index.waiting()) == (1, 0)


def test_an_utterance_that_is_being_erased_waits(database: Database) -> None:
    calls, index, call = CallStore(database), SearchIndex(database), make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "hello"))
    with database.transaction() as session:
        session.execute(text("DELETE FROM utterances"))
        session.flush()
        assert (index.catch_up(), index.waiting()) == (0, 1)
    assert (index.catch_up(), rows(database)) == (1, [])


def test_one_process_indexes_at_a_time(database: Database) -> None:
    calls, index, call = CallStore(database), SearchIndex(database), make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "hello"))
    with database.transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": 0x46494E44})
        assert index.catch_up() == 0
    assert index.catch_up() == 1


def test_a_very_long_text_is_indexed(database: Database) -> None:
    calls, call = CallStore(database), make_call()
    calls.save_call(call, "node-1")
    long = " ".join(["word"] * 9000 + ["x" * 5000, "end"])
    calls.save_final(call.id, Final(0, 0, 8000, f"begin {long}", 0.9, "made"))
    assert SearchIndex(database).catch_up() == 1
    store = SearchStore(database)
    assert len(store.search(Word("begin"), SearchFilter()).hits) == 1


def test_a_vector_keeps_a_text_and_its_spoken_form_apart() -> None:
    assert text_vector(forms("It's 5", "its five"), ["=trunk=o'neil\\"]) == (
        "'its':1,1003 '5':2 'five':1004 '=trunk=o''neil\\\\'"
    )


def test_near_asks_for_both_before_it_compares_their_places() -> None:
    assert term_query(Near(Word("a"), Word("b"), 1), {}) == (
        "(('a')) & (('b')) & (((('a')) <1> (('b'))) | ((('b')) <1> (('a'))))"
    )


def test_how_far_two_spellings_are_apart() -> None:
    pairs = {("refund", "refund"): 0, ("refund", "rfund"): 1, ("refund", "refnud"): 1, ("refund", "rfnud"): 2}
    assert {pair: distance(*pair, 2) for pair in pairs} == pairs
    assert distance("refund", "payment", 2) == 3
