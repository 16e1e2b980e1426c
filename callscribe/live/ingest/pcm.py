"""Audio as peers code it, into the signed 16-bit little-endian PCM of Callscribe."""

from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray

from callscribe.domain.audio import SAMPLE_BYTES

RATES = (8_000, 16_000)
"""Hz that recordings and recognisers take."""
Decoder = Callable[[bytes], bytes]


def call_rate(rate: int) -> int:
    """The rate of a call whose audio comes at `rate` Hz."""
    return rate if rate in RATES else RATES[-1]


def linear(data: bytes) -> bytes:
    """PCM as it is. Raises ValueError for half a sample."""
    if len(data) % SAMPLE_BYTES:
        raise ValueError("audio of 16 bits a sample has a whole number of samples")
    return data


def mu_law(data: bytes) -> bytes:
    """ITU-T G.711 mu-law."""
    return _MU_LAW[np.frombuffer(data, np.uint8)].tobytes()


def a_law(data: bytes) -> bytes:
    """ITU-T G.711 A-law."""
    return _A_LAW[np.frombuffer(data, np.uint8)].tobytes()


def split(data: bytes, channels: int) -> list[bytes]:
    """Interleaved PCM as each channel's own. Raises ValueError where not every channel has as many samples."""
    if len(data) % (SAMPLE_BYTES * channels):
        raise ValueError("interleaved audio has as many samples of each channel")
    frames = np.frombuffer(data, "<i2").reshape(-1, channels)
    return [frames[:, channel].tobytes() for channel in range(channels)]


class Resampler:
    """One channel's stream at `rate` Hz brought to `call_rate(rate)`."""

    def __init__(self, rate: int) -> None:
        self._stream = soxr.ResampleStream(rate, call_rate(rate), 1, dtype="int16") if rate not in RATES else None

    def take(self, pcm: bytes) -> bytes:
        """What is known of the output now: some hundredths of a second are held back."""
        return self._resampled(pcm, last=False) if self._stream else pcm

    def rest(self) -> bytes:
        """What was held back. Nothing may be taken after it."""
        return self._resampled(b"", last=True) if self._stream else b""

    def _resampled(self, pcm: bytes, *, last: bool) -> bytes:
        assert self._stream is not None
        return bytes(self._stream.resample_chunk(np.frombuffer(pcm, "<i2"), last=last).astype("<i2").tobytes())


def _mu_law_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 132) << ((code & 0x70) >> 4)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype("<i2")


def _a_law_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code & 0x70) >> 4
    step = (code & 0x0F) << 4
    magnitude = np.where(exponent == 0, step + 8, (step + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype("<i2")


_MU_LAW = _mu_law_table()
_A_LAW = _a_law_table()
