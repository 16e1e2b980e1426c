import pytest

from asr.commitment import NOTHING, Split, open_ended, split_at_trusted
from asr.engine import ENGINE_RATE


def told(*partials: tuple[float, str]) -> Split:
    """What stands after some partials, each with the seconds heard until it."""
    shown = NOTHING
    for second, text in partials:
        shown = split_at_trusted(shown, text, round(second * ENGINE_RATE))
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
