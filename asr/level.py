"""Loudness of an utterance: engines understand speech near -20 dBFS best, lines carry it anywhere. Pure."""

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform

TARGET_DBFS = -20.0
_MOST_GAIN_DB = 30.0
_LEAST_GAIN_DB = -10.0
_BLOCK = ENGINE_RATE // 50
_SPEECH_RANGE = 10.0 ** (-20.0 / 10.0)
"""A block counts as speech when its power is at most 20 dB below that of the loud ones."""
_CREST = 4.0
"""Times the power of the loud blocks that a block can count for."""
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
    # A click is not speech: what is far above nine tenths of the blocks counts as if it were not.
    loud = float(np.quantile(power, 0.9))
    speech = np.minimum(power[power >= loud * _SPEECH_RANGE], loud * _CREST)
    decibels = TARGET_DBFS - 10.0 * np.log10(max(float(speech.mean()), _FLOOR))
    return float(10.0 ** (np.clip(decibels, _LEAST_GAIN_DB, _MOST_GAIN_DB) / 20.0))
