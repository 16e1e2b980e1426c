"""Word times as FunASR's messages have them."""

import pytest

from callscribe.domain.transcript import Final, Word
from callscribe.live.funasr.protocol import StampedSentence
from callscribe.live.funasr.stamps import page_follows, stamped_sentences, word_times

RATE = 16_000


def said(text: str, *words: str, spoken: str = "") -> Final:
    """A final whose words take half a second each."""
    placed = tuple(Word(word, 8000 * place, 8000 * (place + 1), 0.9) for place, word in enumerate(words))
    return Final(0, 0, 8000 * len(words), text, 0.9, "fake", words=placed, spoken=spoken)


def test_times_are_milliseconds_of_the_audio() -> None:
    assert word_times(said("a b", "a", "b").words, RATE) == ((0, 500), (500, 1000))


def test_sentences_end_at_the_marks_of_the_words() -> None:
    assert stamped_sentences(said("Yes, this is she.", "Yes,", "this", "is", "she."), RATE) == (
        StampedSentence("Yes", ",", 0, 500, ((0, 500),)),
        StampedSentence("this is she", ".", 500, 2000, ((500, 1000), (1000, 1500), (1500, 2000))),
    )


def test_marks_of_the_text_count_where_the_words_have_none() -> None:
    sentences = stamped_sentences(said("正是，因为", "正", "是", "因", "为"), RATE)
    assert [(each.text, each.mark) for each in sentences] == [("正 是", "，"), ("因 为", "")]


def test_numbers_in_figures_leave_the_spoken_words_their_times() -> None:
    final = said("It is 42.", "it", "is", "forty", "two", spoken="It is forty two.")
    assert stamped_sentences(final, RATE)[0].text == "It is forty two"


def test_without_word_times_there_are_no_sentences() -> None:
    assert stamped_sentences(said("Good morning."), RATE) == ()


@pytest.mark.parametrize(
    ("text", "times", "follows"),
    [
        ("Good morning.", 2, True),
        (" Good morning.", 2, True),
        ("It's me", 2, False),
        ("me, it's", 2, True),
        ("Room 4 please", 3, True),
        ("Room 42 please", 3, False),
        ("你好，世界", 4, True),
        ("你好 world", 3, True),
        ("你好 world", 2, False),
        ("", 0, True),
    ],
)
def test_the_browser_page_needs_a_time_for_every_piece(text: str, times: int, follows: bool) -> None:
    assert page_follows(text, ((0, 1),) * times) is follows
