import math

import pytest

from asr.engines.sherpa.reading import UNKNOWN_CONFIDENCE, Transcript, decoding_of

SECOND = 16_000


def test_pieces_make_words_with_the_place_of_the_first_and_the_probability_of_all() -> None:
    transcript = Transcript(
        text=" hello world",
        tokens=[" hel", "lo", " wor", "ld"],
        times=[0.4, 0.6, 1.0, 1.2],
        log_probabilities=[math.log(0.5), 0.0, math.log(0.8), math.log(0.5)],
    )

    decoding = decoding_of(transcript, 2 * SECOND, state="here")

    assert (decoding.text, decoding.state) == ("hello world", "here")
    assert decoding.confidence == pytest.approx(0.2)
    hello, world = decoding.words
    assert (hello.text, hello.start, hello.end) == ("hello", round(0.4 * SECOND), round(0.9 * SECOND))
    assert (world.text, world.start, world.end) == ("world", SECOND, round(1.5 * SECOND))
    assert [word.confidence for word in decoding.words] == pytest.approx([0.5, 0.4])


def test_a_word_ends_where_the_next_begins_or_the_audio_does() -> None:
    transcript = Transcript(text="yes no", tokens=["▁yes", "▁no"], times=[0.1, 0.2])

    first, second = decoding_of(transcript, round(0.3 * SECOND)).words

    assert (first.start, first.end) == (round(0.1 * SECOND), round(0.2 * SECOND))
    assert (second.start, second.end) == (round(0.2 * SECOND), round(0.3 * SECOND))


def test_durations_are_believed() -> None:
    transcript = Transcript(text="yes no", tokens=["▁yes", "▁no"], times=[0.0, 1.0], durations=[0.5, 0.75])

    assert [word.end for word in decoding_of(transcript, 2 * SECOND).words] == [
        round(0.5 * SECOND),
        round(1.75 * SECOND),
    ]


def test_characters_and_words_of_a_paraformer_have_their_own_times() -> None:
    transcript = Transcript(text="订单 hello", tokens=["订", "单", "hel@@", "lo"], times=[0.0, 0.25, 0.5, 0.75])

    words = decoding_of(transcript, SECOND).words

    assert [(word.text, word.start) for word in words] == [("订", 0), ("单", 4_000), ("hello", 8_000)]


def test_a_character_may_be_spelled_in_bytes() -> None:
    transcript = Transcript(text="订a", tokens=["<0xE8>", "<0xAE>", "<0xA2>", "a"], times=[0.25, 0.5, 0.75, 1.0])

    words = decoding_of(transcript, 2 * SECOND).words

    assert [word.text for word in words] == ["订", "a"]


def test_what_is_told_of_no_token_is_not_made_up() -> None:
    decoding = decoding_of(Transcript(text="yes no", tokens=["yes", "no"], times=[]), SECOND)

    assert (decoding.text, decoding.words) == ("yes no", ())
    assert decoding.confidence == pytest.approx(UNKNOWN_CONFIDENCE**2)


def test_a_text_that_is_not_what_the_tokens_say_has_no_words() -> None:
    decoding = decoding_of(Transcript(text="2 cards", tokens=["two", "cards"], times=[0.0, 0.5]), SECOND)

    assert (decoding.text, decoding.words) == ("2 cards", ())


def test_nothing_is_nothing() -> None:
    assert decoding_of(Transcript(text="", tokens=[], times=[]), SECOND).confidence == 0.0
