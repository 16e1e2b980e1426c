"""Audio as FunASR's servers can take it: PCM16 of ENGINE_RATE, little endian, mono, in messages of one size. Pure."""

from typing import Final

import numpy as np

from asr.engine import ENGINE_RATE, Waveform

SAMPLE_BYTES: Final = 2
BLOCK_MS: Final = 60
"""The unit of FunASR's chunk sizes, and of what its own clients send."""
BLOCK_SAMPLES: Final = BLOCK_MS * ENGINE_RATE // 1000
BLOCK_BYTES: Final = BLOCK_SAMPLES * SAMPLE_BYTES

_HISS = np.random.default_rng(0).choice(np.array([-1, 1], "<i2"), 16 * BLOCK_SAMPLES)
"""Beneath all that is sent. FunASR's voice activity detector takes the logarithm of the chance that it hears speech,
which may be nought where all samples are the same; and then funasr.bin.realtime_ws hangs up."""
SILENT_BLOCK: Final = _HISS[:BLOCK_SAMPLES].tobytes()


def pcm16(audio: Waveform) -> bytes:
    """The audio as it is sent."""
    samples = (audio.clip(-1.0, 1.0) * 32766.0).round().astype("<i2")
    return (samples + np.resize(_HISS, len(samples))).tobytes()


def blocks(pcm: bytes, size: int) -> list[bytes]:
    """The audio in messages of `size` bytes, the last filled up with silence: the Python server fails on shorter ones.

    It also takes audio that begins like a file of some format for one, and tries to decode it: a few samples of -1 look
    like MP3, and have cost it 17 s. So the first sample of each message is an even number.
    """
    missing = -len(pcm) % size
    padded = bytearray(pcm) + (SILENT_BLOCK * (missing // BLOCK_BYTES + 1))[:missing]
    padded[::size] = bytes(first & 0xFE for first in padded[::size])
    return [bytes(padded[start : start + size]) for start in range(0, len(padded), size)]
