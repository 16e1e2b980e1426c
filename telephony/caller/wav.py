"""WAV files as telephone audio: PCM, float, A-law and mu-law, any rate and number of channels."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from callscribe.domain.errors import UnreadableAudio

_EXTENSIBLE = 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_SUBFORMAT_OFFSET = 24
"""Of the code in the GUID at the end of an extensible format chunk."""


def read_wav(path: Path, rate: int) -> bytes:
    """A WAV file as signed 16-bit little-endian mono PCM at `rate` Hz; several channels are mixed.

    Raises UnreadableAudio for a file that is missing, is no WAV, or has a coding not listed above.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableAudio(f"{path} cannot be read: {error.strerror}") from error
    chunks = dict(_chunks(content))
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE" or len(chunks.get(b"fmt ", b"")) < _FORMAT.size:
        raise UnreadableAudio(f"{path} is no WAV file: convert it first, for example with `sox {path} audio.wav`")
    coding, channels, own_rate, _, _, bits = _FORMAT.unpack_from(chunks[b"fmt "])
    if coding == _EXTENSIBLE and len(chunks[b"fmt "]) >= _SUBFORMAT_OFFSET + 2:
        (coding,) = struct.unpack_from("<H", chunks[b"fmt "], _SUBFORMAT_OFFSET)
    samples = _decode(chunks.get(b"data", b""), coding, bits)
    if samples is None or not channels or not own_rate:
        raise UnreadableAudio(f"{path} has WAV coding {coding} with {bits} bits: use 16-bit PCM or mu-law")
    mono: NDArray[np.float32] = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)
    if own_rate != rate:
        mono = soxr.resample(mono, own_rate, rate, quality="HQ")
    return bytes((np.clip(mono, -1.0, 1.0) * 32767).round().astype("<i2"))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file. One that is cut short, or never got its size, ends with the file."""
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name, content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _decode(data: bytes, coding: int, bits: int) -> NDArray[np.float32] | None:
    """Samples from -1 to 1, channels interleaved, or None for an unknown coding (RFC 2361 lists the codes)."""
    data = data[: len(data) // max(1, bits // 8) * max(1, bits // 8)]
    match coding, bits:
        case (1, 8):
            return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        case (1, 16 | 32):
            return np.frombuffer(data, np.dtype(f"<i{bits // 8}")).astype(np.float32) * np.float32(2.0 ** (1 - bits))
        case (1, 24):
            octets = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
            value = (octets[:, 0] << 8) | (octets[:, 1] << 16) | (octets[:, 2] << 24)
            return value.astype(np.float32) * np.float32(2.0**-31)
        case (3, 32 | 64):
            return np.frombuffer(data, np.dtype(f"<f{bits // 8}")).astype(np.float32)
        case (6, 8):
            return _from_alaw(np.frombuffer(data, np.uint8))
        case (7, 8):
            return _from_mulaw(np.frombuffer(data, np.uint8))
    return None


def _from_mulaw(octets: NDArray[np.uint8]) -> NDArray[np.float32]:
    """ITU-T G.711 mu-law."""
    code = (~octets).astype(np.int32)
    magnitude = (((code & 0x0F) << 3) + 132 << ((code & 0x70) >> 4)) - 132
    return (np.where(code & 0x80, -magnitude, magnitude) / 32768).astype(np.float32)


def _from_alaw(octets: NDArray[np.uint8]) -> NDArray[np.float32]:
    """ITU-T G.711 A-law."""
    code = (octets ^ 0x55).astype(np.int32)
    exponent = (code & 0x70) >> 4
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(exponent == 0, step, (step + 256) << np.maximum(exponent - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) / 32768).astype(np.float32)
