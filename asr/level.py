"""Loudness of an utterance: engines understand speech near -20 dBFS best, lines carry it anywhere. Pure."""

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform

TARGET_DBFS = -20.0
_MOST_GAIN_DB = 30.0
_LEAST_GAIN_DB = -10.0
_BLOCK = ENGINE_RATE // 50
_SPEECH_RANGE = 10.0 ** (-20.0 / 10.0)
"""A block counts as speech when its power is at most 20 dB below the loudest one's."""
_FLOOR = 1e-10


def leveled(audio: Waveform) -> Waveform:
    """The audio with its speech brought to TARGET_DBFS, by one gain of -10 to 30 dB; peaks are held at full scale."""
    louder: Waveform = np.clip(audio * np.float32(speech_gain(audio)), -1.0, 1.0)
    return louder


def speech_gain(audio: Waveform) -> float:
    """Factor that brings the mean power of the loud 20 ms blocks to TARGET_DBFS; 1 for audio under 20 ms."""
    count = len(audio) // _BLOCK
    if not count:
        return 1.0
    blocks: NDArray[np.float32] = audio[: count * _BLOCK].reshape(count, _BLOCK)
    power = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64) / _BLOCK
    # The loudest block may be a click: the second loudest of a tenth stands for it.
    loudest = float(np.partition(power, -max(1, count // 10))[-max(1, count // 10)])
    speech = power[power >= loudest * _SPEECH_RANGE]
    decibels = TARGET_DBFS - 10.0 * np.log10(max(float(speech.mean()), _FLOOR))
    return float(10.0 ** (np.clip(decibels, _LEAST_GAIN_DB, _MOST_GAIN_DB) / 20.0))
