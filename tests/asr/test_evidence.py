import pytest

from asr.engine import EMPTY, DecodedWord, Decoding
from asr.evidence import spoken


def decoding(text: str, *confidences: float) -> Decoding:
    words = tuple(DecodedWord(word, 0, 1, sure) for word, sure in zip(text.split(), confidences, strict=True))
    return Decoding((1,), text, 0.5, words)


def test_what_is_surely_speech_keeps_any_text() -> None:
    assert spoken(decoding("You", 0.01), activity=0.95)
    assert spoken(decoding("thanks for watching", 0.1, 0.1, 0.1), activity=0.95)
    assert spoken(decoding("Press the pound key.", 0.1, 0.1, 0.1, 0.1), activity=0.9)


def test_a_clear_word_that_was_said_softly_is_kept() -> None:
    assert spoken(decoding("Yes.", 0.7), activity=0.6)
    assert spoken(decoding("Thank you.", 0.8, 0.9), activity=0.6)


@pytest.mark.parametrize("text", ["You", "Um.", "Thank you for watching!", "Thanks for watching.", "Uh?"])
def test_what_engines_say_of_nothing_is_not_believed(text: str) -> None:
    assert not spoken(decoding(text, *[0.99] * len(text.split())), activity=0.9)


@pytest.mark.parametrize("text", ["I.", "Oh,", "Yeah.", "Thank you."])
def test_what_engines_say_of_a_blink_is_believed_if_they_are_sure_of_it(text: str) -> None:
    words = len(text.split())
    assert spoken(decoding(text, *[0.75] * words), activity=0.9)
    assert not spoken(decoding(text, *[0.6] * words), activity=0.9)
    assert spoken(decoding(text, *[0.6] * words), activity=0.95)


def test_words_that_are_wrong_for_the_most_part_are_no_words() -> None:
    assert not spoken(decoding("I'm going to go.", 0.5, 0.2, 0.2, 0.1), activity=0.7)
    assert spoken(decoding("Press the pound key.", 0.9, 0.9, 0.9, 0.1), activity=0.7)


def test_the_confidence_of_the_whole_stands_for_the_words_of_an_engine_without_them() -> None:
    assert spoken(Decoding((1,), "Press the pound key.", 0.5), activity=0.7)
    assert not spoken(Decoding((1,), "Press the pound key.", 0.005), activity=0.7)


@pytest.mark.parametrize("text", ["Mm-hmm.", "Yeah.", "Oh,"])
def test_what_may_be_a_breath_waits_for_more_and_is_believed_at_the_end(text: str) -> None:
    assert not spoken(decoding(text, 0.7), activity=0.7, final=False)
    assert spoken(decoding(text, 0.7), activity=0.7)


def test_less_is_asked_of_a_partial_which_more_will_follow() -> None:
    assert spoken(decoding("Your", 0.3), activity=0.8, final=False)
    assert not spoken(decoding("Your", 0.3), activity=0.8)
    assert not spoken(decoding("Your", 0.2), activity=0.8, final=False)


def test_no_text_was_not_said() -> None:
    assert not spoken(EMPTY, activity=1.0)
