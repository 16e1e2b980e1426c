"""From a line's sample rate to the engine's, without a seam: however the audio is cut up, the result is the same.

8 kHz is doubled by a half-band filter (Crochiere and Rabiner, "Multirate Digital Signal Processing", 1983, chapter 4):
every second output is an input sample, those between are a weighted sum of their neighbours. Weights are whole numbers
and so are samples, so that a sum is exact in whatever order it is made.
"""

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform

_REACH = 24
"""Input samples on each side of a sum: 3 ms of delay at 8 kHz."""
_KAISER_BETA = 8.0
_WEIGHT_SCALE = 2.0**24
FULL_SCALE = 32768.0

Samples = NDArray[np.int16]
"""Mono PCM at a line's rate."""


def _half_band_weights() -> NDArray[np.float64]:
    """Windowed-sinc weights of the samples between, as whole numbers: flat to 3.6 kHz, 63 dB down from 4.4 kHz on."""
    places = np.arange(-_REACH, _REACH) + 0.5
    window = np.i0(_KAISER_BETA * np.sqrt(1 - (places / _REACH) ** 2))
    weights = np.sinc(places) * window
    whole: NDArray[np.float64] = np.round(weights / weights.sum() * _WEIGHT_SCALE)
    return whole


_WEIGHTS = _half_band_weights()


def doubled(sound: NDArray[np.float64]) -> Waveform:
    """All of a sound at 8 kHz, in units of a 16-bit sample, at the engine's rate."""
    return _between(np.pad(sound, (_REACH - 1, _REACH)))


def _between(known: NDArray[np.float64]) -> Waveform:
    """Samples whose neighbours are all known, and those between."""
    count = len(known) - 2 * _REACH + 1
    out = np.empty(2 * count, np.float64)
    out[0::2] = known[_REACH - 1 : _REACH - 1 + count]
    out[1::2] = np.convolve(known, _WEIGHTS, "valid") / _WEIGHT_SCALE
    return (out / FULL_SCALE).astype(np.float32)


class Upsampler:
    """One channel's audio at the engine's rate. Sample n of the line is sample n * `factor` of the output."""

    __slots__ = ("_pending", "factor")

    def __init__(self, rate: int) -> None:
        """Raises ValueError for a rate that is neither 8 nor 16 kHz."""
        if rate not in (ENGINE_RATE // 2, ENGINE_RATE):
            raise ValueError(f"no upsampling from {rate} Hz")
        self.factor = ENGINE_RATE // rate
        self._pending = np.zeros(_REACH - 1, np.int16)

    def push(self, samples: Samples) -> Waveform:
        """What can be said after these samples; at 8 kHz the last 3 ms wait for what follows."""
        if self.factor == 1:
            return samples.astype(np.float32) / np.float32(FULL_SCALE)
        known = np.concatenate([self._pending, samples])
        count = len(known) - 2 * _REACH + 1
        if count <= 0:
            self._pending = known
            return np.zeros(0, np.float32)
        self._pending = known[count:]
        return _between(known.astype(np.float64))

    def flush(self) -> Waveform:
        """What waited, as if silence followed. Nothing may be pushed after it."""
        return self.push(np.zeros(_REACH if self.factor > 1 else 0, np.int16))
