"""Log mel filter banks as Kaldi computes them: what models of voices hear.

Source: Kaldi, feat/feature-fbank.cc and feat/mel-computations.cc, with its defaults but for the window and the dither.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform

BINS = 80
_SHIFT = ENGINE_RATE // 100
_WINDOW = ENGINE_RATE // 40
_FFT = 512
_PREEMPHASIS = 0.97
_LOWEST_HZ = 20.0
_FULL_SCALE = 32_768.0
"""Kaldi reckons in 16-bit steps."""

_ROWS = 12
"""Frames of a product with the filters: one so small is made by one thread. Larger ones numpy's library shares out
among threads that burn the processor while they wait for each other."""

Features = NDArray[np.float32]
"""Of shape (frames, BINS)."""


def fbank(audio: Waveform) -> Features:
    """Frames of 25 ms, every 10 ms; none where there is less than one."""
    if len(audio) < _WINDOW:
        return np.zeros((0, BINS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[::_SHIFT] * np.float32(_FULL_SCALE)
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    windowed = (frames - np.float32(_PREEMPHASIS) * before) * np.hamming(_WINDOW).astype(np.float32)
    spectrum = np.fft.rfft(windowed, _FFT)[:, : _FFT // 2]
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energies = np.concatenate([power[first : first + _ROWS] @ _mel_filters() for first in range(0, len(power), _ROWS)])
    features: Features = np.log(np.maximum(energies, np.finfo(np.float32).eps))
    return features


@cache
def _mel_filters() -> Features:
    """Triangles of equal width in mel, of shape (_FFT // 2, BINS)."""
    lowest, highest = _mel(np.array([_LOWEST_HZ, ENGINE_RATE / 2])).tolist()
    width = (highest - lowest) / (BINS + 1)
    places = _mel(np.linspace(0.0, ENGINE_RATE / 2, _FFT // 2, endpoint=False))[:, np.newaxis]
    lefts = lowest + width * np.arange(BINS)
    rising, falling = (places - lefts) / width, (lefts + 2 * width - places) / width
    filters: Features = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return filters


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 1127.0 * np.log1p(hertz / 700.0)
    return mel
