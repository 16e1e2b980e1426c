"""What a recogniser would refuse is refused where it is set."""

import pytest

from asr.engines import ENGINES
from asr.settings import (
    ENDPOINT_BOUNDS,
    QWEN_BOUNDS,
    UPDATE_MS_BOUNDS,
    EndpointSettings,
    QwenSettings,
    RecognizerSettings,
)
from callscribe.config.settings import load_settings
from callscribe.domain.errors import SettingsError


@pytest.mark.parametrize(("name", "bounds"), ENDPOINT_BOUNDS.items())
def test_an_endpoint_setting_has_bounds(name: str, bounds: tuple[int, int]) -> None:
    for value in bounds:
        EndpointSettings(**{name: value})
    for value in (bounds[0] - 1, bounds[1] + 1):
        with pytest.raises(ValueError, match=f"{name} must be {bounds[0]} to {bounds[1]}"):
            EndpointSettings(**{name: value})


@pytest.mark.parametrize(("name", "bounds"), QWEN_BOUNDS.items())
def test_a_setting_of_qwens_has_bounds(name: str, bounds: tuple[int, int]) -> None:
    for value in bounds:
        QwenSettings(**{name: value})  # type: ignore[arg-type]
    for value in (bounds[0] - 1, bounds[1] + 1):
        with pytest.raises(ValueError, match=f"{name} must be {bounds[0]} to {bounds[1]}"):
            QwenSettings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("chunk_size_sec", (0.4, 10.1, float("nan")), "0.5 to 10"),
        ("gpu_memory_utilization", (0.0, 1.1, float("nan")), "0.1 to 1"),
    ],
)
def test_a_share_or_time_of_qwens_has_bounds(name: str, values: tuple[float, ...], said: str) -> None:
    for value in values:
        with pytest.raises(ValueError, match=f"{name} must be {said}"):
            QwenSettings(**{name: value})  # type: ignore[arg-type]


def test_the_update_interval_has_bounds() -> None:
    for value in UPDATE_MS_BOUNDS:
        RecognizerSettings(update_ms=value)
    with pytest.raises(ValueError, match="update_ms must be 100 to 60000"):
        RecognizerSettings(update_ms=50)


def test_the_error_names_the_setting_and_the_cure() -> None:
    with pytest.raises(SettingsError, match=r"recognizer\.endpoint.*hang_ms must be 96 to 5000"):
        load_settings(None, {"CALLSCRIBE_RECOGNIZER__ENDPOINT__HANG_MS": "20"})


def test_engines_that_gain_nothing_by_more_processes_have_one_unless_it_is_set() -> None:
    unset, told = RecognizerSettings(), RecognizerSettings(processes=3)
    assert {engine: unset.processes_of(engine, cores=8) for engine in ENGINES} == {
        "moonshine": 8,
        "funasr": 8,
        "sensevoice": 8,
        "sherpa": 8,
        "funasr-server": 1,
        "qwen": 1,
        "google": 1,
        "azure": 1,
    }
    assert {told.processes_of(engine, cores=8) for engine in ENGINES} == {3}
