from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.companding import restored
from asr.engine import Waveform
from asr.resampling import doubled
from benchmarks.acoustics import by_telephone
from tests.asr.speech import RATE, two_cities

Sound = NDArray[np.float64]


def spoken(decibels: float) -> Sound:
    """Seconds of a reader, so much softer; in 16-bit units, not whole numbers."""
    sound: Sound = two_cities()[RATE : 8 * RATE] * 10.0 ** (-decibels / 20)
    return sound


def mu_law(sound: Sound) -> Sound:
    return by_telephone(np.rint(sound).astype(np.int16)).astype(np.float64)


def a_law(sound: Sound) -> Sound:
    """The middles of A-law's steps (ITU-T G.711, table 1a)."""
    magnitude = np.abs(sound)
    step = 16.0 * 2.0 ** np.maximum(np.floor(np.log2(np.maximum(magnitude, 1) / 256)), 0)
    return np.copysign((np.floor(magnitude / step) + 0.5) * step, sound)


def error_of_spectrum(heard: Waveform, said: Sound) -> float:
    """Mean difference in dB of the power in bands of 500 Hz and stretches of 32 ms that are spoken."""
    bands = []
    for audio in (heard, doubled(said)):
        power = np.abs(np.fft.rfft(audio[: len(audio) // 512 * 512].reshape(-1, 512) * np.hanning(512), axis=1)) ** 2
        bands.append(power[:, 8:120].reshape(len(power), -1, 16).mean(axis=2))
    loud = bands[1].max(axis=1) > bands[1].max() / 1000
    return float(np.abs(10 * np.log10((bands[0][loud] + 1e-9) / (bands[1][loud] + 1e-9))).mean())


@pytest.mark.parametrize("code", [mu_law, a_law])
@pytest.mark.parametrize("decibels", [30, 40])
def test_soft_speech_comes_nearer_to_what_was_said(code: Callable[[Sound], Sound], decibels: int) -> None:
    coded = code(spoken(decibels))
    before = error_of_spectrum(doubled(coded), spoken(decibels))
    assert error_of_spectrum(restored(doubled(coded)), spoken(decibels)) < 0.8 * before


@pytest.mark.parametrize("code", [mu_law, a_law])
def test_no_sample_leaves_its_step(code: Callable[[Sound], Sound]) -> None:
    coded = code(spoken(40))
    again = code(np.trunc(restored(doubled(coded))[::2].astype(np.float64) * 32768))
    assert np.abs(again - coded).max() <= 16.0
    assert (again == coded).mean() > 0.9


def test_loud_speech_stays_as_it_is() -> None:
    coded = doubled(mu_law(spoken(-15)))
    assert restored(coded) is coded


def test_soft_speech_that_was_not_companded_stays_as_it_is() -> None:
    linear = doubled(np.rint(spoken(40)))
    assert restored(linear) is linear


def test_silence_in_soft_linear_speech_does_not_make_it_companded() -> None:
    linear = np.rint(spoken(40))
    linear[:-16000] = 0
    audio = doubled(linear)
    assert restored(audio) is audio


def test_soft_sound_far_from_zero_stays_as_it_is() -> None:
    audio = doubled(np.full(8000, 333.0))
    assert restored(audio) is audio


def test_a_few_concealed_samples_do_not_hide_the_code() -> None:
    coded = mu_law(spoken(40))
    coded[20000:22000] = np.rint(spoken(40))[20000:22000]
    assert error_of_spectrum(restored(doubled(coded)), spoken(40)) < error_of_spectrum(doubled(coded), spoken(40))


@pytest.mark.parametrize("samples", [1, 31, 64, 100, 8000])
def test_any_length_is_kept(samples: int) -> None:
    coded = doubled(mu_law(spoken(40)[:samples]))
    assert restored(coded).shape == coded.shape
