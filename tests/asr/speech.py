"""Speech and audio that tests always have: a reading of Dickens' first lines, from the package moonshine-voice."""

import wave
from functools import cache

import numpy as np
import soxr
from numpy.typing import NDArray

from asr.runtime import package_folder

RATE = 8_000
TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to heaven, we were all going direct the other way. In short, the period was "
    "so far like the present period, that some of its noisiest authorities insisted on its being received, for good or "
    "for evil, in the superlative degree of comparison only."
)
FIRST_LINE = "It was the best of times, it was the worst of times."
FIRST_LINE_S = 4.9
"""Where the pause after the first line is, in seconds."""


@cache
def two_cities() -> NDArray[np.int16]:
    """The reading as a telephone carries it: 8 kHz mu-law, 44 s."""
    with wave.open(str(package_folder("moonshine_voice") / "assets" / "two_cities.wav")) as recording:
        wide = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
        resampled: NDArray[np.int16] = soxr.resample(wide, recording.getframerate(), RATE)
    return through_mu_law(resampled)


def first_line() -> NDArray[np.int16]:
    """The reading's first line, speech from 1.22 s to 4.54 s, and silence until all is over."""
    return np.concatenate([two_cities()[: int(FIRST_LINE_S * RATE)], silence(0.6)])


def silence(seconds: float) -> NDArray[np.int16]:
    """An idle line: the faint noise that mu-law leaves."""
    noise = np.random.default_rng(0).normal(0.0, 4.0, int(seconds * RATE))
    return noise.astype(np.int16)


def through_mu_law(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """What is left of samples after ITU-T G.711 mu-law, by its continuous law in 256 steps."""
    scaled = samples / 32768.0
    compressed = np.sign(scaled) * np.log1p(255 * np.abs(scaled)) / np.log1p(255)
    stepped = np.round((compressed + 1) * 127.5) / 127.5 - 1
    expanded = np.sign(stepped) * (np.power(256.0, np.abs(stepped)) - 1) / 255
    samples_after: NDArray[np.int16] = np.clip(np.round(expanded * 32768), -32768, 32767).astype(np.int16)
    return samples_after
