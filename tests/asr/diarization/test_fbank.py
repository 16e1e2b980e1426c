"""Filter banks against Kaldi's own definition, on sounds whose features are known."""

import numpy as np
import pytest

from asr.diarization.fbank import BINS, fbank
from asr.engine import ENGINE_RATE


def test_a_tone_is_loudest_in_the_band_that_holds_it() -> None:
    time_s = np.arange(ENGINE_RATE) / ENGINE_RATE
    features = fbank(np.sin(2 * np.pi * 1000 * time_s).astype(np.float32))
    # 1000 Hz are 1000 mel of 2840, and the bands begin at 32.
    assert features.shape == (98, BINS)
    assert set(features.argmax(axis=1).tolist()) == {int((1000 - 31.7) / ((2840.0 - 31.7) / 81) + 0.5) - 1}


def test_ten_times_the_sound_is_a_hundred_times_the_energy() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.01, 4_000).astype(np.float32)
    assert fbank(10 * noise) - fbank(noise) == pytest.approx(np.full((23, BINS), np.log(100.0)), abs=1e-3)


def test_silence_is_the_least_number_and_less_than_a_window_has_no_frame() -> None:
    assert np.unique(fbank(np.zeros(400, np.float32))) == pytest.approx([np.log(np.finfo(np.float32).eps)])
    assert fbank(np.zeros(399, np.float32)).shape == (0, BINS)
