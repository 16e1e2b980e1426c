import numpy as np
import pytest

from asr.level import TARGET_DBFS, leveled, speech_gain


def burst(dbfs: float, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    noise = np.random.default_rng(0).standard_normal(int(16000 * seconds)) * 10 ** (dbfs / 20)
    return noise.astype(np.float32)


def dbfs(audio: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(audio)))))


@pytest.mark.parametrize("level", [-45.0, -30.0, -20.0, -12.0])
def test_speech_of_any_level_is_brought_to_the_target(level: float) -> None:
    assert dbfs(leveled(burst(level))) == pytest.approx(TARGET_DBFS, abs=0.7)


def test_pauses_do_not_count() -> None:
    spoken = burst(-35.0)
    padded = np.concatenate([burst(-75.0, 3.0), spoken, burst(-75.0, 3.0)])
    assert speech_gain(padded) == pytest.approx(speech_gain(spoken), rel=0.05)


def test_a_click_does_not_make_speech_softer() -> None:
    clicked = burst(-35.0, 2.0)
    clicked[1000:1040] = 0.99
    assert speech_gain(clicked) == pytest.approx(speech_gain(burst(-35.0, 2.0)), rel=0.5)


def test_noise_of_an_idle_line_is_raised_by_thirty_decibels_at_most() -> None:
    assert 20 * np.log10(speech_gain(burst(-80.0))) == pytest.approx(30.0)


def test_audio_too_short_to_judge_is_left_alone() -> None:
    assert speech_gain(burst(-40.0, 0.01)) == 1.0
