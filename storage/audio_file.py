"""A recording's bytes, wherever in the file they are asked for: as they lie on disk, or behind encryption."""

import io
import os
from typing import Protocol

from typing_extensions import Buffer


class AudioFile(Protocol):
    """The bytes of a WAV. Everything raises OSError; what is encrypted also RecordingDamaged."""

    @property
    def size(self) -> int:
        """Bytes of the WAV as far as it is there."""
        ...

    def pread(self, count: int, place: int) -> bytes:
        """`count` bytes from `place`, fewer where the file ends before."""
        ...

    def pwrite(self, block: bytes, place: int) -> None:
        """Write all of `block`; what lies between the end and `place` becomes zero."""
        ...

    def truncate(self, size: int) -> None: ...
    def sync(self) -> None:
        """Return once everything is on disk."""
        ...

    def close(self) -> None: ...


class PlainFile:
    """What is on disk is the WAV itself."""

    def __init__(self, file: int) -> None:
        """`file`: a descriptor, which this closes."""
        self._file = file

    @property
    def size(self) -> int:
        return os.fstat(self._file).st_size

    def pread(self, count: int, place: int) -> bytes:
        found = bytearray()
        while len(found) < count and (block := os.pread(self._file, count - len(found), place + len(found))):
            found += block
        return bytes(found)

    def pwrite(self, block: bytes, place: int) -> None:
        """A disk that fills up takes a part first and fails at the next write."""
        rest = memoryview(block)
        while rest:
            written = os.pwrite(self._file, rest, place)
            place += written
            rest = rest[written:]

    def truncate(self, size: int) -> None:
        os.ftruncate(self._file, size)

    def sync(self) -> None:
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


class AudioStream(io.RawIOBase):
    """An audio file to be read from front to end, or from where one likes; it closes the file."""

    def __init__(self, file: AudioFile) -> None:
        self._audio = file
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._audio.size}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        block = self._audio.pread(len(view), self._place)
        view[: len(block)] = block
        self._place += len(block)
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._audio.close()
        super().close()
