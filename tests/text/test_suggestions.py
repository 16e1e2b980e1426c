"""Hotwords that people's corrections ask for."""

from datetime import UTC, datetime
from uuid import uuid4

from callscribe.domain.corrected import CorrectedUtterance
from callscribe.text.reading import vocabulary
from callscribe.text.suggestions import Suggestion, suggest

COMMON = vocabulary("the a call me router please is new for monday sunday no summer telly from")
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def said(live: str, text: str) -> CorrectedUtterance:
    """Of a call of its own."""
    return CorrectedUtterance(uuid4(), uuid4(), "main", AT, 8000, 0, 0, 8000, "en", live, None, text, "Ann", AT, False)


def texts(*corrected: CorrectedUtterance, listed: tuple[str, ...] = (), least: int = 2) -> list[str]:
    return [found.text for found in suggest(corrected, listed, COMMON.__contains__, least)]


def test_a_rare_word_that_was_put_in_on_enough_calls_is_suggested_with_what_was_heard() -> None:
    pairs = (
        said("the zin tricks router.", "the Zyntrix router."),
        said("a zin tricks please", "a Zyntrix please"),
        said("new sin ricks", "new Zyntrix"),
    )
    names = tuple(pair.utterance_id for pair in pairs)
    assert suggest(pairs, (), COMMON.__contains__, 3) == (
        Suggestion("Zyntrix", 3, 3, ("zin tricks", "sin ricks"), names),
    )
    assert texts(*pairs, least=4) == []


def test_one_call_that_says_it_often_is_not_several() -> None:
    first = said("zin tricks", "Zyntrix")
    again = CorrectedUtterance(first.call_id, uuid4(), *(getattr(first, name) for name in first.__slots__[2:]))
    assert texts(first, again) == []
    assert suggest((first, again), (), COMMON.__contains__, 1)[0].count == 2


def test_what_is_common_or_listed_or_said_anew_is_not_suggested() -> None:
    common = (said("call me sunday", "call me Monday"), said("no sunday", "no Monday"))
    assert texts(*common) == []
    pairs = (said("zin tricks", "Zyntrix"), said("zin tricks", "zyntrix"))
    assert texts(*pairs, listed=("ZYNTRIX",)) == []
    assert texts(*(said("hm", "Qwx Erty Uiop Asdf Ghjk") for _ in range(2))) == []
    assert texts(*(said("for two five", "for 25") for _ in range(2))) == []


def test_words_that_a_person_only_added_were_not_heard_as_something_else() -> None:
    assert texts(said("call me", "call me Zyntrix"), said("call me", "call me Zyntrix")) == []


def test_names_of_common_words_are_suggested_as_a_phrase_of_capitals_without_what_is_around() -> None:
    pairs = [said("the call is from some tell he", "the call is from a Summer Telly.") for _ in range(2)]
    assert texts(*pairs) == ["Summer Telly"]


def test_one_character_of_chinese_is_suggested_with_the_neighbor_that_comes_with_it_each_time() -> None:
    assert texts(said("我的定单", "我的订单"), said("查定单号", "查订单号")) == ["订单"]
