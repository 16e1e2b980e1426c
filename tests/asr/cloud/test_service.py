"""Stretches of one utterance read as one text, and words lie where they were heard."""

import pytest

from asr.engines.cloud.service import NOTHING, Heard, HeardWord, placed, together


def word(text: str, start: int, end: int) -> HeardWord:
    return HeardWord(text, start, end, 0.9)


def said(text: str, *, confidence: float = 0.9, language: str = "") -> Heard:
    """A text whose words take 10 samples each."""
    words = [word(each, 10 * place, 10 * place + 9) for place, each in enumerate(text.split())]
    return Heard(text, confidence, tuple(words), language)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("I would like to.", "Speak to an agent.", "I would like to speak to an agent."),
        ("My number is 415.", "555 1234.", "My number is 415 555 1234."),
        ("Give me the.", "IBM number.", "Give me the IBM number."),
        ("That is all.", "Thank you.", "That is all. Thank you."),
    ],
)
def test_a_pause_that_tore_a_sentence_apart_is_mended(first: str, second: str, text: str) -> None:
    whole = together([(0, said(first)), (1000, said(second))], "en-US")
    assert whole.text == text
    assert [word.text for word in whole.words] == text.split()
    count = len(first.split())
    assert [word.start for word in whole.words][count - 1 : count + 1] == [10 * (count - 1), 1000]


def test_of_other_languages_no_ends_are_judged() -> None:
    whole = together([(0, said("Ich bin an.")), (1000, said("Der Post."))], "de-DE")
    assert whole.text == "Ich bin an. Der Post."


def test_the_confidence_is_that_of_all_words_and_the_language_that_of_most() -> None:
    parts = [(0, said("one two three", confidence=0.9, language="en-US")), (500, said("vier", confidence=0.5))]
    whole = together(parts, "en-US")
    assert whole.confidence == pytest.approx((3 * 0.9 + 0.5) / 4)
    assert whole.language == "en-US"


def test_words_are_told_only_where_all_are_known() -> None:
    assert together([(0, said("one two")), (500, Heard("three", 0.8))], "en").words == ()


def test_nothing_heard_is_nothing() -> None:
    assert together([], "en") == NOTHING
    assert together([(0, Heard(" ")), (10, NOTHING)], "en") == NOTHING


def test_words_become_the_units_of_a_text_that_is_written_otherwise() -> None:
    found = placed("你好，world.", [word("你好", 0, 100), word("World", 120, 200)])
    assert [(each.text, each.start, each.end) for each in found] == [
        ("你", 0, 50),
        ("好，", 50, 100),
        ("world.", 120, 200),
    ]


@pytest.mark.parametrize("text", ["one two", "one", "one three two", "one - two three"])
def test_words_of_another_text_have_no_places(text: str) -> None:
    assert placed(text, [word("one", 0, 10), word("two", 10, 20), word("three", 20, 30)]) == ()
