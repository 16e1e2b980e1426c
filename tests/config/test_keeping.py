"""How long each trunk's calls are kept."""

import math

import pytest

from callscribe.config.keeping import audio_times, text_times
from callscribe.config.settings import Settings
from storage.retention import KeepTimes
from storage.settings import RetentionSettings
from telephony.settings import TrunkSettings


def test_a_trunk_keeps_as_it_says_else_as_all_do() -> None:
    trunks = (TrunkSettings("own", keep_audio_days=0.5, keep_text_days=0), TrunkSettings("other"))
    settings = Settings(trunks=trunks, retention=RetentionSettings(audio_days=30, text_days=365))
    assert audio_times(settings) == KeepTimes({"own": 0.5, "other": 30}, 30)
    assert text_times(settings) == KeepTimes({"own": 0, "other": 365}, 365)


def test_nothing_is_removed_unless_somebody_says_so() -> None:
    settings = Settings()
    assert set(audio_times(settings).trunks.values()) == {0.0}
    assert (audio_times(settings).others, text_times(settings).others) == (0.0, 0.0)


@pytest.mark.parametrize("days", [-0.5, -2, math.nan, math.inf, 36_501])
def test_times_out_of_bounds_are_refused(days: float) -> None:
    with pytest.raises(ValueError, match="keep_audio_days"):
        TrunkSettings("main", keep_audio_days=days)
    with pytest.raises(ValueError, match="text_days must be from 0"):
        RetentionSettings(text_days=days)


@pytest.mark.parametrize("seconds", [0, math.nan, 100_000])
def test_a_sweep_comes_once_a_day_at_least(seconds: float) -> None:
    with pytest.raises(ValueError, match="sweep_s must be"):
        RetentionSettings(sweep_s=seconds)


@pytest.mark.parametrize("hours", [-1, math.nan, 1e6])
def test_the_patience_with_lost_nodes_has_bounds(hours: float) -> None:
    with pytest.raises(ValueError, match="lost_node_hours must be"):
        RetentionSettings(lost_node_hours=hours)
