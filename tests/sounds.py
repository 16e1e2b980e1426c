"""Sounds of telephone lines that are no speech, made by code: tones and their cadences, fax and modems, hum and noise.

Sources: ITU-T E.180 supplement 2 (national tones), Q.23 (DTMF), Q.35 (special information tone), T.30, V.8, V.21, V.22,
V.25, Telcordia GR-506 (North America).
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
Samples = NDArray[np.int16]
Sound = NDArray[np.float64]
"""Mono at RATE, at any level."""

_DTMF_ROWS, _DTMF_COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def at_level(sound: Sound, dbfs: float) -> Samples:
    """The sound with the root mean square of its loudest second at `dbfs` below full scale; peaks are cut off."""
    blocks = sound[: max(1, len(sound) // RATE) * RATE].reshape(-1, min(RATE, len(sound)))
    loudest = float(np.sqrt(np.max(np.mean(blocks**2, axis=1))))
    scaled = sound * (32768 * 10 ** (dbfs / 20) / max(loudest, 1e-9))
    samples: Samples = np.clip(np.round(scaled), -32768, 32767).astype(np.int16)
    return samples


def tone(frequencies: Sequence[float], seconds: float) -> Sound:
    """Sines of equal strength; none: silence."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    sound: Sound = np.zeros(len(time_s))
    for frequency in frequencies:
        sound += np.sin(2 * np.pi * frequency * time_s)
    return sound


def cadence(*parts: tuple[Sequence[float], float], times: int = 1) -> Sound:
    """(frequencies in Hz, seconds) one after another, all of it so many times."""
    return np.tile(np.concatenate([tone(frequencies, seconds) for frequencies, seconds in parts]), times)


@cache
def telephone_tones() -> dict[str, Sound]:
    """What exchanges say without words."""
    return {
        "dial US": tone((350, 440), 10),
        "ring US": cadence(((440, 480), 2), ((), 4), times=3),
        "busy US": cadence(((480, 620), 0.5), ((), 0.5), times=12),
        "reorder US": cadence(((480, 620), 0.25), ((), 0.25), times=24),
        "call waiting US": cadence(((440,), 0.3), ((), 4), times=3),
        "off hook US": cadence(((1400, 2060, 2450, 2600), 0.1), ((), 0.1), times=60),
        "SIT intercept": cadence(((913.8,), 0.274), ((1370.6,), 0.274), ((1776.7,), 0.38), ((), 1), times=5),
        "SIT no circuit": cadence(((985.2,), 0.38), ((1428.5,), 0.38), ((1776.7,), 0.38), ((), 1), times=5),
        "dial UK": tone((350, 450), 10),
        "ring UK": cadence(((400, 450), 0.4), ((), 0.2), ((400, 450), 0.4), ((), 2), times=5),
        "busy UK": cadence(((400,), 0.375), ((), 0.375), times=16),
        "congestion UK": cadence(((400,), 0.4), ((), 0.35), ((400,), 0.225), ((), 0.525), times=8),
        "unobtainable UK": tone((400,), 10),
        "dial DE": tone((425,), 10),
        "ring DE": cadence(((425,), 1), ((), 4), times=3),
        "busy DE": cadence(((425,), 0.48), ((), 0.48), times=12),
        "congestion DE": cadence(((425,), 0.24), ((), 0.24), times=24),
        "SIT DE": cadence(((950,), 0.33), ((1400,), 0.33), ((1800,), 0.33), ((), 1), times=5),
        "dial FR": tone((440,), 10),
        "dial stutter": cadence(((350, 440), 0.1), ((), 0.1), times=50),
        "recording beep": cadence(((1400,), 0.4), ((), 4.6), times=3),
        "test tone": tone((1004,), 10),
        "conference chime": cadence(((880,), 0.2), ((660,), 0.3), ((), 2), times=5),
    }


@cache
def signals() -> dict[str, Sound]:
    """Digits, fax machines, modems and text telephones."""
    digits = [(low, high) for low in _DTMF_ROWS for high in _DTMF_COLUMNS]
    return {
        "DTMF": cadence(*(part for pair in digits for part in ((pair, 0.1), ((), 0.1))), times=3),
        "DTMF slow": cadence(*(part for pair in digits for part in ((pair, 0.35), ((), 0.25)))),
        "DTMF quick": cadence(*(part for pair in digits for part in ((pair, 0.05), ((), 0.05))), times=6),
        "DTMF held": cadence(*(part for pair in digits[:6] for part in ((pair, 1.5), ((), 0.2)))),
        "MF": cadence(*(((low, low + 200), 0.068) for low in (700, 900, 1100, 1300, 1500)), ((), 0.4), times=10),
        "pulse dialling": _pulses(),
        "fax CNG": cadence(((1100,), 0.5), ((), 3), times=4),
        "fax CED": cadence(((2100,), 3), ((), 1), times=2),
        "fax ANSam": _answer_tone(),
        "fax V.21": keyed(1650, 1850, 300, 6),
        "fax flags": keyed(1650, 1850, 300, 3, bits=(0, 1, 1, 1, 1, 1, 1, 0)),
        "fax page V.29": phased(1700, 2400, 8),
        "fax page V.17": phased(1800, 2400, 8),
        "modem V.21 low": keyed(980, 1180, 300, 6),
        "modem Bell 103": keyed(2025, 2225, 300, 6),
        "modem Bell 202": keyed(1200, 2200, 1200, 6),
        "modem V.22": phased(1200, 600, 4) + phased(2400, 600, 4) + tone((1800,), 4),
        "modem V.32": cadence(((1800,), 1.5), ((600, 3000), 1.5), times=3),
        "modem V.34 probe": cadence((tuple(range(150, 3800, 150)), 2), ((), 0.3), times=3),
        "modem handshake": np.concatenate([_answer_tone(), keyed(980, 1180, 300, 2), phased(1800, 2400, 4)]),
        "caller id": np.concatenate([keyed(1200, 2200, 1200, 0.6), tone((), 2)] * 4),
        "text telephone": keyed(1400, 1800, 45.45, 8),
        "GSM buzz": _bursts(217),
    }


@cache
def noises() -> dict[str, Sound]:
    """What lines, rooms and machines add."""
    random = np.random.default_rng(11)
    white = random.normal(0, 1, 10 * RATE)
    return {
        "white noise": white,
        "pink noise": _coloured(white, 0.5),
        "brown noise": _coloured(white, 1.0),
        "blue noise": _coloured(white, -0.5),
        "hum 50": tone((50,), 10),
        "hum 60": tone((60,), 10),
        "buzz 50": _buzz(50),
        "buzz 60": _buzz(60),
        "buzz 100": _buzz(100),
        "clicks": _clicks(random, 3),
        "crackle": _clicks(random, 60),
        "keyboard": _strokes(random),
        "noise in bursts": white * (np.arange(len(white)) % RATE < RATE // 3),
        "breath": _coloured(white, 0.3) * np.sin(2 * np.pi * np.arange(len(white)) / RATE / 4) ** 4,
        "fan": _coloured(white, 0.8) * (1 + 0.3 * np.sin(2 * np.pi * 23 * np.arange(len(white)) / RATE)),
        "siren": sweep(lambda time_s: 900 + 300 * np.sin(2 * np.pi * 0.4 * time_s), 10),
        "yelp": sweep(lambda time_s: 700 + 700 * (time_s * 3 % 1), 10),
        "chirp": sweep(lambda time_s: 300 + 300 * time_s, 10),
        "alarm": cadence(((2000,), 0.12), ((), 0.08), ((2000,), 0.12), ((), 0.6), times=11),
    }


def sweep(frequency: Callable[[Sound], Sound], seconds: float) -> Sound:
    """A sine whose frequency in Hz is a function of time in seconds."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * np.cumsum(frequency(time_s)) / RATE)


def keyed(zero: float, one: float, baud: float, seconds: float, bits: Sequence[int] | None = None) -> Sound:
    """Frequency shift keying of the bits over and over, of random bits where none are given."""
    places = (np.arange(int(seconds * RATE)) / RATE * baud).astype(np.int64)
    data = np.array(bits or np.random.default_rng(int(one)).integers(0, 2, places[-1] + 1))
    return np.sin(2 * np.pi * np.cumsum(np.where(data[places % len(data)], one, zero)) / RATE)


def phased(carrier: float, baud: float, seconds: float) -> Sound:
    """Random phase and amplitude keying with eight phases, as fast modems sound."""
    random = np.random.default_rng(int(carrier))
    time_s = np.arange(int(seconds * RATE)) / RATE
    places = (time_s * baud).astype(np.int64)
    phases = np.cumsum(random.integers(0, 8, places[-1] + 1)) * np.pi / 4
    strengths = random.choice([0.6, 1.0], places[-1] + 1)
    sound: Sound = strengths[places] * np.sin(2 * np.pi * carrier * time_s + phases[places])
    return sound


def _answer_tone() -> Sound:
    """2100 Hz, its strength swinging at 15 Hz, its phase turned every 450 ms (V.8)."""
    time_s = np.arange(4 * RATE) / RATE
    turned = np.where((time_s / 0.45).astype(np.int64) % 2, -1.0, 1.0)
    return turned * (1 + 0.2 * np.sin(2 * np.pi * 15 * time_s)) * np.sin(2 * np.pi * 2100 * time_s)


def _buzz(base: float) -> Sound:
    """Mains hum with its harmonics."""
    return sum((tone((base * n,), 10) / n for n in range(2, 20)), tone((base,), 10))


def _bursts(rate: float) -> Sound:
    """A telephone beside the receiver: short pulses, on and off."""
    time_s = np.arange(8 * RATE) / RATE
    return np.where((time_s * rate % 1 < 0.125) & (time_s % 2 < 1.2), 1.0, 0.0)


def _pulses() -> Sound:
    sound = np.zeros(8 * RATE)
    for digit, start in enumerate(range(0, len(sound) - 2 * RATE, RATE), 3):
        sound[start : start + digit * RATE // 10 : RATE // 10] = 1.0
    return sound + np.roll(sound, 3) * -0.7 + np.roll(sound, 7) * 0.4


def _coloured(white: Sound, power: float) -> Sound:
    """Noise whose amplitude falls with the frequency's power."""
    spectrum = np.fft.rfft(white)
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 20.0) ** power, len(white))


def _clicks(random: np.random.Generator, a_second: float) -> Sound:
    sound = np.zeros(10 * RATE)
    places = random.integers(0, len(sound), int(10 * a_second))
    sound[places] = random.normal(0, 1, len(places))
    return sound


def _strokes(random: np.random.Generator) -> Sound:
    """Keys of a keyboard: bursts of noise of 15 ms that die away."""
    sound = np.zeros(10 * RATE)
    length = RATE // 66
    for start in random.integers(0, len(sound) - length, 50):
        sound[start : start + length] += random.normal(0, 1, length) * np.exp(-np.arange(length) / 25)
    return sound
