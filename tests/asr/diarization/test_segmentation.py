"""Where stretches are cut."""

import numpy as np

from asr.diarization.segmentation import Stretch, stretches_of


def test_stretches_end_at_pauses_and_where_somebody_else_speaks_or_joins_in() -> None:
    sets = np.repeat(np.array([0, 1, 2, 3, 0, 4], np.uint8), [10, 20, 30, 5, 10, 25])
    assert list(stretches_of(sets)) == [
        Stretch(10, 30, 1),
        Stretch(30, 60, 1),
        Stretch(60, 65, 2),
        Stretch(75, 100, 1),
    ]


def test_from_one_window_to_the_next_only_how_many_speak_tells() -> None:
    sets = np.repeat(np.array([1, 2, 6], np.uint8), [800, 800, 50])
    assert list(stretches_of(sets)) == [Stretch(0, 1600, 1), Stretch(1600, 1650, 2)]
