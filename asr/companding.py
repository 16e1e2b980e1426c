"""Soft speech out of G.711, with less of the noise that the code's steps are. Pure.

A decoded sample lies in the middle of a step; the sound was anywhere in it. So beneath speech lies noise whose power
the samples themselves tell (a twelfth of the squared step). Of loud speech it is 38 dB below; soft speech moves within
the few smallest steps, and its hisses go under. Each bin of a short spectrum is taken back to the power that it had
without that noise (power spectral subtraction: Berouti, Schwartz and Makhoul, ICASSP 1979), and then no sample leaves
its step, for the sound was in it.
"""

import numpy as np
from numpy.typing import NDArray

from asr.engine import Waveform
from asr.level import speech_gain
from asr.resampling import FULL_SCALE, doubled

Sound = NDArray[np.float64]

_SOFT = 10.0 ** (15.0 / 20.0)
"""Gain that speech must want to be soft: below -35 dBFS."""
_SMALLEST = 120
"""Up to this mu-law's values are multiples of 8, at 16 bits; A-law's the odd ones among them, up to 504."""
_STEP = 8
_COMPANDED = 0.8
"""Share of small samples on the code's values: concealed ones are not, of linear ones an eighth is."""
_FRAME = 128
"""Samples at 8 kHz: 16 ms, by halves."""
_WINDOW: Sound = np.sin(np.pi * (np.arange(_FRAME) + 0.5) / _FRAME)
_NEIGHBOURS = (5, 3)
"""Frames and bins whose power is averaged: 40 ms, 190 Hz."""
_LEAST = 0.05
"""Power that is left of a bin without speech, times the noise's."""


def restored(audio: Waveform) -> Waveform:
    """Audio at the engine's rate that was doubled from 8 kHz, as near as may be to what was coded.

    Loud speech, and what has not come out of mu-law or A-law untouched, is returned as it is.
    """
    if speech_gain(audio) < _SOFT:
        return audio
    line = np.rint(audio[::2].astype(np.float64) * FULL_SCALE)
    steps = _steps(line)
    return audio if steps is None else doubled(_within_steps(line, steps))


def _steps(line: Sound) -> Sound | None:
    """Width of the step around each sample; None where they are not the code's values."""
    magnitude = np.abs(line)
    # Zeros tell nothing: any silence is made of them.
    small = line[(magnitude > 0) & (magnitude <= _SMALLEST)]
    if not len(small) or np.mean(small % _STEP == 0) < _COMPANDED:
        return None
    if np.mean(small % (2 * _STEP) == _STEP) >= _COMPANDED:
        return 2.0 * _STEP * 2.0 ** np.maximum(np.floor(np.log2(np.maximum(magnitude, 1) / 256)), 0)
    return _STEP * 2.0 ** np.floor(np.log2((magnitude + 132) / 132))


def _within_steps(line: Sound, steps: Sound) -> Sound:
    """The sound that was in these steps, as far as its neighbours in time and pitch tell."""
    power = _WINDOW**2
    noise = (_frames(steps**2) @ power / 12.0)[:, np.newaxis]
    spectra = np.fft.rfft(_frames(line) * _WINDOW, axis=1)
    speech = np.maximum(_averaged(np.abs(spectra) ** 2) - noise, _LEAST * noise)
    frames = np.fft.irfft(spectra * np.sqrt(speech / (speech + noise)), _FRAME, axis=1) * _WINDOW
    half = _FRAME // 2
    added = np.concatenate([frames[:, :half], np.zeros((1, half))])
    added[1:] += frames[:, half:]
    sound: Sound = np.clip(added.ravel()[half : half + len(line)], line - steps / 2, line + steps / 2)
    return sound


def _frames(line: Sound) -> Sound:
    """Frames of shape (count, _FRAME) that overlap by half; each sample lies in two."""
    half = _FRAME // 2
    padded = np.pad(line, (half, half + -len(line) % half))
    frames: Sound = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::half]
    return frames


def _averaged(power: Sound) -> Sound:
    """Each bin's mean with its neighbours."""
    for axis, reach in enumerate(_NEIGHBOURS):
        edges = [(0, 0), (0, 0)]
        edges[axis] = (reach // 2, reach // 2)
        padded = np.pad(power, edges, mode="edge")
        power = np.lib.stride_tricks.sliding_window_view(padded, reach, axis).mean(axis=-1)
    return power
