"""How far the voice has fallen at the end of an utterance: in English statements end low, pauses inside them do not
(Pierrehumbert, "The Perception of Fundamental Frequency Declination", JASA 66, 1979). Pure."""

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform

_RATE = ENGINE_RATE // 2
_FRAME, _HOP = _RATE // 25, _RATE // 50
"""40 ms every 20 ms: two periods of the lowest voice."""
_HIGHEST, _LOWEST = _RATE // 400, _RATE // 70
"""Periods in samples between which voices lie."""
_TRANSFORM = 512
"""Samples of the Fourier transform: a frame and the longest period after it."""
_PERIODIC = 0.6
"""Autocorrelation from which a frame is voiced."""
_OCTAVE = 0.02
"""What a peak must be higher than one at half its period: every period twice is one too."""
_SOFTEST = 10.0 ** (-30.0 / 10.0)
"""Power of a voiced frame, as a share of a loud one's."""
_LOOK_BACK_S = 6
"""What is heard of a long utterance: its voice changes little."""
_END_FRAMES = 35
"""The end: 0.7 s, with the silence that follows speech."""
_SETTLED = 7
"""Voiced frames whose median is the last pitch."""
_FEWEST = 8
"""Voiced frames below which there is nothing to compare with."""
_MOST = 9.0
"""Semitones beyond which a fall, or a rise of a third of it, is a slip of the measurement."""

_WINDOW: NDArray[np.float32] = np.hanning(_FRAME).astype(np.float32)
_WINDOW_LAGS = np.fft.irfft(np.abs(np.fft.rfft(_WINDOW, _TRANSFORM)) ** 2)
_OCTAVE_COST = _OCTAVE * np.log2(np.arange(_HIGHEST, _LOWEST + 1))


def final_fall(audio: Waveform) -> float:
    """Semitones by which the last pitch lies above (below: negative) the utterance's median; 0.0 where none is heard.

    `audio` is an utterance up to some 200 ms of the pause after it.
    """
    pitches = _pitches(audio[-_LOOK_BACK_S * ENGINE_RATE :])
    voiced = pitches[pitches > 0]
    last = pitches[-_END_FRAMES:]
    last = last[last > 0][-_SETTLED:]
    if len(voiced) < _FEWEST or len(last) < _SETTLED:
        return 0.0
    semitones = 12.0 * np.log2(np.median(last) / np.median(voiced))
    return float(np.clip(semitones, -_MOST, _MOST / 3))


def _pitches(audio: Waveform) -> NDArray[np.float64]:
    """Hz of every frame, 0 where it is not voiced: the highest peak of the autocorrelation, the window's own taken out
    (Boersma, "Accurate short-term analysis of the fundamental frequency", IFA Proceedings 17, 1993)."""
    narrow = audio[: len(audio) // 2 * 2].reshape(-1, 2).mean(axis=1)
    if len(narrow) < _FRAME:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(narrow, _FRAME)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectra = np.abs(np.fft.rfft(frames * _WINDOW, _TRANSFORM)) ** 2
    lags = np.fft.irfft(spectra)[:, : _LOWEST + 1]
    power = lags[:, 0]
    peaks = lags[:, _HIGHEST:] / _WINDOW_LAGS[_HIGHEST : _LOWEST + 1] / np.maximum(power, 1e-9)[:, None]
    peaks *= _WINDOW_LAGS[0]
    best = (peaks - _OCTAVE_COST).argmax(axis=1)
    height = peaks[np.arange(len(best)), best]
    voiced = (height > _PERIODIC) & (power > np.quantile(power, 0.9) * _SOFTEST)
    return np.where(voiced, _RATE / (_HIGHEST + best), 0.0)
