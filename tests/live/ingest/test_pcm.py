"""Audio as peers code it."""

import numpy as np
import pytest

from callscribe.live.ingest.pcm import Resampler, a_law, call_rate, linear, mu_law, split


@pytest.mark.parametrize(
    ("code", "value"), [(0x00, -32124), (0x80, 32124), (0x7F, 0), (0xFF, 0), (0xFE, 8), (0x6F, -120 - 12)]
)
def test_mu_law_is_that_of_g_711(code: int, value: int) -> None:
    assert np.frombuffer(mu_law(bytes([code])), "<i2")[0] == value


@pytest.mark.parametrize(("code", "value"), [(0x2A, -32256), (0xAA, 32256), (0xD5, 8), (0x55, -8), (0xD4, 24)])
def test_a_law_is_that_of_g_711(code: int, value: int) -> None:
    assert np.frombuffer(a_law(bytes([code])), "<i2")[0] == value


def test_interleaved_audio_is_taken_apart() -> None:
    assert split(b"aaBBccDD", 2) == [b"aacc", b"BBDD"]


@pytest.mark.parametrize("data", [b"abc", b"aaBBcc"])
def test_audio_that_is_cut_off_within_a_sample_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="samples"):
        split(linear(data), 2)


@pytest.mark.parametrize(("rate", "expected"), [(8_000, 8_000), (16_000, 16_000), (12_000, 16_000), (48_000, 16_000)])
def test_other_rates_are_brought_to_16_khz_with_their_length(rate: int, expected: int) -> None:
    assert call_rate(rate) == expected
    tone = (np.sin(np.arange(2 * rate) * 2 * np.pi * 440 / rate) * 8_000).astype("<i2")
    resampler = Resampler(rate)
    heard = b"".join(
        resampler.take(tone[place : place + rate // 50].tobytes()) for place in range(0, len(tone), rate // 50)
    )
    heard += resampler.rest()
    assert abs(len(heard) // 2 - 2 * expected) < 3
    crossings = np.count_nonzero(np.diff(np.signbit(np.frombuffer(heard, "<i2"))))
    assert abs(crossings - 2 * 2 * 440) < 20
