"""The query language of a search."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.domain.call import Role
from callscribe.domain.errors import QueryError
from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, SearchFilter, Term, Word
from callscribe.text.query import Query, parse_query, render_query, spelled_alike
from callscribe.text.tokens import tokens

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
REFUND, CARD, BANK = Word("refund"), Word("card"), Word("bank")


def term_of(text: str) -> Term | None:
    return parse_query(text, NOW).term


def conditions_of(text: str) -> SearchFilter:
    return parse_query(text, NOW).conditions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("refund", REFUND),
        ("  Refund, ", Word("Refund")),
        ("refund card", AllOf((REFUND, CARD))),
        ("refund AND card", AllOf((REFUND, CARD))),
        ("refund & card", AllOf((REFUND, CARD))),
        ('"credit card" refund', AllOf((Phrase((Word("credit"), CARD)), REFUND))),
        ("“credit card*”", Phrase((Word("credit"), Word("card", prefix=True)))),
        ('"refund"', REFUND),
        ('"OR" or', AllOf((Word("OR"), Word("or")))),
        ("refund -card", AllOf((REFUND, Not(CARD)))),
        ("refund NOT card", AllOf((REFUND, Not(CARD)))),
        ("refund --card", AllOf((REFUND, Not(CARD)))),
        ("refund - card", AllOf((REFUND, CARD))),
        ('refund -"credit card"', AllOf((REFUND, Not(Phrase((Word("credit"), CARD)))))),
        ("refund OR card bank", AnyOf((REFUND, AllOf((CARD, BANK))))),
        ("(refund OR card) bank", AllOf((AnyOf((REFUND, CARD)), BANK))),
        ("(refund OR (card OR bank))", AnyOf((REFUND, CARD, BANK))),
        ("bank -(refund card)", AllOf((BANK, Not(AllOf((REFUND, CARD)))))),
        ("refund*", Word("refund", prefix=True)),
        ("refnd~", Word("refnd", fuzzy=True)),
        ("refund NEAR/5 card", Near(REFUND, CARD, 5)),
        ("bank refund NEAR card -x", AllOf((BANK, Near(REFUND, CARD, 8), Not(Word("x"))))),
        ('"credit card" NEAR/2 ref*', Near(Phrase((Word("credit"), CARD)), Word("ref", prefix=True), 2)),
        ("e-mail don't 3.5", AllOf((Word("e-mail"), Word("don't"), Word("3.5")))),
        ("at 12:30", AllOf((Word("at"), Word("12:30")))),
        ("（退款 OR 退货）", AnyOf((Word("退款"), Word("退货")))),
        ("role:agent", None),
    ],
)
def test_a_query_is_read(text: str, expected: Term | None) -> None:
    assert term_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("role:agent", SearchFilter(roles=(Role.AGENT,))),
        ("role:agent,Customer role:agent", SearchFilter(roles=(Role.AGENT, Role.CUSTOMER))),
        ('x party:"Anna Weber" y', SearchFilter(party="Anna Weber")),
        ("trunk:pbx trunk:sbc", SearchFilter(trunks=("pbx", "sbc"))),
        ("id:FDF2-00@pbx", SearchFilter(outside_id="FDF2-00@pbx")),
        ("lang:EN,zh", SearchFilter(languages=("en", "zh"))),
        ("emotion:angry event:laughter", SearchFilter(emotions=("angry",), audio_events=("laughter",))),
        ("since:2026-11-20", SearchFilter(since=datetime(2026, 11, 20, tzinfo=UTC))),
        ("until:2026-11-20", SearchFilter(until=datetime(2026, 11, 21, tzinfo=UTC))),
        ("since:2026-11-20T09:15+02:00", SearchFilter(since=datetime(2026, 11, 20, 7, 15, tzinfo=UTC))),
        ("since:7d", SearchFilter(since=NOW - timedelta(days=7))),
        ("until:20261120", SearchFilter(until=datetime(2026, 11, 21, tzinfo=UTC))),
        ("since:20261120", SearchFilter(since=datetime(2026, 11, 20, tzinfo=UTC))),
        ("since:1h30m", SearchFilter(since=NOW - timedelta(minutes=90))),
        ("since:today", SearchFilter(since=datetime(2026, 11, 22, tzinfo=UTC))),
        ("until:yesterday", SearchFilter(until=datetime(2026, 11, 22, tzinfo=UTC))),
        ("longer:3m shorter:<1h", SearchFilter(longer_than_s=180, shorter_than_s=3600)),
        ("silence:>10s overtalk:2.5", SearchFilter(silence_over_s=10, overtalk_over_s=2.5)),
        ("score:<80 score:>=50", SearchFilter(score_from=50, score_below=80)),
        ('rule:"greeting missing"', SearchFilter(rules=("greeting missing",))),
        ("in:any", SearchFilter(older=True)),
        ("in:newest", SearchFilter()),
    ],
)
def test_conditions_are_read_wherever_they_stand(text: str, expected: SearchFilter) -> None:
    assert conditions_of(f"refund {text} OR card") == expected
    assert conditions_of(f"{text} refund") == expected


def test_a_query_of_conditions_alone_is_one() -> None:
    assert parse_query("emotion:angry since:1d", NOW) == Query(
        None, SearchFilter(emotions=("angry",), since=NOW - timedelta(days=1))
    )


def test_fields_may_be_given_beside_the_query() -> None:
    found = parse_query("refund role:agent", NOW, {"role": ["customer"], "party": ["Anna Weber"]})
    assert found == Query(REFUND, SearchFilter(roles=(Role.CUSTOMER, Role.AGENT), party="Anna Weber"))


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", 0, "at the end: a word is missing here; write what to look for"),
        ("?!", 2, "at the end: a word is missing here; write what to look for"),
        ("refund OR", 9, "at the end: a word is missing here; write what to look for"),
        ("OR refund", 0, "at character 1, OR: a word is missing here; write what to look for"),
        ("refund AND", 10, "at the end: a word is missing here; write what to look for"),
        ("a ()", 3, "at character 4, ): a word is missing here; write what to look for"),
        ('a "credit card', 2, 'at character 3, ": the phrase is not closed; put a " at its end'),
        ('""', 0, 'at character 1, "": there is no word between the quotes; write one, or leave them out'),
        ("a (b OR c", 2, "at character 3, (: the parenthesis is not closed; put a ) where it ends"),
        ("a b)", 3, "at character 4, ): there is no ( that it closes; leave it out"),
        ("-refund", 0, "at character 1, -: say what is to be found, too, not only what is not"),
        ("a OR -b", 5, "at character 6, -: say what is to be found, too, not only what is not"),
        ("re*und", 0, "at character 1, re*und: * stands at the end of a word only"),
        ("a *", 2, "at character 3, *: * stands right behind a word"),
        ("a NEAR", 6, "at the end: NEAR joins two words or phrases; write the second"),
        ("a NEAR/0 b", 2, "at character 3, NEAR/0: NEAR/ takes a number of words from 1 to 100"),
        ("a NEAR/five b", 2, "at character 3, NEAR/five: NEAR/ takes a number of words from 1 to 100"),
        ("a NEAR b NEAR c", 9, "at character 10, NEAR: NEAR joins two; write a NEAR b, b NEAR c as two parts"),
        ("(a b) NEAR c", 6, "at character 7, NEAR: NEAR joins words and phrases, not parentheses"),
        ("a role:boss", 2, "at character 3: role: takes agent, customer, mixed, unknown"),
        ("a role: agent", 2, "at character 3, role:: needs a value right behind the colon"),
        ("rolle:agent", 0, "at character 1: there is no condition rolle:; write role:, "),
        ("since:soon", 0, "at character 1: since: takes a time, such as 2026-11-22, "),
        ("since:1h30", 0, "at character 1: since: takes a time, such as 2026-11-22, "),
        ("longer:1h30", 0, "at character 1: longer: takes a length of time, such as 10s, 3m or 1h30m"),
        ("refund NOT -card", 11, "at character 12, -: a word is missing here; write what to look for"),
        ("in:any role:agent", None, "in:any looks for words in texts that were replaced; write words, or leave it out"),
        ("silence:long", 0, "at character 1: silence: takes a length of time, such as 10s, 3m or 1h30m"),
        ("score:80", 0, "at character 1: score: takes < or > and 0 to 100, such as score:<80"),
        ("since:1d since:2d", 9, "at character 10: since: is given twice; leave one out"),
        (
            "a -role:agent",
            3,
            "at character 4, role:agent: a condition cannot be turned round; only words can be left out",
        ),
        ("a (b role:agent)", 5, "at character 6, role:agent: a condition holds for the whole search; move it out"),
        ("(" * 11 + "a" + ")" * 11, 10, "at character 11, (: parentheses go 10 deep at most"),
        ("a " * 51, None, "a query has at most 50 words, this one 51"),
        ("a" * 2001, None, "the words of a query have at most 2,000 characters, these 2,001"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_cure(text: str, place: int | None, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text, NOW)
    assert str(caught.value).startswith(message)
    assert caught.value.place == place


def test_a_mistake_beside_the_query_names_the_field() -> None:
    with pytest.raises(QueryError) as caught:
        parse_query("refund", NOW, {"role": ["boss"]})
    assert str(caught.value) == "role: takes agent, customer, mixed, unknown"
    assert caught.value.place is None


def test_words_are_looked_for_as_they_might_be_spelled() -> None:
    query = parse_query('refnd -"crdit card" OR (card id vis* 2000) role:agent', NOW)
    alike = spelled_alike(query)
    assert alike is not None
    assert render_query(alike) == 'refnd~ -"crdit card" OR card~ id vis* 2000 role:agent'
    assert spelled_alike(alike) is None
    assert spelled_alike(parse_query("a vis*", NOW)) is None


@given(st.text() | st.text(alphabet="ab \"()-*~:/ORNEAD退,;'0") | st.text(alphabet='role:agentsinc47d<>()" '))
def test_any_text_is_a_query_or_a_mistake_and_what_is_read_can_be_written(text: str) -> None:
    try:
        query = parse_query(text, NOW)
    except QueryError:
        return
    assert parse_query(render_query(query), NOW) == query


def _typed(text: str) -> bool:
    found = tokens(text)
    return bool(found) and (found[0].start, found[-1].end) == (0, len(text)) and not set(text) & set(' \t"“”„*~')


def _several(parts: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    """AllOf and AnyOf as the parser makes them: of two and more, none in its own kind, something to be found."""
    alternatives = st.lists(parts.filter(lambda term: not isinstance(term, AnyOf | Not)), min_size=2, max_size=3)
    wanted = parts.filter(lambda term: not isinstance(term, AllOf | Not))
    excluded = parts.filter(lambda term: not isinstance(term, Not)).map(Not)
    together = st.tuples(wanted, st.lists(wanted | excluded, min_size=1, max_size=2))
    return alternatives.map(lambda terms: AnyOf(tuple(terms))) | together.map(lambda pair: AllOf((pair[0], *pair[1])))


SPELLINGS = st.sampled_from(["refund", "OR", "NEAR", "note:this", "e-mail", "3.5", "退款", "don't", "x"]) | st.text(
    min_size=1, max_size=5
).filter(_typed).filter(lambda text: text.split() == [text])
WORDS = st.builds(Word, SPELLINGS, prefix=st.booleans())
FUZZY = st.builds(Word, st.sampled_from(["refnd", "NEAR", "crd"]), fuzzy=st.just(True))
PHRASES = st.lists(WORDS, min_size=2, max_size=3).map(lambda words: Phrase(tuple(words)))
NEARS = st.builds(Near, WORDS | PHRASES, FUZZY | PHRASES, st.integers(1, 100))
TERMS: st.SearchStrategy[Term] = st.recursive(WORDS | FUZZY | PHRASES | NEARS, _several, max_leaves=6)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
SECONDS = st.none() | st.integers(0, 10**7).map(lambda thousandths: thousandths / 1000)
NAMES = st.lists(st.sampled_from(["a", "greeting missing", "x(y)", "退款", "a,b"]), max_size=2, unique=True).map(tuple)
CONDITIONS = st.builds(
    SearchFilter,
    roles=st.lists(st.sampled_from(Role), unique=True).map(tuple),
    party=st.sampled_from(["", "Anna Weber", "sip:1001@pbx"]),
    since=st.none() | TIMES,
    until=st.none() | TIMES,
    trunks=NAMES,
    outside_id=st.sampled_from(["", "a;b=c@pbx"]),
    languages=st.sampled_from([(), ("en",), ("en", "zh")]),
    emotions=st.sampled_from([(), ("angry", "sad")]),
    longer_than_s=SECONDS,
    shorter_than_s=SECONDS,
    silence_over_s=SECONDS,
    overtalk_over_s=SECONDS,
    score_from=st.none() | st.integers(0, 100).map(float),
    score_below=st.none() | st.integers(0, 100).map(float),
    rules=NAMES,
    older=st.booleans(),
)


@given(TERMS, CONDITIONS)
def test_every_query_can_be_written_and_read_again(term: Term, conditions: SearchFilter) -> None:
    query = Query(term, conditions)
    assert parse_query(render_query(query), NOW) == query


def test_what_is_written_longer_than_it_was_typed_can_be_read() -> None:
    trunks = [f"{number:0>512}" for number in range(20)]
    query = parse_query("refund", NOW, {"trunk": trunks})
    assert parse_query(render_query(query), NOW) == query


def test_a_time_is_counted_back_from_now_in_any_zone() -> None:
    evening = datetime(2026, 11, 22, 20, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert parse_query("since:today", evening).conditions.since == datetime(2026, 11, 23, tzinfo=UTC)
