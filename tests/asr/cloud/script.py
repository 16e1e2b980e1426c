"""A language for fake services: half a second of a tone is a word, so that what they write tells what they heard."""

import numpy as np

from asr.engine import ENGINE_RATE, Waveform

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
WORD = ENGINE_RATE // 2
"""Samples of a word."""
_LOWEST_HZ, _STEP_HZ = 400, 100


def said(*numbers: int) -> Waveform:
    """Audio in which these words are said."""
    time = np.arange(WORD) / ENGINE_RATE
    tones = [0.3 * np.sin(2 * np.pi * (_LOWEST_HZ + _STEP_HZ * number) * time + 0.1) for number in numbers]
    return np.concatenate([np.zeros(0), *tones]).astype(np.float32)


def understood(pcm: bytes) -> list[str]:
    """The words of whole half seconds; whatever else they hold is some word too, and silence is none."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
    blocks = samples[: len(samples) // WORD * WORD].reshape(-1, WORD).astype(np.int32)
    found: list[str] = []
    for block in blocks:
        # A tone of f Hz changes its sign f times in half a second.
        crossings = int(np.count_nonzero(np.diff(np.signbit(block))))
        if np.abs(block).max() > 300:
            found.append(WORDS[round((crossings - _LOWEST_HZ) / _STEP_HZ) % len(WORDS)])
    return found
