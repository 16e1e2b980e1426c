"""The place of a subscriber, as a word."""

import pytest

from callscribe.console.position import Position


def test_a_place_is_read_as_it_was_written() -> None:
    place = Position("1732164000000-3").with_final(1, 9800).with_final(0, 12400)
    assert str(place) == "1732164000000-3~0.12400~1.9800"
    assert Position.parse(str(place)) == place


def test_the_end_is_part_of_the_place() -> None:
    assert Position.parse("5-0~end").over
    assert not Position.parse("5-0").over


def test_finals_are_known_by_the_newest_start_of_their_channel() -> None:
    place = Position().with_final(0, 5000)
    assert place.has_final(0, 5000)
    assert place.has_final(0, 0)
    assert not place.has_final(0, 5001)
    assert not place.has_final(1, 0)


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "1-1~0", "1-1~0.5~", "1-1~end~end", "1-1\n", "²-1", "1" * 30])
def test_what_was_never_written_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="was not given"):
        Position.parse(text)
