"""What happens to a voice before it reaches a recogniser: distance, noise, level, the telephone's codec."""

from collections.abc import Sequence

import numpy as np

from benchmarks.corpus import RATE, Channel, Pcm, Sound, to_pcm
from tests.acceptance.speech import mu_law

_TALKERS = 8
"""Voices at once: a busy room, in which no single one is understood."""


def lowered(channel: Channel, db: float) -> Pcm:
    """The channel `db` lower."""
    return to_pcm(channel.pcm * 10 ** (-db / 20))


def in_white_noise(channel: Channel, snr_db: float) -> Pcm:
    """White noise beneath, `snr_db` below the speech (mean power over the turns)."""
    noise = np.random.default_rng(1).standard_normal(len(channel.pcm))
    return _mixed(channel, noise, snr_db)


def in_babble(channel: Channel, snr_db: float, voices: Sequence[Pcm]) -> Pcm:
    """Other people's talk beneath, `snr_db` below the speech."""
    random = np.random.default_rng(2)
    speech = np.concatenate(voices).astype(np.float64)
    talk = np.zeros(len(channel.pcm))
    for _ in range(_TALKERS):
        talk += np.resize(np.roll(speech, int(random.integers(len(speech)))), len(talk))
    return _mixed(channel, talk, snr_db)


def far_field(channel: Channel, rt60_s: float) -> Pcm:
    """In a room that takes `rt60_s` to fall by 60 dB, the direct sound as strong as the room's (0 dB).

    The response is Polack's statistical model: white noise under an exponential, 3 ms after the direct sound.
    """
    random = np.random.default_rng(3)
    time = np.arange(int(rt60_s * RATE)) / RATE
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    response = np.concatenate([[1.0], np.zeros(RATE * 3 // 1000), tail / np.sqrt(np.sum(tail**2))])
    size = len(channel.pcm) + len(response) - 1
    spectrum = np.fft.rfft(channel.pcm, size) * np.fft.rfft(response, size)
    room = np.fft.irfft(spectrum, size)[: len(channel.pcm)]
    return to_pcm(room * (_speech_level(channel, channel.pcm.astype(np.float64)) / _speech_level(channel, room)))


def by_telephone(pcm: Pcm) -> Pcm:
    """As it comes out of G.711 mu-law."""
    return _DECODED[np.frombuffer(mu_law(pcm), np.uint8)]


def _mu_law_values() -> Pcm:
    """The 16-bit value of each mu-law byte (ITU-T G.711, table 2a)."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((((code & 0x0F).astype(np.int32) << 3) + 132) << ((code >> 4) & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_DECODED = _mu_law_values()


def _mixed(channel: Channel, noise: Sound, snr_db: float) -> Pcm:
    speech = channel.pcm.astype(np.float64)
    wanted = _speech_level(channel, speech) * 10 ** (-snr_db / 20)
    return to_pcm(speech + noise * (wanted / np.sqrt(np.mean(noise**2))))


def _speech_level(channel: Channel, sound: Sound) -> float:
    """Root mean square over the turns."""
    return float(np.sqrt(np.mean(np.concatenate([sound[turn.start : turn.end] for turn in channel.turns]) ** 2)))
