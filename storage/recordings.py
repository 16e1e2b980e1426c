"""Recordings on disk: one WAV a call, a channel for each party, written while people speak."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk, ms_to_samples
from callscribe.domain.call import Call
from callscribe.domain.errors import RecordingNotFound, StorageError
from storage.records import ChannelRange, RecordingFile
from storage.wave import HEADER_BYTES, MAX_DATA_BYTES, WaveHeader

log = structlog.get_logger()

BATCH_MS = 100
"""Audio of every channel that is written at once."""
LAG_MS = 200
"""Audio of one channel that may wait for the others'."""
SPAN_GAP_MS = 1000
"""Chunks further apart than this are written one by one, so that a leap in time takes no memory."""
COPY_FRAMES = 1 << 18
BLEEP_HZ = 1000
BLEEP_LEVEL = 0.15 * 32768
"""Its amplitude: as loud as speech."""
FILE_MODE = 0o640
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
MAKE_ATTEMPTS = 3
SAMPLE = np.dtype("<i2")

Frames = NDArray[np.int16]
"""Shape (samples, channels)."""


def recording_path(call: Call) -> Path:
    """Where in the recordings folder the call's WAV belongs: in a folder for its day (UTC), 2026/11/21/<id>.wav."""
    return Path(f"{call.started_at.astimezone(UTC):%Y/%m/%d}") / f"{call.id}.wav"


class RecordingWriter:
    """Writes a call's WAV as its audio comes; not safe for two threads at once.

    Every sample has its place: what no chunk brings stays zero, a channel that is late is put beside what the others
    wrote before, and of a channel's audio that comes twice the first stands. The file is a valid WAV after each batch,
    and at most 200 ms behind what was given.

    Where the disk fails or the file is full (4 GiB), the first write that notices raises StorageError; later ones try
    again silently and count what is lost, so that the call goes on.
    """

    def __init__(self, path: Path, rate: int, channels: int) -> None:
        """Make the file and its folder. Raises StorageError when that fails or the file exists."""
        if rate <= 0 or channels <= 0:
            raise ValueError("rate and channels must be above 0")
        self._path = path
        self._rate = rate
        self._ends = [0] * channels
        self._pending: list[AudioChunk] = []
        self._samples = 0
        self._lost = 0
        self._failed = False
        self._closed = False
        try:
            self._file = _make(path)
            self._write_header()
        except OSError as error:
            raise StorageError(f"the recording {path} cannot be made: {error.strerror}") from error

    @property
    def channels(self) -> int:
        return len(self._ends)

    @property
    def lost_samples(self) -> int:
        """Samples that could not be written, all channels together."""
        return self._lost

    def write(self, chunk: AudioChunk) -> None:
        """Take a chunk. What its channel has up to `chunk.offset` and beyond is kept; a gap before it is silence.

        A chunk of a channel that the file does not have is counted as lost. Raises StorageError, once.
        """
        if chunk.channel >= self.channels:
            self._lost += chunk.samples
            return
        known = max(0, self._ends[chunk.channel] - chunk.offset)
        if known >= chunk.samples:
            return
        pcm = chunk.pcm[known * SAMPLE_BYTES : chunk.samples * SAMPLE_BYTES]
        self._pending.append(AudioChunk(chunk.channel, chunk.offset + known, pcm))
        self._ends[chunk.channel] = chunk.end
        waiting = [0] * self.channels
        for other in self._pending:
            waiting[other.channel] += other.samples
        if sum(waiting) >= self._ms(BATCH_MS) * self.channels or max(waiting) >= self._ms(LAG_MS):
            self.flush()

    def flush(self) -> None:
        """Write everything that was given. Raises StorageError, once."""
        pending, self._pending = self._pending, []
        try:
            for span in _spans(pending, self._ms(SPAN_GAP_MS)):
                self._write_span(span)
            if pending:
                self._write_header()
        except OSError as error:
            self._lost += sum(chunk.samples for chunk in pending)
            self._fail(f"the recording {self._path} cannot be written: {error.strerror}", error)

    def add_channel(self) -> int:
        """Make room for a channel that joins now, silent until now, and return its index.

        The file is rewritten beside its place and moved there, so that a crash leaves one of the two. Raises
        StorageError when there is no room for it; the recording then goes on without the channel.
        """
        self.flush()
        wider = _beside(self._path)
        try:
            copy = os.open(wider, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
            try:
                self._copy_wider(copy)
                os.replace(wider, self._path)
            except OSError:
                os.close(copy)
                wider.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StorageError(f"the recording {self._path} cannot take a channel more: {error.strerror}") from error
        os.close(self._file)
        self._file = copy
        self._ends.append(0)
        return self.channels - 1

    def close(self) -> RecordingFile:
        """Write what is left and end the file; what cannot be written is counted. A second close changes nothing."""
        if not self._closed:
            with suppress(StorageError):
                self.flush()
            with suppress(OSError):
                os.fdatasync(self._file)
            os.close(self._file)
            self._closed = True
        header = self._header()
        return RecordingFile(
            self._path, self._rate, self.channels, self._samples, bytes=HEADER_BYTES + header.data_bytes
        )

    def _ms(self, ms: int) -> int:
        return ms_to_samples(ms, self._rate)

    def _header(self) -> WaveHeader:
        return WaveHeader(self._rate, self.channels, self._samples * self.channels * SAMPLE_BYTES)

    def _write_header(self) -> None:
        _write_at(self._file, 0, self._header().to_bytes())

    def _write_span(self, span: Sequence[AudioChunk]) -> None:
        """Write chunks that lie close together as one block, over what is on disk already."""
        start, end = span[0].offset, max(chunk.end for chunk in span)
        frame_bytes = self._header().frame_bytes
        if end * frame_bytes > MAX_DATA_BYTES:
            raise OSError(errno.EFBIG, "a WAV ends at 4 GiB")
        frames = np.zeros((end - start, self.channels), SAMPLE)
        if start < self._samples:
            old = read_frames(self._file, self.channels, start, min(end, self._samples))
            frames[: len(old)] = old
        for chunk in span:
            frames[chunk.offset - start : chunk.end - start, chunk.channel] = np.frombuffer(chunk.pcm, SAMPLE)
        _write_at(self._file, HEADER_BYTES + start * frame_bytes, frames.tobytes())
        self._samples = max(self._samples, end)

    def _copy_wider(self, copy: int) -> None:
        header = WaveHeader(self._rate, self.channels + 1, self._samples * (self.channels + 1) * SAMPLE_BYTES)
        _write_at(copy, 0, header.to_bytes())
        for start in range(0, self._samples, COPY_FRAMES):
            old = read_frames(self._file, self.channels, start, min(start + COPY_FRAMES, self._samples))
            wide = np.zeros((len(old), self.channels + 1), SAMPLE)
            wide[:, : self.channels] = old
            _write_at(copy, HEADER_BYTES + start * header.frame_bytes, wide.tobytes())

    def _fail(self, sentence: str, cause: OSError) -> None:
        if self._failed:
            return
        self._failed = True
        log.error("recording_incomplete", path=str(self._path), reason=sentence)
        raise StorageError(sentence) from cause


def _make(path: Path) -> int:
    """Open a new file; its folder is made, again where whoever removes empty ones was quicker. Raises OSError."""
    for _ in range(MAKE_ATTEMPTS - 1):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return os.open(path, NEW_FILE, FILE_MODE)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, NEW_FILE, FILE_MODE)


def repair(path: Path) -> RecordingFile:
    """Make the header of a recording whose writer died tell the truth, and cut off half a frame.

    Raises RecordingNotFound, or StorageError when the file is no recording.
    """
    _beside(path).unlink(missing_ok=True)
    try:
        with path.open("r+b") as file:
            header = WaveHeader.parse(file.read(HEADER_BYTES))
            held = (os.fstat(file.fileno()).st_size - HEADER_BYTES) // header.frame_bytes
            true = WaveHeader(header.rate, header.channels, held * header.frame_bytes)
            file.truncate(HEADER_BYTES + true.data_bytes)
            file.seek(0)
            file.write(true.to_bytes())
    except FileNotFoundError:
        raise RecordingNotFound from None
    except OSError as error:
        raise StorageError(f"the recording {path} cannot be repaired: {error.strerror}") from error
    return RecordingFile(path, true.rate, true.channels, true.samples, bytes=HEADER_BYTES + true.data_bytes)


def read_channel(path: Path, channel: int, start: int, end: int) -> NDArray[np.int16]:
    """Samples `start` to `end` (exclusive) of one channel, cut to what the recording has; shape (samples,).

    Raises RecordingNotFound, StorageError when the file is no recording, ValueError for a channel it does not have.
    """
    try:
        with path.open("rb") as file:
            header = WaveHeader.parse(file.read(HEADER_BYTES))
            if not 0 <= channel < header.channels:
                raise ValueError(f"the recording has {header.channels} channels")
            start = max(0, start)
            frames = read_frames(file.fileno(), header.channels, start, max(start, min(end, header.samples)))
    except FileNotFoundError:
        raise RecordingNotFound from None
    except OSError as error:
        raise StorageError(f"the recording {path} cannot be read: {error.strerror}") from error
    return np.ascontiguousarray(frames[:, channel], dtype=np.int16)


def bleep(path: Path, ranges: Sequence[ChannelRange]) -> None:
    """Put a tone over these ranges of a recording that is closed; the other channels stay as they are. Of a channel
    that it has not there is nothing to cover.

    What is there already is written over with the same samples: a second time, or after a crash, the file becomes the
    same. It is a valid WAV at any moment, and on disk when this returns. Raises RecordingNotFound, or StorageError when
    the file is no recording or cannot be written.
    """
    try:
        with path.open("r+b") as file:
            header = WaveHeader.parse(file.read(HEADER_BYTES))
            for found in (found for found in ranges if found.channel < header.channels):
                for start in range(found.start, min(found.end, header.samples), COPY_FRAMES):
                    end = min(found.end, header.samples, start + COPY_FRAMES)
                    frames = read_frames(file.fileno(), header.channels, start, end).copy()
                    frames[:, found.channel] = _tone(start, start + len(frames), header.rate)
                    _write_at(file.fileno(), HEADER_BYTES + start * header.frame_bytes, frames.tobytes())
            os.fdatasync(file.fileno())
    except FileNotFoundError:
        raise RecordingNotFound from None
    except OSError as error:
        raise StorageError(f"the recording {path} cannot be bleeped: {error.strerror}") from error


def _tone(start: int, end: int, rate: int) -> NDArray[np.int16]:
    """The same samples wherever a range begins."""
    wave = np.sin(2 * np.pi * BLEEP_HZ / rate * np.arange(start, end)) * BLEEP_LEVEL
    samples: NDArray[np.int16] = wave.round().astype(SAMPLE)
    return samples


def _spans(chunks: Sequence[AudioChunk], gap: int) -> Iterator[Sequence[AudioChunk]]:
    """The chunks in order of time, in runs without a hole longer than `gap` samples."""
    run: list[AudioChunk] = []
    end = 0
    for chunk in sorted(chunks, key=lambda chunk: chunk.offset):
        if run and chunk.offset > end + gap:
            yield run
            run = []
        run.append(chunk)
        end = max(end, chunk.end)
    if run:
        yield run


def read_frames(file: int, channels: int, start: int, end: int) -> Frames:
    """Frames `start` to `end`, fewer where the file ends before."""
    frame_bytes = channels * SAMPLE_BYTES
    wanted = (end - start) * frame_bytes
    found = bytearray()
    while len(found) < wanted:
        block = os.pread(file, wanted - len(found), HEADER_BYTES + start * frame_bytes + len(found))
        if not block:
            break
        found += block
    whole = len(found) // frame_bytes
    return np.frombuffer(found, SAMPLE, whole * channels).reshape(whole, channels)


def _write_at(file: int, place: int, block: bytes) -> None:
    """Write all of `block`: a disk that fills up takes a part first and fails at the next write."""
    rest = memoryview(block)
    while rest:
        written = os.pwrite(file, rest, place)
        place += written
        rest = rest[written:]


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".part")
