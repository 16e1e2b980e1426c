"""What settings of diarisation refuse, and what cures it."""

import pytest

from asr.diarization.engine import load_diarizer
from asr.diarization.settings import DiarizationSettings
from asr.diarization.turns import SpeakerCount


def test_the_default_needs_no_model_and_finds_out_how_many_speak() -> None:
    assert load_diarizer(DiarizationSettings()).name == "light"
    assert SpeakerCount().bounds == (1, 8)
    assert SpeakerCount(exact=3).bounds == (3, 3)


def test_a_model_belongs_to_the_engines_that_need_one() -> None:
    with pytest.raises(ValueError, match='"light" brings its own'):
        DiarizationSettings(model="huggingface:pyannote/speaker-diarization-community-1")
    for engine in ("cam++", "pyannote"):
        with pytest.raises(ValueError, match='or engine be "light"'):
            DiarizationSettings(engine=engine)


@pytest.mark.parametrize("exact", [-1, 21])
def test_a_count_outside_of_reason_is_refused(exact: int) -> None:
    with pytest.raises(ValueError, match="exact must be 0 to 20"):
        SpeakerCount(exact=exact)


@pytest.mark.parametrize(("least", "most"), [(0, 2), (3, 2), (1, 21)])
def test_bounds_that_hold_no_count_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="least and most must be 1 to 20"):
        SpeakerCount(least=least, most=most)
