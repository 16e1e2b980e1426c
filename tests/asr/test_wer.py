import pytest

from tests.wer import normalise, word_error_rate


def test_case_marks_and_digits_do_not_count() -> None:
    assert normalise("It's 42 O'Clock — press-one!") == "its four two oclock press one"


def test_every_wrong_missing_or_added_word_counts() -> None:
    assert word_error_rate(["one two three four"], ["One, two, three. Four"]) == 0.0
    assert word_error_rate(["one two three four", "five six"], ["one too three", "five six seven"]) == pytest.approx(
        0.5
    )


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1 references but 0 hypotheses"):
        word_error_rate(["one"], [])
