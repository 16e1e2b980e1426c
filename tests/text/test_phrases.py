"""Phrases found in runs of words, and how many words are compared for it."""

from uuid import UUID

import pytest

from callscribe.domain.transcript import Final
from callscribe.domain.utterance import Utterance
from callscribe.text import phrases
from callscribe.text.phrases import Heard, Stream, find
from callscribe.text.scorecard import WantedPhrase
from callscribe.text.tokens import tokens


def stream(text: str) -> Stream:
    said = Utterance(UUID(int=7), Final(0, 0, 8000, text, 0.9, "moonshine"))
    return Stream(0, (tuple(Heard(said, text, token, place) for place, token in enumerate(tokens(text))),))


def test_places_of_one_phrase_do_not_overlap_and_other_spellings_of_its_first_word_begin_it() -> None:
    heard = stream("callscribe now callscribble now now callscribe callscribe callscribe")
    found = find([WantedPhrase(text="callscribe now", distance=2)], [heard])
    assert [(each.start_ms, each.quote) for each in found] == [(0, "callscribe now"), (2, "callscribble now")]
    found = find([WantedPhrase(text="callscribe callscribe", distance=0)], [heard])
    assert [each.start_ms for each in found] == [5]


def test_each_word_is_compared_once_however_often_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    differing = phrases._differing

    def counted(one: str, other: str) -> int:
        compared.append((one, other))
        return differing(one, other)

    monkeypatch.setattr(phrases, "_differing", counted)
    phrases._near.cache_clear()
    wanted = [WantedPhrase(text=f"callscribe {word}", distance=2) for word in ("now", "then", "never")]
    assert len(find(wanted, [stream("callscribble now " * 50)])) == 50
    assert compared == [("callscribe", "callscribble")]
