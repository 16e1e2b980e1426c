import pytest

from asr.engine import DecodedWord, Decoding
from asr.joining import continued, cut_off, left_open


def decoding(text: str) -> Decoding:
    return Decoding((), text, 0.9, tuple(DecodedWord(word, 0, 1, 0.9) for word in text.split()))


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("Three to mute all users.", "three to mute all users."),
        ("And then hang up.", "and then hang up."),
        ("I will call you.", "I will call you."),
        ("I'll call you.", "I'll call you."),
        ("PBX systems", "PBX systems"),
        ("McDonald calls", "McDonald calls"),
        ("four or six", "four or six"),
        ("", ""),
    ],
)
def test_what_follows_inside_a_sentence_begins_without_a_capital(text: str, joined: str) -> None:
    after = continued(decoding(text))
    assert after.text == joined
    assert " ".join(word.text for word in after.words) == joined


def test_a_full_stop_after_a_word_that_wants_another_goes() -> None:
    assert cut_off(decoding("Please return to the.")).text == "Please return to the"
    assert cut_off(decoding("Please return to the conference.")).text == "Please return to the conference."


def test_a_comma_leaves_a_sentence_open_and_a_mark_that_ends_it_does_not() -> None:
    assert left_open("Press one to mute,")
    assert left_open("Press one to")
    assert not left_open("Press one.")
    assert not left_open("Really?")
