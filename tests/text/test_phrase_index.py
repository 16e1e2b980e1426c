"""Many phrases over words that keep coming: what is found, and how little is looked at for it."""

import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from callscribe.domain.transcript import Final
from callscribe.domain.utterance import Utterance
from callscribe.text import phrases
from callscribe.text.phrase_index import PhraseIndex
from callscribe.text.phrases import Form, Heard, Run, forms_of
from callscribe.text.tokens import tokens


def run(text: str) -> Run:
    said = Utterance(UUID(int=7), Final(0, 0, 8000, text, 0.9, "moonshine"))
    return tuple(Heard(said, text, token, place) for place, token in enumerate(tokens(text)))


def index(*wanted: str, distance: int = 0, gap: int = 2) -> PhraseIndex:
    return PhraseIndex([forms_of(tuple(phrase.split("*")), distance, gap) for phrase in wanted])


def found(within: PhraseIndex, text: str, fresh: int = 0, numbers: Sequence[int] = range(9)) -> list[tuple[int, int]]:
    return sorted(within.places(run(text), fresh, numbers))


def test_each_place_is_told_with_the_number_of_its_phrase() -> None:
    within = index("cancel it", "it now", "cancel * now", "refund")
    assert found(within, "cancel it now") == [(0, 0), (1, 1), (2, 0)]
    assert found(within, "cancel it now", numbers=[1]) == [(1, 1)]
    assert found(within, "cancel what is it now") == [(1, 3)]
    assert found(within, "i have 24 hours") == []
    assert found(index("twenty four hours"), "i have 24 hours") == [(0, 2)]


def test_a_place_is_told_once_its_last_word_is_there_and_never_again() -> None:
    within, said = index("cancel * contract", "contract"), "please cancel my old contract now"
    words = said.split()
    for known in range(len(words)):
        told = found(within, " ".join(words[: known + 1]), known)
        assert told == ([(0, 1), (1, 4)] if words[known] == "contract" else [])
    assert found(within, said, 6) == []


def test_first_words_may_differ_in_letters() -> None:
    within = index("contract now", "cab now", distance=2)
    for said, places in (
        ("kontrakt now", [(0, 0)]),
        ("contracts now", [(0, 0)]),
        ("ontrakt now", [(0, 0)]),
        ("ontrak now", []),
        ("contrasted now", []),
        ("cap now", []),
        ("cab now", [(1, 0)]),
    ):
        assert found(within, said) == places, said


def test_only_what_a_new_word_may_end_is_matched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    matched: list[int] = []
    find = phrases.match

    def counted(form: Form, heard: Run, at: int, failed: set[tuple[int, int]]) -> int | None:
        matched.append(at)
        return find(form, heard, at, failed)

    monkeypatch.setattr("callscribe.text.phrase_index.match", counted)
    within = index("no thanks", "no thank you")
    said = "no " * 50
    assert found(within, said, 49) == []
    assert matched == [47, 48, 48, 49, 49]


def test_gaps_between_words_that_are_said_over_and_over_are_not_tried_over_and_over() -> None:
    within = index("no*no*no*cancel", gap=20)
    begun = time.thread_time()
    assert found(within, "no " * 80, 79) == []
    assert time.thread_time() - begun < 0.1
    assert (0, 77) in found(within, f"{'no ' * 80}cancel", 80)
