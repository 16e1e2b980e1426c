import pytest

from asr.commitment import NOTHING, Split, open_ended, split_at_trusted
from asr.engine import ENGINE_RATE, DecodedWord, Decoding


def heard_as(text: str, unsure: str = "") -> Decoding:
    words = tuple(DecodedWord(word, 0, 1, 0.4 if word == unsure else 0.9) for word in text.split())
    return Decoding((), text, 0.5, words)


def told(*partials: tuple[float, str], unsure: str = "") -> Split:
    """What stands after some partials, each with the seconds heard until it."""
    shown = NOTHING
    for second, text in partials:
        shown = split_at_trusted(shown, heard_as(text, unsure), round(second * ENGINE_RATE))
    return shown


@pytest.mark.parametrize(
    ("partials", "expected"),
    [
        ([(0.5, "Press one")], Split("", "Press one")),
        ([(0.5, "Press one"), (1.5, "Press one to")], Split("", "Press one to")),
        ([(0.5, "Press one"), (2.0, "Press one to")], Split("Press one", "to")),
        ([(0.5, "Press one."), (2.1, "Press one, or two")], Split("Press one,", "or two")),
        ([(0.5, "press ONE"), (2.1, "Press one")], Split("Press one", "")),
        ([(0.5, "Press what"), (1.0, "Press one"), (2.1, "Press one for")], Split("Press", "one for")),
        (
            [(0.5, "These press one"), (1.0, "Please press one"), (2.1, "Please press one")],
            Split("", "Please press one"),
        ),
        ([(0.5, "The ten"), (2.1, "The tenth floor")], Split("The", "tenth floor")),
        ([(0.5, "Press one to hear"), (2.1, "Press one")], Split("Press one", "")),
        ([(0.5, "Press one"), (1.0, "Press"), (2.1, "Press one")], Split("Press", "one")),
    ],
)
def test_words_are_committed_when_they_and_all_before_them_have_stood(
    partials: list[tuple[float, str]], expected: Split
) -> None:
    assert told(*partials) == expected


def test_a_word_that_the_engine_is_not_sure_of_stays_tentative_and_what_follows_it() -> None:
    partials = ((0.5, "Press wan to"), (2.1, "Press wan to hear"))
    assert told(*partials, unsure="wan") == Split("Press", "wan to hear")
    assert told(*partials, unsure="to") == Split("Press wan", "to hear")


def test_what_an_engine_without_words_says_is_committed_when_it_has_stood() -> None:
    decoding = Decoding((), "Press one", 0.1)
    assert split_at_trusted(split_at_trusted(NOTHING, decoding, 0), decoding, 2 * ENGINE_RATE).committed == "Press one"


def test_as_much_stays_committed_when_a_committed_word_changes() -> None:
    partials = ((0.5, "Press one to"), (2.1, "Press one to"), (2.3, "Press won to hear"))
    assert told(*partials) == Split("Press won to", "hear")


@pytest.mark.parametrize(
    ("text", "goes_on"), [("press one, or two", True), ("Press one", True), ("Press", False), ("Press two", False)]
)
def test_a_text_goes_on_from_an_earlier_one_where_it_has_its_committed_words(text: str, goes_on: bool) -> None:
    assert Split("", text).goes_on_from(Split("Press one", "to")) is goes_on


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Thank you for.", "Thank you for"),
        ("Really?!", "Really"),
        ("One, two,", "One, two"),
        ("Hello. How are", "Hello. How are"),
        ("So...", "So"),
        ("It's", "It's"),
        ("...", ""),
    ],
)
def test_a_mark_at_the_end_of_what_goes_on_is_not_shown(text: str, shown: str) -> None:
    assert open_ended(text) == shown


def test_a_script_without_blanks_is_committed_character_by_character() -> None:
    before = split_at_trusted(NOTHING, Decoding((), "你好谢", 0.9), 0)
    after = split_at_trusted(before, Decoding((), "你好再见。", 0.9), 2 * ENGINE_RATE)
    assert (after.committed, after.tentative) == ("你好", "再见")
    assert after.goes_on_from(before)


def test_words_that_the_engine_will_decode_anew_are_not_committed_however_long_they_stood() -> None:
    shown = NOTHING
    for second, unsettled in ((0.5, 3), (1.0, 3), (3.0, 2)):
        decoding = Decoding((), "press one now", 0.9, unsettled=unsettled)
        shown = split_at_trusted(shown, decoding, round(second * ENGINE_RATE))
    assert shown == Split("press", "one now")


def test_words_that_were_committed_stay_so_when_the_engine_decodes_them_anew() -> None:
    shown = split_at_trusted(NOTHING, Decoding((), "press one", 0.9), ENGINE_RATE)
    shown = split_at_trusted(shown, Decoding((), "press one", 0.9), 3 * ENGINE_RATE)
    shown = split_at_trusted(shown, Decoding((), "press one now", 0.9, unsettled=5), 4 * ENGINE_RATE)
    assert shown == Split("press one", "now")
