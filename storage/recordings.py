"""Recordings on disk: one WAV a call, a channel for each party, written while people speak.

Where there are keys, new ones are encrypted; whether one is, its file says. Everything that reads or writes recordings
comes through here. With the wrong keys it raises RecordingLocked, for a file that was tampered with RecordingDamaged.
"""

import errno
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk, ms_to_samples
from callscribe.domain.call import Call
from callscribe.domain.errors import RecordingDamaged, RecordingNotFound, StorageError
from storage.audio_file import AudioFile, AudioStream, PlainFile
from storage.recording_keys import NO_KEYS, RecordingKeys
from storage.records import ChannelRange, RecordingFile
from storage.sealed_file import MAGIC, SealedFile
from storage.wave import HEADER_BYTES, MAX_DATA_BYTES, WaveHeader

log = structlog.get_logger()

BATCH_MS = 40
"""Audio of every channel that is written at once."""
LAG_MS = 100
"""Audio of one channel that may wait for the others'."""
HELD_MS = 60_000
"""Audio that waits in memory for a disk that takes nothing; what is older than that is lost."""
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
    and at most 100 ms behind what was given.

    Where the disk fails or the file is full (4 GiB), the first write that notices raises StorageError; until one goes
    well, later ones try again silently, so that the call goes on. The last minute of what was not taken is held until
    there is room; what is older is lost, and counted.
    """

    def __init__(self, path: Path, rate: int, channels: int, keys: RecordingKeys = NO_KEYS) -> None:
        """Make the file and its folder. Raises StorageError when that fails or the file exists."""
        if rate <= 0 or channels <= 0:
            raise ValueError("rate and channels must be above 0")
        self._path = path
        self._rate = rate
        self._keys = keys
        self._ends = [0] * channels
        self._pending: list[AudioChunk] = []
        self._held: deque[AudioChunk] = deque()
        """What the disk did not take."""
        self._samples = 0
        self._lost = 0
        self._failed = False
        self._closed = False
        try:
            self._file = _begin(_make(path), keys)
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
        """Write everything that was given. Raises StorageError, once until it goes well again."""
        pending, self._pending = self._pending, []
        try:
            # What came last is little: a disk that is still full says so at once.
            self._write_all(pending)
            self._write_all(self._held)
        except (OSError, RecordingDamaged) as error:
            self._hold(pending)
            why = error.strerror if isinstance(error, OSError) else str(error)
            self._fail(f"the recording {self._path} cannot be written: {why}", error)
        else:
            self._held.clear()
            self._failed = False

    @property
    def waits(self) -> bool:
        """Whether the disk has not taken all that was given it."""
        return bool(self._held)

    def _write_all(self, chunks: Sequence[AudioChunk]) -> None:
        for span in _spans(chunks, self._ms(SPAN_GAP_MS)):
            self._write_span(span)
        if chunks:
            self._write_header()

    def _hold(self, chunks: Sequence[AudioChunk]) -> None:
        self._held.extend(chunks)
        oldest = max(self._ends) - self._ms(HELD_MS)
        while self._held and self._held[0].end <= oldest:
            self._lost += self._held.popleft().samples

    def add_channel(self) -> int:
        """Make room for a channel that joins now, silent until now, and return its index.

        The file is rewritten beside its place and moved there, so that a crash leaves one of the two. Raises
        StorageError when there is no room for it; the recording then goes on without the channel.
        """
        self.flush()
        wider = _beside(self._path)
        try:
            copy = _begin(os.open(wider, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE), self._keys)
            try:
                self._copy_wider(copy)
                os.replace(wider, self._path)
            except (OSError, RecordingDamaged):
                copy.close()
                wider.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StorageError(f"the recording {self._path} cannot take a channel more: {error.strerror}") from error
        self._file.close()
        self._file = copy
        self._ends.append(0)
        return self.channels - 1

    def close(self) -> RecordingFile:
        """Write what is left and end the file; what cannot be written is counted. A second close changes nothing."""
        if not self._closed:
            with suppress(StorageError):
                self.flush()
            self._lost += sum(chunk.samples for chunk in self._held)
            with suppress(OSError):
                self._file.sync()
            self._file.close()
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
        self._file.pwrite(self._header().to_bytes(), 0)

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
        self._file.pwrite(frames.tobytes(), HEADER_BYTES + start * frame_bytes)
        self._samples = max(self._samples, end)

    def _copy_wider(self, copy: AudioFile) -> None:
        header = WaveHeader(self._rate, self.channels + 1, self._samples * (self.channels + 1) * SAMPLE_BYTES)
        copy.pwrite(header.to_bytes(), 0)
        for start in range(0, self._samples, COPY_FRAMES):
            old = read_frames(self._file, self.channels, start, min(start + COPY_FRAMES, self._samples))
            wide = np.zeros((len(old), self.channels + 1), SAMPLE)
            wide[:, : self.channels] = old
            copy.pwrite(wide.tobytes(), HEADER_BYTES + start * header.frame_bytes)

    def _fail(self, sentence: str, cause: Exception) -> None:
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


def _begin(file: int, keys: RecordingKeys) -> AudioFile:
    """A new file to be written, encrypted where there are keys. Raises OSError."""
    disk = PlainFile(file)
    if (key := keys.first) is None:
        return disk
    try:
        SealedFile.make(disk, key)
        return SealedFile(disk, keys)
    except BaseException:
        disk.close()
        raise


def _resume(file: int, keys: RecordingKeys) -> AudioFile:
    """A file that was written before, encrypted or not. Raises OSError, RecordingLocked and RecordingDamaged."""
    disk = PlainFile(file)
    try:
        return SealedFile(disk, keys) if disk.pread(len(MAGIC), 0) == MAGIC else disk
    except BaseException:
        disk.close()
        raise


@contextmanager
def opened(path: Path, keys: RecordingKeys, doing: str = "read", *, writing: bool = False) -> Iterator[AudioFile]:
    """The recording, closed afterwards. Raises RecordingNotFound, and StorageError where it cannot be read or what is
    being done, as `doing` tells, meets an OSError."""
    try:
        file = _resume(os.open(path, (os.O_RDWR if writing else os.O_RDONLY) | os.O_CLOEXEC), keys)
        try:
            yield file
        finally:
            file.close()
    except FileNotFoundError:
        raise RecordingNotFound from None
    except OSError as error:
        raise StorageError(f"the recording {path} cannot be {doing}: {error.strerror}") from error


def open_stream(path: Path, keys: RecordingKeys) -> AudioStream:
    """The recording's WAV. Raises OSError, RecordingLocked and RecordingDamaged, also when it is read."""
    file = _resume(os.open(path, os.O_RDONLY | os.O_CLOEXEC), keys)
    try:
        if isinstance(file, SealedFile):
            header_of(file)
    except BaseException:
        file.close()
        raise
    return AudioStream(file)


def header_of(file: AudioFile) -> WaveHeader:
    """Raises StorageError where it is no recording, or an encrypted one that has less than was written."""
    header = WaveHeader.parse(file.pread(HEADER_BYTES, 0))
    if isinstance(file, SealedFile) and file.size < HEADER_BYTES + header.data_bytes:
        raise RecordingDamaged
    return header


def repair(path: Path, keys: RecordingKeys = NO_KEYS) -> RecordingFile:
    """Make the header of a recording whose writer died tell the truth, and cut off half a frame.

    Raises RecordingNotFound, or StorageError when the file is no recording.
    """
    _beside(path).unlink(missing_ok=True)
    with opened(path, keys, "repaired", writing=True) as file:
        if isinstance(file, SealedFile):
            file.mend(cut=True)
        header = WaveHeader.parse(file.pread(HEADER_BYTES, 0))
        held = (file.size - HEADER_BYTES) // header.frame_bytes
        true = WaveHeader(header.rate, header.channels, held * header.frame_bytes)
        file.truncate(HEADER_BYTES + true.data_bytes)
        file.pwrite(true.to_bytes(), 0)
    return RecordingFile(path, true.rate, true.channels, true.samples, bytes=HEADER_BYTES + true.data_bytes)


def read_channel(path: Path, channel: int, start: int, end: int, keys: RecordingKeys = NO_KEYS) -> NDArray[np.int16]:
    """Samples `start` to `end` (exclusive) of one channel, cut to what the recording has; shape (samples,).

    Raises RecordingNotFound, StorageError when the file is no recording, ValueError for a channel it does not have.
    """
    with opened(path, keys) as file:
        header = header_of(file)
        if not 0 <= channel < header.channels:
            raise ValueError(f"the recording has {header.channels} channels")
        start = max(0, start)
        frames = read_frames(file, header.channels, start, max(start, min(end, header.samples)))
    return np.ascontiguousarray(frames[:, channel], dtype=np.int16)


def bleep(path: Path, ranges: Sequence[ChannelRange], keys: RecordingKeys = NO_KEYS) -> None:
    """Put a tone over these ranges of a recording that is closed; the other channels stay as they are. Of a channel
    that it has not there is nothing to cover.

    What is there already is written over with the same samples: a second time, or after a crash, the file becomes the
    same. It is a valid WAV at any moment, and on disk when this returns. Raises RecordingNotFound, or StorageError when
    the file is no recording or cannot be written.
    """
    with opened(path, keys, "bleeped", writing=True) as file:
        if isinstance(file, SealedFile):
            file.mend()
        header = header_of(file)
        for found in (found for found in ranges if found.channel < header.channels):
            for start in range(found.start, min(found.end, header.samples), COPY_FRAMES):
                end = min(found.end, header.samples, start + COPY_FRAMES)
                frames = read_frames(file, header.channels, start, end).copy()
                frames[:, found.channel] = _tone(start, start + len(frames), header.rate)
                file.pwrite(frames.tobytes(), HEADER_BYTES + start * header.frame_bytes)
        file.sync()


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


def read_frames(file: AudioFile, channels: int, start: int, end: int) -> Frames:
    """Frames `start` to `end`, fewer where the file ends before."""
    frame_bytes = channels * SAMPLE_BYTES
    found = file.pread((end - start) * frame_bytes, HEADER_BYTES + start * frame_bytes)
    whole = len(found) // frame_bytes
    return np.frombuffer(found, SAMPLE, whole * channels).reshape(whole, channels)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".part")
