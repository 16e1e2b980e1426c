"""A telephone line: level, noise and the steps of ITU-T G.711 mu-law at 8 kHz; and what a recogniser makes of it."""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from asr.resampling import doubled

RATE = 8_000
Sound = NDArray[np.float32]
"""Mono, full scale 1."""
Codes = NDArray[np.uint8]
"""Mono at RATE: the place of a sample's level among those of mu-law, from the lowest; not the bytes of G.711."""


def _levels() -> NDArray[np.int16]:
    """What mu-law can say, in ascending order (ITU-T G.711, table 2a, scaled from 14 bits to 16)."""
    segments = np.arange(8)[:, None]
    positive = (((2 * np.arange(16)[None, :] + 33) << segments) - 33) * 4
    return np.unique(np.concatenate([-positive.ravel(), positive.ravel()])).astype(np.int16)


_LEVELS = _levels()
_BOUNDS = (_LEVELS[:-1].astype(np.float64) + _LEVELS[1:]) / 2


@dataclass(frozen=True, slots=True)
class Line:
    """How loud a line carries the peak of speech, and white noise (its root mean square); full scale is 1."""

    speech: float
    noise: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "Line":
        """Peaks of -2 to -20 dB full scale, noise of -90 to -44."""
        return cls(10.0 ** random.uniform(-1.0, -0.1), 10.0 ** random.uniform(-4.5, -2.2))

    def carried(self, sound: Sound, random: np.random.Generator) -> Codes:
        """Sound of peak 1 as it comes out of the line."""
        return coded(sound * self.speech + random.normal(0.0, self.noise, len(sound)))


def nobody_speaking(seconds: float, random: np.random.Generator) -> Codes:
    """A line without speech: noise from nothing at all to -34 dB, at times with the mains' hum or a click."""
    count = int(seconds * RATE)
    sound = random.normal(0.0, 10.0 ** random.uniform(-5.5, -1.7), count)
    kind = random.integers(4)
    if kind == 0:
        return coded(np.zeros(count))
    if kind == 1:
        sound += 10.0 ** random.uniform(-3.5, -1.5) * np.sin(
            2 * np.pi * random.choice((50.0, 60.0)) * np.arange(count) / RATE
        )
    if kind == 2:
        begin = random.integers(count - 80)
        sound[begin : begin + 80] += random.normal(0.0, 0.1, 80)
    return coded(sound)


def coded(sound: NDArray[np.float64]) -> Codes:
    """The nearest of mu-law's steps to each sample."""
    codes: Codes = np.searchsorted(_BOUNDS, sound * 32768.0).astype(np.uint8)
    return codes


def decoded(codes: Codes) -> NDArray[np.int16]:
    """16-bit samples at RATE."""
    return _LEVELS[codes]


def wide(codes: Codes, resampler: int = 0) -> Sound:
    """The line's sound at 16 kHz. Resamplers differ in how much they leave above 4 kHz, so training hears all three.

    0: soxr, 1: soxr and 16-bit samples again, 2: Callscribe's own half-band filter.
    """
    samples = decoded(codes)
    if resampler == 2:
        return doubled(samples.astype(np.float64))
    sound: Sound = soxr.resample(samples.astype(np.float32) / 32768.0, RATE, 2 * RATE)
    if resampler == 1:
        return (np.round(sound * 32768.0) / 32768.0).astype(np.float32)
    return sound
