import math

import pytest

from asr.confidence import utterance_confidence, word_confidences

PIECES = ["▁Your".encode(), "▁mail".encode(), b"box", b",", "▁please".encode(), b"."]
SURE = [math.log(0.98)] * 7


def with_doubt(place: int, probability: float) -> list[float]:
    return [math.log(probability) if number == place else sure for number, sure in enumerate(SURE)]


def test_pieces_become_the_words_of_the_text() -> None:
    words = word_confidences(PIECES, SURE)
    assert [(word.text, word.first, word.end) for word in words] == [
        ("Your", 0, 1),
        ("mailbox,", 1, 4),
        ("please.", 4, 6),
    ]


def test_the_word_whose_token_was_a_guess_is_the_least_sure() -> None:
    before, doubted, after = word_confidences(PIECES, with_doubt(2, 0.1))
    assert doubted.confidence < min(before.confidence, after.confidence)


@pytest.mark.parametrize("place", range(7))
def test_doubt_in_any_token_or_the_end_costs_every_word_something(place: int) -> None:
    sure, doubted = word_confidences(PIECES, SURE), word_confidences(PIECES, with_doubt(place, 0.3))
    assert all(less.confidence < more.confidence for less, more in zip(doubted, sure, strict=True))


def test_clear_words_are_nearly_certain_and_guessed_ones_nearly_wrong() -> None:
    assert all(word.confidence > 0.95 for word in word_confidences([PIECES[0]] * 3, [math.log(0.99)] * 4))
    assert all(word.confidence < 0.4 for word in word_confidences([PIECES[0]] * 3, [math.log(0.15)] * 4))


@pytest.mark.parametrize("value", [0.0, 1e-9, -1e-30, -1e4, -math.inf])
def test_any_log_probability_gives_a_chance(value: float) -> None:
    for word in word_confidences(PIECES, [value] * 7):
        assert 0.0 <= word.confidence <= 1.0


def test_the_end_need_not_have_been_said() -> None:
    words = word_confidences(PIECES, SURE[:-1])
    assert len(words) == 3
    assert all(word.confidence > 0.8 for word in words)


def test_letters_may_be_cut_into_bytes_and_pieces_of_nothing_make_no_word() -> None:
    e_acute = "é".encode()
    words = word_confidences(["▁caf".encode(), e_acute[:1], e_acute[1:], "▁".encode(), b" ok"], SURE[:6])
    assert [word.text for word in words] == ["café", "ok"]
    assert words[1].first == 4


def test_a_text_is_less_sure_than_its_least_sure_word() -> None:
    words = word_confidences(PIECES, with_doubt(4, 0.2))
    assert 0.0 < utterance_confidence(words) < min(word.confidence for word in words)


def test_nothing_said_is_nothing_known() -> None:
    assert word_confidences([], [math.log(0.9)]) == ()
    assert utterance_confidence(()) == 0.0
