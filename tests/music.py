"""Hold music without voices, made by code: strings, keys, winds and drums playing the same few chords."""

from collections.abc import Callable
from functools import cache

import numpy as np

from tests.sounds import RATE, Sound

_BEAT = RATE // 2
_CHORDS = ((0, 4, 7, 12), (9, 12, 16, 21), (5, 9, 12, 17), (7, 11, 14, 19))
"""Semitones above the key: one, six, four, five."""
_MELODY = (12, 14, 16, 19, 16, 14, 12, 9, 12, 16, 21, 19, 17, 16, 14, 11)
_KEY_HZ = 196.0

Instrument = Callable[[float, int], Sound]
"""A note of a frequency in Hz and a length in samples."""


@cache
def instrumental() -> dict[str, Sound]:
    """Pieces of 16 s."""
    drums, bass = _drums(), _played(plucked, _bass_line())
    return {
        "guitar arpeggio": _played(plucked, _arpeggio()),
        "piano arpeggio": _played(struck, _arpeggio()),
        "music box": _played(bell, [(start, note + 24, length) for start, note, length in _arpeggio()]),
        "organ chords": _played(organ, _block_chords()),
        "string chords": _played(bowed, _block_chords()),
        "flute melody": _played(blown, _melody()),
        "violin melody": _played(bowed, _melody()),
        "trumpet melody": _played(brass, _melody()),
        "piano melody": _played(struck, _melody()),
        "drums": drums,
        "bass": bass,
        "band": drums + bass + _played(plucked, _block_chords()) + _played(brass, _melody()),
        "orchestra": _played(bowed, _block_chords()) + _played(blown, _melody()) + 0.5 * bass,
        "quartet": sum((_played(bowed, _melody(shift)) for shift in (-12, -5, 4)), _played(bowed, _melody())),
        "synthesiser": _played(saw, _arpeggio()) + 0.5 * drums,
    }


def plucked(frequency: float, samples: int) -> Sound:
    """A string (Karplus and Strong, 1983): a burst of noise that goes round and is smoothed."""
    period = max(2, round(RATE / frequency))
    turn = np.random.default_rng(period).uniform(-1, 1, period)
    turns = []
    for _ in range(samples // period + 1):
        turns.append(turn)
        turn = 0.498 * (turn + np.roll(turn, 1))
    return np.concatenate(turns)[:samples]


def struck(frequency: float, samples: int) -> Sound:
    """A piano's string: high partials die first."""
    time_s = np.arange(samples) / RATE
    return sum(
        (np.sin(2 * np.pi * frequency * n * time_s) * np.exp(-2 * n * time_s) / n for n in range(2, 8)),
        np.sin(2 * np.pi * frequency * time_s) * np.exp(-2 * time_s),
    )


def bell(frequency: float, samples: int) -> Sound:
    time_s = np.arange(samples) / RATE
    ring = np.sin(2 * np.pi * frequency * time_s) + 0.5 * np.sin(2 * np.pi * 2.76 * frequency * time_s)
    return ring * np.exp(-5 * time_s)


def organ(frequency: float, samples: int) -> Sound:
    return _partials(frequency, samples, (1.0, 0.6, 0.0, 0.5, 0.0, 0.0, 0.0, 0.3))


def bowed(frequency: float, samples: int) -> Sound:
    """A string under a bow: all partials, vibrato, a soft beginning."""
    return _swelling(_partials(frequency, samples, tuple(1 / n for n in range(1, 15)), vibrato=0.008), 0.15)


def blown(frequency: float, samples: int) -> Sound:
    """A flute: few partials, vibrato, breath."""
    breath = np.random.default_rng(3).normal(0, 0.02, samples)
    return _swelling(_partials(frequency, samples, (1.0, 0.3, 0.1), vibrato=0.012) + breath, 0.08)


def brass(frequency: float, samples: int) -> Sound:
    return _swelling(_partials(frequency, samples, (0.6, 1.0, 0.9, 0.7, 0.5, 0.3, 0.2), vibrato=0.004), 0.05)


def saw(frequency: float, samples: int) -> Sound:
    return 2.0 * (np.arange(samples) * frequency / RATE % 1.0) - 1.0


def _partials(frequency: float, samples: int, strengths: tuple[float, ...], vibrato: float = 0.0) -> Sound:
    """Harmonics below half the rate; vibrato is the share by which the frequency swings, five times a second."""
    time_s = np.arange(samples) / RATE
    phase = 2 * np.pi * frequency * np.cumsum(1 + vibrato * np.sin(2 * np.pi * 5 * time_s)) / RATE
    sound = np.zeros(samples)
    for number, strength in enumerate(strengths, 1):
        if number * frequency < RATE * 0.45:
            sound += strength * np.sin(number * phase)
    return sound


def _swelling(sound: Sound, seconds: float) -> Sound:
    edge = np.clip(np.arange(len(sound)) / RATE / seconds, 0, 1)
    return sound * edge * edge[::-1]


Score = list[tuple[int, int, int]]
"""(beat, semitones above the key, beats): beats are half ones, eight to a chord."""


def _arpeggio() -> Score:
    return [(8 * bar + beat, chord[(0, 1, 2, 3, 2, 1, 2, 3)[beat]], 2) for bar, chord in _bars() for beat in range(8)]


def _block_chords() -> Score:
    return [(8 * bar, note, 8) for bar, chord in _bars() for note in chord]


def _bass_line() -> Score:
    return [(8 * bar + beat, chord[0] - 12, 2) for bar, chord in _bars() for beat in (0, 3, 4, 6)]


def _melody(shift: int = 0) -> Score:
    return [(4 * place, note + shift, 4) for place, note in enumerate(_MELODY)]


def _bars() -> list[tuple[int, tuple[int, ...]]]:
    return [(bar, _CHORDS[bar % len(_CHORDS)]) for bar in range(8)]


def _played(instrument: Instrument, score: Score) -> Sound:
    half = _BEAT // 2
    sound = np.zeros((8 * 8 + 8) * half)
    for beat, note, beats in score:
        samples = beats * half
        sound[beat * half : beat * half + samples] += instrument(_KEY_HZ * 2 ** (note / 12), samples)
    return sound


def _drums() -> Sound:
    """Bass drum, snare and cymbal."""
    random, half = np.random.default_rng(5), _BEAT // 2
    sound = np.zeros((8 * 8 + 8) * half)
    time_s = np.arange(half) / RATE
    kick = 2 * np.sin(2 * np.pi * (120 - 300 * time_s) * time_s) * np.exp(-12 * time_s)
    snare = random.normal(0, 0.5, half) * np.exp(-18 * time_s)
    cymbal = np.diff(random.normal(0, 0.2, half + 1)) * np.exp(-40 * time_s)
    for beat in range(8 * 8):
        struck_now = cymbal + (kick if beat % 4 == 0 else 0) + (snare if beat % 4 == 2 else 0)
        sound[beat * half : (beat + 1) * half] += struck_now
    return sound
