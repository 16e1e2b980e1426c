"""The header of a recording: RIFF WAVE with 16-bit PCM, 44 bytes, then the interleaved samples."""

import struct
from dataclasses import dataclass

from callscribe.domain.audio import SAMPLE_BYTES
from callscribe.domain.errors import StorageError

_LAYOUT = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_BYTES = _LAYOUT.size
PCM = 1
"""WAVE_FORMAT_PCM."""
MAX_DATA_BYTES = 0xFFFF_FFFF - HEADER_BYTES
"""What the two 32-bit sizes can tell: 37 hours of two channels at 8 kHz."""


@dataclass(frozen=True, slots=True)
class WaveHeader:
    """What a recording's header says."""

    rate: int
    """Hz."""
    channels: int
    data_bytes: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * SAMPLE_BYTES

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return self.data_bytes // self.frame_bytes

    def to_bytes(self) -> bytes:
        return _LAYOUT.pack(
            b"RIFF",
            self.data_bytes + HEADER_BYTES - 8,
            b"WAVE",
            b"fmt ",
            16,
            PCM,
            self.channels,
            self.rate,
            self.rate * self.frame_bytes,
            self.frame_bytes,
            SAMPLE_BYTES * 8,
            b"data",
            self.data_bytes,
        )

    @staticmethod
    def parse(head: bytes) -> "WaveHeader":
        """Raises StorageError for anything but a header that `to_bytes` writes, whatever its sizes."""
        if len(head) < HEADER_BYTES:
            raise StorageError("the recording is shorter than its header")
        riff, _, wave, fmt, size, form, channels, rate, _, frame, bits, data, length = _LAYOUT.unpack_from(head)
        if (riff, wave, fmt, size, form, data) != (b"RIFF", b"WAVE", b"fmt ", 16, PCM, b"data"):
            raise StorageError("the file is no recording of this service")
        if rate == 0 or channels == 0 or bits != SAMPLE_BYTES * 8 or frame != channels * SAMPLE_BYTES:
            raise StorageError("the file is no recording of this service")
        return WaveHeader(rate, channels, length)
