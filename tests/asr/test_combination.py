from uuid import UUID

import pytest

from asr.combination import revision_of
from asr.second_pass import SecondPassText
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Correction, Final, Revision, Word

SURE, UNSURE = 0.95, 0.5


def words_of(text: str, confidence: float) -> tuple[Word, ...]:
    """A word after a star is as sure as can be; all others have this confidence."""
    return tuple(
        Word(word.strip("*"), 800 * place, 800 * place + 700, 0.99 if word.startswith("*") else confidence)
        for place, word in enumerate(text.split())
    )


def both(
    first: str,
    second: str,
    *,
    sure: float = SURE,
    second_sure: float = UNSURE,
    gains: dict[int, float] | None = None,
    hotwords: tuple[Hotword, ...] = (),
) -> Revision:
    final = Final(0, 0, 8000, first.replace("*", ""), 0.9, "moonshine", words=words_of(first, sure))
    words = words_of(second, second_sure)
    text = SecondPassText(" ".join(word.text for word in words), 0.5, words, gains=gains)
    return revision_of(final, UUID(int=1), text, "whisper-tiny", hotwords)


def test_the_surer_engine_is_believed_where_they_differ() -> None:
    assert both("press star now", "press dar now").text == "press star now"
    assert both("press dar now", "press star now", sure=UNSURE, second_sure=SURE).text == "press star now"


def test_the_second_engine_is_believed_where_both_are_as_sure() -> None:
    assert both("press dar now", "press star now", second_sure=SURE).text == "press star now"


def test_each_place_is_judged_for_itself() -> None:
    said = both("please hold the *line today", "*please bold the mine *today", sure=0.7)
    assert said.text == "please bold the line today"


def test_what_both_engines_find_likelier_is_believed_unless_the_other_is_much_surer() -> None:
    assert both("press star now", "press dar now", gains={1: -4.0}).text == "press dar now"
    assert both("press star now", "press dar now", gains={1: -1.0}).text == "press star now"
    sure = both("press star now", "press dar now", sure=UNSURE, second_sure=SURE, gains={1: 4.0})
    assert sure.text == "press star now"
    one = both("please hold the line today", "please bold the mine today", sure=UNSURE, gains={1: -0.1, 3: 0.1})
    assert one.text == "please bold the line today"


def test_a_hotword_that_the_first_engine_is_surer_of_is_believed_however_unlikely() -> None:
    names = (Hotword("Laura Bennet"),)
    assert both("call Bennet now", "call Benny now", gains={1: -9.0}, hotwords=names).text == "call Bennet now"
    assert both("call Burnet now", "call Benny now", gains={1: -9.0}, hotwords=names).text == "call Benny now"
    unsure = both("call Bennet", "call Benny", sure=UNSURE, second_sure=SURE, gains={1: -9.0}, hotwords=names)
    assert unsure.text == "call Benny"


def test_words_that_one_text_lacks_are_the_seconds_choice() -> None:
    assert both("press the star key", "press star key").text == "press star key"
    assert both("press star key", "press the star key").text == "press the star key"


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("we are Bennett and sons", "we are Benet, and sons", "we are Bennett, and sons"),
        ("say it. Please go", "say it freeze go", "say it please go"),
        ("say it please go", "say it. Freeze go", "say it. Please go"),
        ("echo test", "Eco rest.", "Echo test."),
        ("say it. I go", "say it eye go", "say it I go"),
    ],
)
def test_words_taken_over_fit_into_the_sentence(first: str, second: str, text: str) -> None:
    assert both(first, second).text == text


def test_the_revision_tells_its_words_their_mean_confidence_and_the_engine() -> None:
    said = both("press star now", "press dar now")
    assert said.words == (Word("press", 0, 700, 0.5), Word("star", 800, 1500, 0.95), Word("now", 1600, 2300, 0.5))
    assert said.confidence == pytest.approx(0.65)
    assert (said.engine, said.reason) == ("whisper-tiny", "second-pass")


def test_a_hotword_that_is_taken_over_is_told() -> None:
    corrections = (Correction("benit", "Bennet", 0.94), Correction("kall", "call", 0.9), Correction("net", "Benn", 0.8))
    final = Final(0, 0, 8000, "call Bennet", 0.9, "m", words=words_of("call Bennet", SURE), corrections=corrections)
    text = SecondPassText("call Benny", 0.5, words_of("call Benny", UNSURE))
    said = revision_of(final, UUID(int=1), text, "w")
    assert said.text == "call Bennet"
    assert said.corrections == corrections[:1]


def test_a_text_without_blanks_is_the_seconds_alone() -> None:
    final = Final(0, 0, 8000, "你好", 0.9, "m", words=words_of("你 好", SURE))
    said = revision_of(final, UUID(int=1), SecondPassText("您号", 0.5, words_of("您 号", UNSURE)), "w")
    assert said.text == "您号"


def test_an_engine_without_words_leaves_the_second_text_as_it_is() -> None:
    final = Final(0, 0, 8000, "press star", 0.9, "m")
    said = revision_of(final, UUID(int=1), SecondPassText("press dar", 0.5, words_of("press dar", UNSURE)), "w")
    assert said.text == "press dar"
