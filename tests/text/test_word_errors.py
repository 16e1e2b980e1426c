"""The word error rate that the demo prints, against a library's."""

import random

import pytest

from callscribe.text.word_errors import tokens, word_error_rate
from tests import wer

WORDS = ("one", "two", "three", "four", "five")


def test_it_is_what_a_library_counts_for_any_texts() -> None:
    chance = random.Random(3)
    for _ in range(200):
        said = [" ".join(chance.choices(WORDS, k=chance.randint(1, 9))) for _ in range(2)]
        heard = [" ".join(chance.choices(WORDS, k=chance.randint(0, 9))) for _ in range(2)]
        assert word_error_rate(said, heard) == pytest.approx(wer.word_error_rate(said, heard))


def test_case_marks_and_the_writing_of_digits_do_not_count() -> None:
    assert word_error_rate(["It's seven three, thank-you."], ["its 73 thank you"]) == 0.0


def test_chinese_is_counted_by_characters_and_what_stands_between_by_words() -> None:
    assert tokens("我的 VPN, order 2。") == ["我", "的", "vpn", "order", "two"]
