"""A person's text: its words have the times of those that they stand in for."""

import random
from uuid import UUID

import pytest

from callscribe.domain.transcript import PERSON, UNDONE, Final, Revision, Word
from callscribe.domain.utterance import Utterance
from callscribe.text.correcting import LONGEST, corrected, longest, machine_text, retimed, undone

NAME = UUID(int=7)


def spoken(*texts: str, length: int = 1000) -> tuple[Word, ...]:
    return tuple(Word(text, place * length, (place + 1) * length, 0.4) for place, text in enumerate(texts))


def times(words: tuple[Word, ...]) -> list[tuple[str, int, int]]:
    return [(word.text, word.start, word.end) for word in words]


def test_words_that_stay_keep_their_times_whatever_their_marks_and_capitals() -> None:
    found = retimed("Hello, World!", spoken("hello", "world"), (0, 2000))
    assert times(found) == [("Hello,", 0, 1000), ("World!", 1000, 2000)]
    assert {word.confidence for word in found} == {1.0}


def test_words_put_in_place_of_others_share_their_time_by_letters() -> None:
    found = retimed("call Zyntrix now", spoken("call", "zin", "tricks", "now"), (0, 4000))
    assert times(found) == [("call", 0, 1000), ("Zyntrix", 1000, 3000), ("now", 3000, 4000)]
    found = retimed("call Ann Bakers now", spoken("call", "annabakers", "now"), (0, 3000))
    assert times(found)[1:3] == [("Ann", 1000, 1333), ("Bakers", 1333, 2000)]


def test_words_that_were_missed_stand_in_the_gap_and_those_taken_out_are_gone() -> None:
    words = (Word("yes", 500, 1000, 0.9), Word("please", 3000, 4000, 0.9))
    assert times(retimed("yes of please", words, (0, 4500))) == [
        ("yes", 500, 1000), ("of", 1000, 3000), ("please", 3000, 4000)
    ]  # fmt: skip
    assert times(retimed("oh yes please sir", words, (0, 4500)))[::3] == [("oh", 0, 500), ("sir", 4000, 4500)]
    assert times(retimed("please", words, (0, 4500))) == [("please", 3000, 4000)]


def test_of_a_script_without_blanks_each_character_is_a_word() -> None:
    found = retimed("我的订单。", (Word("我的", 0, 400, 0.9), Word("定单", 400, 800, 0.9)), (0, 800))
    assert times(found) == [("我", 0, 200), ("的", 200, 400), ("订", 400, 600), ("单。", 600, 800)]


def test_where_no_times_are_known_none_are_made_up() -> None:
    assert retimed("anything", (), (0, 800)) == ()


def test_texts_that_are_too_long_to_compare_share_the_whole_time() -> None:
    words = spoken(*"我" * 200)
    found = retimed("我的" * 500, words, (0, 250_000))
    assert len(found) == 1000
    assert times(found)[1] == ("的", 200, 400)
    assert found[-1].end == 200_000


@pytest.mark.parametrize(
    ("heard", "most"), [("", 200), ("hello wold", 208), ("我" * 600, LONGEST), ("a " * 2500, 2500)]
)
def test_how_long_a_persons_text_may_be_is_told_by_what_was_heard(heard: str, most: int) -> None:
    assert longest(Utterance(NAME, Final(0, 0, 2000, heard, 0.7, "moonshine"))) == most


@pytest.mark.parametrize("seed", range(40))
def test_any_edit_gives_the_texts_words_in_order_within_the_utterance(seed: int) -> None:
    choose = random.Random(seed)
    vocabulary = ["a", "bee", "see", "deal", "Zyntrix", "订", "单", "25", "-", "don't"]
    old = [choose.choice(vocabulary) for _ in range(choose.randint(1, 12))]
    words, at = [], 100
    for text in old:
        at += choose.choice((0, 0, 300))
        words.append(Word(text, at, at := at + choose.randint(0, 500), 0.5))
    new = [choose.choice([*vocabulary, *old]) for _ in range(choose.randint(0, 12))]
    found = retimed(" ".join(new), words, (0, at + 200))
    assert [word.text for word in found] == new
    borders = [border for word in found for border in (word.start, word.end)]
    assert borders == sorted(borders)
    assert all(0 <= border <= at + 200 for border in borders)


def test_a_corrected_utterance_has_the_persons_text_until_it_is_taken_back() -> None:
    final = Final(0, 0, 2000, "hello wold", 0.7, "moonshine", words=spoken("hello", "wold"))
    second = Revision(NAME, "hello word", 0.8, "whisper", "second-pass", spoken("hello", "word"), cost=0.5)
    heard = Utterance(NAME, final, (second,))
    assert not heard.corrected
    theirs = corrected(heard, "  hello \n world ", "Ann")
    assert (theirs.text, theirs.reason, theirs.by, theirs.engine) == ("hello world", PERSON, "Ann", "")
    mended = Utterance(NAME, final, (second, theirs))
    assert mended.corrected
    assert machine_text(mended) is second
    back = undone(mended, "Bob")
    assert (back.text, back.reason, back.by, back.cost) == ("hello word", UNDONE, "Bob", 0.0)
    assert not Utterance(NAME, final, (second, theirs, back)).corrected
    assert undone(Utterance(NAME, final, (theirs,)), "Bob").text == "hello wold"
