"""The index finds what reading every text would find, whatever the term."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, SearchFilter, Term, Word
from callscribe.domain.transcript import Final
from callscribe.text.tokens import tokens
from storage.calls import CallStore
from storage.database import Database
from storage.search import SearchStore
from storage.search_index import SearchIndex
from tests.storage.samples import STARTED, make_call

VOCABULARY = ("a", "ab", "abc", "b", "ba", "Café", "don't", "12", "1,250", "订", "单", "l'hôtel")
WORDS = st.builds(Word, st.sampled_from((*VOCABULARY, "zz", "订单")), st.booleans())
PHRASES = st.builds(Phrase, st.lists(WORDS, min_size=1, max_size=3).map(tuple))
NEARS = st.builds(Near, WORDS | PHRASES, WORDS | PHRASES, st.integers(1, 4))
TERMS: st.SearchStrategy[Term] = st.recursive(
    WORDS | PHRASES | NEARS,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=5,
)


def holds(term: Term, text: list[str]) -> bool:
    """By the words of the query language's description, without looking at positions more than needed."""
    match term:
        case Word() | Phrase():
            return bool(places(term, text))
        case Near(first, second, distance):
            ones, others = places(first, text), places(second, text)
            return any(0 < begin - end <= distance for _, end in ones for begin, _ in others) or any(
                0 < begin - end <= distance for _, end in others for begin, _ in ones
            )
        case Not(excluded):
            return not holds(excluded, text)
        case AllOf(terms):
            return all(holds(part, text) for part in terms)
        case AnyOf(terms):
            return any(holds(part, text) for part in terms)


def places(part: Word | Phrase, text: list[str]) -> list[tuple[int, int]]:
    """First and last index of where it stands."""
    words = part.words if isinstance(part, Phrase) else (part,)
    wanted = []
    for word in words:
        cut = tokens(word.text)
        wanted += [(token.text, word.prefix and number == len(cut)) for number, token in enumerate(cut, 1)]
    return [
        (at, at + len(wanted) - 1)
        for at in range(len(text) - len(wanted) + 1)
        if all(
            said.startswith(token) if is_open else said == token
            for said, (token, is_open) in zip(text[at:], wanted, strict=False)
        )
    ]


def test_the_index_finds_what_reading_finds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(7)
    calls, store = CallStore(database), SearchStore(database)
    kept: list[str] = []
    for number in range(6):
        call = make_call(started=STARTED + timedelta(days=number**3))
        calls.save_call(call, "node-1")
        for place in range(25):
            kept.append(" ".join(dice.choices(VOCABULARY, k=dice.randint(1, 7))))
            calls.save_final(call.id, Final(0, place * 8000, place * 8000 + 8000, kept[-1], 0.9, "made"))
    while SearchIndex(database).catch_up():
        pass
    cut = {text: [token.text for token in tokens(text)] for text in kept}

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(TERMS, st.sampled_from((0, 30, 1000)))
    def check(term: Term, recent: int) -> None:
        monkeypatch.setattr("storage.stretches.RECENT", recent)
        monkeypatch.setattr("storage.search.RECENT", recent)
        found = [hit.text for hit in store.search(term, SearchFilter(), limit=500).hits]
        assert found == [text for text in reversed(kept) if holds(term, cut[text])]

    check()
