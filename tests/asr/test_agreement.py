import pytest

from asr.agreement import Split, split_at_agreement


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
