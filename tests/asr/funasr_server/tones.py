"""A language of tones, that takes no model to hear: each word is one, with a short gap behind it."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from asr.engine import ENGINE_RATE, Waveform

WORDS = {"one": 500, "two": 700, "three": 900, "four": 1100, "你": 1300, "好": 1500, "吗": 1700}
"""Frequency of each word, in Hz."""
TONE_MS, GAP_MS = 240, 60
_FRAME_MS = 20
_FRAME = _FRAME_MS * ENGINE_RATE // 1000
_LOUD = 0.02


@dataclass(frozen=True, slots=True)
class Heard:
    """A word and where it is, in milliseconds from the first sample."""

    text: str
    start_ms: int
    end_ms: int


def said(text: str) -> Waveform:
    """The words of a text, each 300 ms; "-" is 300 ms of silence."""
    pieces = [np.zeros(0, np.float32)]
    for word in text.split():
        tone = _tone(WORDS[word]) if word != "-" else np.zeros(TONE_MS * ENGINE_RATE // 1000, np.float32)
        pieces += [tone, np.zeros(GAP_MS * ENGINE_RATE // 1000, np.float32)]
    return np.concatenate(pieces)


def heard(pcm: bytes) -> list[Heard]:
    """The words of PCM16 audio."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2") / 32768
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    found: list[Heard] = []
    place = 0
    for loud, run in groupby(np.abs(frames).mean(axis=1) > _LOUD):
        length = len(list(run))
        if loud and length * _FRAME_MS >= TONE_MS // 2:
            word = _word(frames[place : place + length].ravel())
            found.append(Heard(word, place * _FRAME_MS, (place + length) * _FRAME_MS))
        place += length
    return found


def _tone(frequency: int) -> Waveform:
    time = np.arange(TONE_MS * ENGINE_RATE // 1000) / ENGINE_RATE
    tone: Waveform = (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)
    return tone


def _word(samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    loudest = np.abs(np.fft.rfft(samples)).argmax() * ENGINE_RATE / len(samples)
    return min(WORDS, key=lambda word: abs(WORDS[word] - loudest))
