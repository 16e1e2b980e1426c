import numpy as np
import pytest
from numpy.typing import NDArray

from asr.resampling import Upsampler
from tests.asr.speech import two_cities


def one_shot(samples: NDArray[np.int16], rate: int = 8000) -> NDArray[np.float32]:
    upsampler = Upsampler(rate)
    return np.concatenate([upsampler.push(samples), upsampler.flush()])


@pytest.mark.parametrize("seed", range(5))
def test_streamed_result_equals_one_shot_result_sample_for_sample(seed: int) -> None:
    random = np.random.default_rng(seed)
    samples = two_cities()[8_000:40_000]
    cuts = np.sort(random.integers(0, len(samples), 200))
    upsampler = Upsampler(8000)
    pieces = [upsampler.push(piece) for piece in np.split(samples, cuts)]
    streamed = np.concatenate([*pieces, upsampler.flush()])
    np.testing.assert_array_equal(streamed, one_shot(samples))


def test_one_sample_at_a_time_is_the_same_too() -> None:
    samples = two_cities()[10_000:10_300]
    upsampler = Upsampler(8000)
    pieces = [upsampler.push(samples[place : place + 1]) for place in range(len(samples))]
    np.testing.assert_array_equal(np.concatenate([*pieces, upsampler.flush()]), one_shot(samples))


def test_every_input_sample_stands_at_twice_its_place() -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, 4000).astype(np.int16)
    out = one_shot(samples)
    assert len(out) == 8000
    np.testing.assert_array_equal(out[::2] * 32768, samples)


def test_a_tone_becomes_the_same_tone_without_an_image() -> None:
    tone = np.round(10_000 * np.sin(2 * np.pi * 3000 * np.arange(8000) / 8000)).astype(np.int16)
    spectrum = np.abs(np.fft.rfft(one_shot(tone)[4000:12000] * np.hanning(8000)))
    level_db = 20 * np.log10(spectrum / spectrum.max() + 1e-12)
    assert int(spectrum.argmax()) * 2 == 3000
    assert level_db[2450:2550].max() < -60, "the image of 3 kHz lies at 5 kHz"


def test_sixteen_kilohertz_pass_unchanged() -> None:
    samples = np.array([-32768, 0, 16384, 32767], np.int16)
    np.testing.assert_array_equal(one_shot(samples, 16000), samples / np.float32(32768))


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="11025"):
        Upsampler(11025)
