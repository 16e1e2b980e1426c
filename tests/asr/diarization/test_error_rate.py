"""What the tests measure diarisation with, on cases reckoned by hand."""

import pytest

from asr.diarization.turns import Turn
from tests.asr.diarization.error_rate import STEP, error_rate


def turns(*spans: tuple[int, int, int]) -> list[Turn]:
    return [Turn(start * STEP, end * STEP, speaker) for start, end, speaker in spans]


@pytest.mark.parametrize(
    ("found", "rate"),
    [
        (turns((0, 60, 1), (50, 100, 0)), 0.0),
        (turns((0, 60, 0), (60, 100, 1)), 10 / 110),
        (turns((0, 60, 0), (50, 100, 1), (100, 122, 1)), 22 / 110),
        (turns((0, 100, 0)), 50 / 110),
        (turns((0, 60, 0), (50, 75, 1), (75, 100, 2)), 25 / 110),
    ],
    ids=["names do not matter", "overlap missed", "false alarm", "all one voice", "one voice too many"],
)
def test_missed_false_and_confused_speech_count(found: list[Turn], rate: float) -> None:
    assert error_rate(turns((0, 60, 0), (50, 100, 1)), found) == pytest.approx(rate)
