import pytest

from asr.agreement import Split, open_ended, split_at_agreement


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("", "Press one", Split("", "Press one")),
        ("Press one", "Press one to", Split("Press one", "to")),
        ("Press one.", "Press one, or two", Split("Press one,", "or two")),
        ("press ONE", "Press one", Split("Press one", "")),
        ("Press what", "Press one for", Split("Press", "one for")),
        ("The ten", "The tenth floor", Split("The", "tenth floor")),
        ("These press one", "Please press one", Split("", "Please press one")),
        ("Press one to hear", "Press one", Split("Press one", "")),
    ],
)
def test_words_that_two_partials_share_from_the_beginning_are_committed(before: str, now: str, expected: Split) -> None:
    assert split_at_agreement(before, now) == expected


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
