import pytest

from asr.differences import Difference
from asr.weighing import gains

PLACES = (Difference(2, 3, ()), Difference(5, 7, ()))


def test_the_second_engines_doubt_counts_more_than_the_firsts() -> None:
    assert gains(PLACES[:1], (-10.0, -6.0), (-10.0, -11.0))[2] > 0
    assert gains(PLACES[:1], (-10.0, -8.0), (-10.0, -11.0))[2] < 0


@pytest.mark.parametrize(("first", "likelier"), [((-20.0, -10.0, -20.0), 2), ((-20.0, -20.0, -10.0), 5)])
def test_each_place_is_weighed_for_itself(first: tuple[float, ...], likelier: int) -> None:
    found = gains(PLACES, first, (-8.0, -10.0, -10.0))
    assert {start for start, gain in found.items() if gain > 0} == {likelier}
    assert found.keys() == {2, 5}


def test_words_as_likely_gain_nothing() -> None:
    assert gains(PLACES, (-3.0, -3.0, -3.0), (-4.0, -4.0, -4.0)) == {2: 0.0, 5: 0.0}
