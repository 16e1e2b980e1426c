"""Searches over real Postgres: every operator finds what it should, and only that."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from callscribe.domain.access import CallScope
from callscribe.domain.call import Call, Role
from callscribe.domain.errors import QueryError
from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, SearchFilter, Term, Word
from callscribe.domain.transcript import PERSON, Final, Revision, utterance_id
from callscribe.domain.transcript import Word as SaidWord
from storage import search, search_conditions
from storage.calls import CallStore
from storage.corrections import CorrectionStore
from storage.database import Database
from storage.hits import HitCount, SearchOrder, SearchPage
from storage.search import SearchStore
from storage.search_index import SearchIndex
from tests.storage.samples import ANN, BOB, ENDED, STARTED, make_call

ANYTHING = SearchFilter()


def said(text: str, second: int = 0, channel: int = 0) -> Final:
    """A final of a second."""
    return Final(channel, second * 8000, second * 8000 + 8000, text, 0.9, "moonshine-tiny")


def catch_up(database: Database) -> None:
    while SearchIndex(database).catch_up():
        pass


def keep(database: Database, *finals: Final, call: Call | None = None) -> Call:
    """A call with these finals, indexed."""
    call = call or make_call()
    calls = CallStore(database)
    calls.save_call(call, "node-1")
    for final in finals:
        calls.save_final(call.id, final)
    catch_up(database)
    return call


def correct(database: Database, call: Call, final: Final, told: str, seen: int = 0, spoken: str = "") -> None:
    ours = utterance_id(call.id, final.channel, final.start)
    revision = Revision(ours, told, 1.0, "", PERSON, spoken=spoken, by="Ann")
    CorrectionStore(database).write(call.id, revision, seen)
    catch_up(database)


@pytest.fixture
def store(database: Database) -> SearchStore:
    return SearchStore(database)


def texts(store: SearchStore, term: Term | None, conditions: SearchFilter = ANYTHING) -> list[str]:
    return [hit.text for hit in store.search(term, conditions).hits]


def phrase(line: str) -> Phrase:
    return Phrase(tuple(Word(word) for word in line.split()))


SAID = (
    "My Café order came late",
    "the CAFE again, order it",
    "I want to cancel, I don't want a refund",
    "refund the order that I want to cancel",
    "it's 1,250 dollars",
    "我想更改订单的地址",
    "更改了很多订单",
    "back\\slash 'quoted' & | ! <-> :* (done)",
)
FOUND: tuple[tuple[Term, tuple[int, ...]], ...] = (
    (Word("cafe"), (0, 1)),
    (Word("CAFÉ"), (0, 1)),
    (Word("caf", prefix=True), (0, 1)),
    (Word("ca", prefix=True), (0, 1, 2, 3)),
    (Word("c", prefix=True), (0, 1, 2, 3)),
    (Word("xyz", prefix=True), ()),
    (Word("12", prefix=True), (4,)),
    (Word("day", prefix=True), ()),
    (Word("trunk", prefix=True), ()),
    (Word("refnud", fuzzy=True), (2, 3)),
    (Word("rfund", fuzzy=True), (2, 3)),
    (Word("ordr", fuzzy=True), (0, 1, 3)),
    (Word("refnud"), ()),
    (Word("dont"), (2,)),
    (Word("don't"), (2,)),
    (Word("1250"), (4,)),
    (phrase("want to cancel"), (2, 3)),
    (phrase("cancel i"), (2,)),
    (phrase("to want"), ()),
    (Phrase((Word("want"), Word("t", prefix=True))), (2, 3)),
    (Near(Word("refund"), Word("want"), 2), (2,)),
    (Near(Word("want"), Word("refund"), 2), (2,)),
    (Near(Word("refund"), Word("want"), 5), (2, 3)),
    (Near(Word("refund"), phrase("want to"), 5), (3,)),
    (Near(phrase("to cancel"), Word("refund"), 6), (2, 3)),
    (AllOf((Word("order"), Not(Word("cafe")))), (3,)),
    (AllOf((Word("order"), Not(phrase("cafe again")))), (0, 3)),
    (AnyOf((Word("late"), Word("again"))), (0, 1)),
    (Not(AnyOf((Word("order"), Word("的"), Word("it"), Word("了")))), (2, 4, 7)),
    (AllOf((AnyOf((Word("late"), Word("again"))), Word("my"))), (0,)),
    (Word("订单"), (5, 6)),
    (Word("更改订单"), (5,)),
    (Near(Word("更改"), Word("订单"), 4), (5, 6)),
    (Word("slash"), (7,)),
    (Word("back\\slash"), (7,)),
    (Word("'quoted'"), (7,)),
    (Word("..."), ()),
)


@pytest.fixture
def said_all(database: Database) -> Database:
    keep(database, *(said(line, second) for second, line in enumerate(SAID)))
    return database


def test_every_operator_finds_just_what_it_should(said_all: Database, store: SearchStore, recent: int) -> None:
    for term, places in FOUND:
        assert texts(store, term) == [SAID[place] for place in reversed(places)], term


def test_a_prefix_of_very_many_words_is_exact_too(
    said_all: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch, recent: int
) -> None:
    monkeypatch.setattr("storage.spelling.MAX_BEGUN", 1)
    keep(said_all, said("a cat"), call=make_call(started=STARTED - timedelta(days=40)))
    assert texts(store, Word("ca", prefix=True)) == [SAID[3], SAID[2], SAID[1], SAID[0], "a cat"]


SPELLED: tuple[tuple[str, str], ...] = (
    ("cot", "cat"),
    ("ct", "cat"),
    ("caat", "cat"),
    ("act", "cat"),
    ("заказт", "заказ"),
    ("возрат", "возврат"),
    ("вовзрта", "возврат"),
    ("επιστροφυ", "επιστροφη"),
    ("кот", "кит"),
)


@pytest.mark.parametrize(("typed", "word"), SPELLED)
def test_words_are_found_however_short_and_in_any_script(
    database: Database, store: SearchStore, typed: str, word: str
) -> None:
    keep(database, said(f"{word} said"), said("the dog ran", 1))
    assert texts(store, Word(typed, fuzzy=True)) == [f"{word} said"]


def test_what_was_said_in_figures_is_found_by_its_words_too(database: Database, store: SearchStore) -> None:
    final = Final(0, 0, 8000, "pay 200 now", 0.9, "whisper", spoken="pay two hundred now please")
    keep(database, final)
    for term in (Word("200"), phrase("pay 200 now"), phrase("two hundred"), phrase("hundred now please")):
        assert texts(store, term) == ["pay 200 now"]
    assert texts(store, phrase("now pay")) == []
    assert texts(store, Near(Word("200"), Word("hundred"), 50)) == []


def test_a_hit_tells_where_to_look_and_from_where_to_play(database: Database, store: SearchStore) -> None:
    words = (SaidWord("the", 8000, 9000, 0.9), SaidWord("black", 9000, 10000, 0.9), SaidWord("cat", 12000, 15000, 0.9))
    final = Final(1, 8000, 16000, "The black cat", 0.9, "moonshine-tiny", language="en", words=words)
    call = keep(database, final)
    (hit,) = store.search(AnyOf((Word("cat"), Word("dog"))), ANYTHING).hits
    assert (hit.call_id, hit.utterance_id) == (call.id, utterance_id(call.id, 1, 8000))
    assert (hit.channel, hit.role, hit.party, hit.trunk) == (1, Role.AGENT, ANN, "main")
    assert (hit.start_ms, hit.length_ms, hit.word_ms) == (1000, 1000, 1500)
    assert (hit.at, hit.call_started_at) == (STARTED + timedelta(seconds=1), STARTED)
    assert [hit.text[start:end] for start, end in hit.highlights] == ["cat"]
    assert (hit.number, hit.newest, hit.language) == (0, True, "en")


def test_the_newest_text_wins_and_older_ones_are_found_when_asked_for(
    database: Database, store: SearchStore, recent: int
) -> None:
    final = said("the acne order")
    call = keep(database, final)
    correct(database, call, final, "the Acme order")
    assert texts(store, Word("acne")) == []
    assert texts(store, Word("acme")) == ["the Acme order"]
    (old,) = store.search(Word("acne"), SearchFilter(older=True)).hits
    assert (old.text, old.number, old.newest) == ("the acne order", 0, False)
    (new,) = store.search(Word("order"), SearchFilter(older=True)).hits
    assert (new.text, new.number, new.newest) == ("the Acme order", 1, True)


def test_a_text_that_is_changed_in_place_is_found_as_it_is_now(database: Database, store: SearchStore) -> None:
    call = keep(database, said("card 4111"))
    with database.transaction() as session:
        session.execute(text("UPDATE utterances SET text = 'card masked' WHERE call_id = :id"), {"id": call.id})
    catch_up(database)
    assert texts(store, Word("4111"), SearchFilter(older=True)) == []
    assert texts(store, Word("masked")) == ["card masked"]


def test_a_revision_that_is_taken_away_leaves_the_text_before_it(database: Database, store: SearchStore) -> None:
    final = said("first text")
    call = keep(database, final)
    correct(database, call, final, "second text")
    with database.transaction() as session:
        session.execute(text("DELETE FROM revisions"))
    catch_up(database)
    assert texts(store, Word("text"), SearchFilter(older=True)) == ["first text"]


def test_what_an_erased_call_said_is_gone_at_once(database: Database, store: SearchStore) -> None:
    call = keep(database, said("secret word"))
    other = keep(database, said("a word", 5))
    with database.transaction() as session:
        session.execute(text("DELETE FROM calls WHERE id = :id"), {"id": call.id})
    assert [hit.call_id for hit in store.search(Word("word"), ANYTHING).hits] == [other.id]
    catch_up(database)
    assert SearchIndex(database).forget_words() == 1
    assert texts(store, Word("secrte", fuzzy=True)) == []


def test_conditions_leave_what_meets_all_of_them(database: Database, store: SearchStore, recent: int) -> None:
    week = timedelta(days=7)
    first = keep(database, said("hello from Bob", 1, 0), said("hello from Ann", 3, 1))
    later = make_call(started=STARTED + week, trunk="sales", sip_call_id="other@pbx")
    sad = Final(0, 0, 8000, "hello sadly", 0.9, "sense", language="zh-CN", emotion="sad", audio_events=("music",))
    keep(database, sad, call=later)
    cases: tuple[tuple[SearchFilter, list[str]], ...] = (
        (SearchFilter(), ["hello sadly", "hello from Ann", "hello from Bob"]),
        (SearchFilter(roles=(Role.AGENT,)), ["hello from Ann"]),
        (SearchFilter(roles=(Role.AGENT, Role.CUSTOMER), trunks=("main",)), ["hello from Ann", "hello from Bob"]),
        (SearchFilter(trunks=("sales", "none")), ["hello sadly"]),
        (SearchFilter(party="aNN bAk"), ["hello from Ann"]),
        (SearchFilter(party=BOB.address[5:10], trunks=("main",)), ["hello from Bob"]),
        (SearchFilter(party="A%r"), []),
        (SearchFilter(since=STARTED + timedelta(seconds=3)), ["hello sadly", "hello from Ann"]),
        (SearchFilter(until=STARTED + timedelta(seconds=3)), ["hello from Bob"]),
        (SearchFilter(since=STARTED + week * 9), []),
        (SearchFilter(outside_id="other@pbx"), ["hello sadly"]),
        (SearchFilter(languages=("zh",)), ["hello sadly"]),
        (SearchFilter(emotions=("sad", "happy")), ["hello sadly"]),
        (SearchFilter(audio_events=("music",)), ["hello sadly"]),
        (SearchFilter(audio_events=("laughter",)), []),
        (SearchFilter(roles=(Role.AGENT,), trunks=("sales",)), []),
    )
    for conditions, found in cases:
        assert texts(store, Word("hello"), conditions) == found, conditions
        assert texts(store, None, conditions) == found, conditions
        assert store.count(Word("hello"), conditions) == HitCount(len(found), more=False)
    assert first.id != later.id


@pytest.mark.parametrize("few", [0, 500])
def test_calls_are_found_by_length_measures_and_failed_rules(
    database: Database, store: SearchStore, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search_conditions, "FEW_CALLS", few)
    call = keep(database, said("hello there"))
    keep(database, said("hello without measures", 9))
    CallStore(database).end_call(call.id, ENDED, None)
    with database.transaction() as session:
        for statement in MEASURED:
            session.execute(text(statement), {"call": call.id})
    met = (
        SearchFilter(score_from=70, score_below=70.5),
        SearchFilter(longer_than_s=119.5, shorter_than_s=120.5),
        SearchFilter(silence_over_s=4.5),
        SearchFilter(overtalk_over_s=1.5),
        SearchFilter(rules=("consent", "greeting")),
        SearchFilter(rules=("discount",)),
    )
    missed = (
        SearchFilter(score_below=70),
        SearchFilter(longer_than_s=120.5),
        SearchFilter(silence_over_s=4.6),
        SearchFilter(overtalk_over_s=1.6),
        SearchFilter(rules=("consent", "refund")),
    )
    assert [texts(store, Word("hello"), conditions) for conditions in met] == [["hello there"]] * len(met)
    assert [texts(store, Word("hello"), conditions) for conditions in missed] == [[]] * len(missed)


MEASURED = (
    "INSERT INTO call_measures (call_id, longest_silence_start_ms, longest_silence_ms, overtalk_ms, agent_speech_ms,"
    " customer_speech_ms, interruptions, channels, score) VALUES (:call, 0, 4500, 1500, 1, 1, 0, '[]', 70)",
    "INSERT INTO scorecards (name, version, definition, by) VALUES ('quality', 1, '{}', 'Ann')",
    "INSERT INTO call_scores (call_id, scorecard, version, score) VALUES (:call, 'quality', 1, 70)",
    "INSERT INTO rule_results (call_id, scorecard, number, rule, weight, critical, passed, reason, quote) VALUES"
    " (:call, 'quality', 0, 'greeting', 1, false, false, '', ''),"
    " (:call, 'quality', 1, 'consent', 1, false, true, '', '')",
    "INSERT INTO assist_rules (name, version, by) VALUES ('discount', 1, 'Ann'), ('refund', 1, 'Ann')",
    "INSERT INTO assist_cards (id, call_id, rule, version, title, text, link, severity, start, heard) VALUES"
    " (:call, :call, 'discount', 1, 'Offer it', '', '', 'info', 0, 8000)",
)


TURNS = "INSERT INTO speaker_turns VALUES (:id, 1, 2, 0, 4000, false), (:id, 2, 1, 4000, 8000, false)"


def test_a_hit_names_who_of_several_people_said_the_word(database: Database, store: SearchStore) -> None:
    words = (SaidWord("yes", 1000, 2000, 0.9), SaidWord("indeed", 3800, 5000, 0.9))
    timed = Final(0, 0, 8000, "yes indeed", 0.9, "moonshine-tiny", words=words)
    call = keep(database, timed, said("no", 2))
    with database.transaction() as session:
        session.execute(text(TURNS), {"id": utterance_id(call.id, 0, 0)})
    speakers = {word: [hit.speaker for hit in store.search(Word(word), ANYTHING).hits] for word in ("yes", "indeed")}
    assert speakers == {"yes": [2], "indeed": [1]}
    assert [hit.speaker for hit in store.search(None, ANYTHING).hits] == [None, None]


def test_a_search_in_part_of_the_calls_counts_no_other(database: Database) -> None:
    keep(database, said("hello"))
    own = SearchStore(database, CallScope.of((), ("sales",)))
    assert own.first_page(Word("hello"), ANYTHING) == SearchPage((), None, HitCount(0, more=False))


def test_an_empty_database_finds_nothing(store: SearchStore) -> None:
    assert store.search(Word("hello"), ANYTHING).hits == ()
    assert store.search(None, ANYTHING, SearchOrder.RANK).hits == ()
    assert store.count(None, ANYTHING) == HitCount(0, more=False)


def test_what_a_wrong_clock_dated_is_found_with_the_rest(database: Database, store: SearchStore, recent: int) -> None:
    keep(database, said("hello now"), call=make_call(started=datetime.now(UTC)))
    keep(database, said("hello early"))
    keep(database, said("hello future"), call=make_call(started=datetime(2199, 12, 31, tzinfo=UTC)))
    assert texts(store, Word("hello")) == ["hello future", "hello now", "hello early"]
    assert texts(store, Word("h", prefix=True)) == ["hello future", "hello now", "hello early"]


def test_near_of_too_many_words_is_refused_with_the_cure(store: SearchStore) -> None:
    near = Near(Word("a"), Word("b"), 100)
    assert store.search(AllOf((near,) * 12), ANYTHING).hits == ()
    with pytest.raises(QueryError, match=r"NEAR .* write a smaller distance"):
        store.search(AllOf((near,) * 13), ANYTHING)


SLOW = "SELECT pg_sleep(60)"
TOO_LONG = "SELECT CAST(repeat('a', 3000) AS tsvector)"


@pytest.mark.parametrize(("statement", "reason"), [(SLOW, "took longer than"), (TOO_LONG, "more than the database")])
def test_a_search_that_asks_too_much_is_told_to_be_narrower(
    store: SearchStore, monkeypatch: pytest.MonkeyPatch, statement: str, reason: str
) -> None:
    if statement == SLOW:
        monkeypatch.setitem(search._SETTINGS, "statement_timeout", "200ms")
    monkeypatch.setattr(search, "read_hits", lambda session, *_: session.execute(text(statement)))
    with pytest.raises(QueryError, match=rf"{reason}.*; narrow the search"):
        store.search(None, ANYTHING)
