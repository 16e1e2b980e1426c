"""How loud a recording is over time, as a page draws it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callscribe.domain.audio import ms_to_samples
from storage.audio_file import AudioFile
from storage.recording_keys import NO_KEYS, RecordingKeys
from storage.recordings import COPY_FRAMES, Frames, header_of, opened, read_frames
from storage.wave import HEADER_BYTES

LEAST_POINT_MS = 10
"""What one point stands for at least: of finer ones speech could be made again."""
FULL_SCALE = 32768

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ChannelShape:
    """How loud one channel is, a byte for each point: 255 is full scale."""

    peaks: bytes
    """The loudest sample of each."""
    levels: bytes
    """The root mean square of each."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """How loud a recording is over time."""

    rate: int
    """Hz."""
    samples: int
    """Samples of each channel."""
    point_samples: int
    """Samples that a point stands for; the last may stand for fewer."""
    channels: tuple[ChannelShape, ...]


def waveform_of(path: Path, points: int, keys: RecordingKeys = NO_KEYS) -> Waveform:
    """The recording in at most `points` points, fewer where one would be shorter than LEAST_POINT_MS.

    It is read a stretch at a time, of COPY_FRAMES frames or one point. Also that of a call which goes on: what its
    header tells. Raises RecordingNotFound, and StorageError when the file is no recording.
    """
    with opened(path, keys) as file:
        header = header_of(file)
        held = (file.size - HEADER_BYTES) // header.frame_bytes
        samples = min(header.samples, held)
        point = max(ms_to_samples(LEAST_POINT_MS, header.rate), -(-samples // points))
        shapes = [_shape(frames, point) for frames in _stretches(file, header.channels, samples, point)]
    empty = np.zeros((header.channels, 0), np.uint8)
    peaks = np.concatenate([empty, *(peaks for peaks, _ in shapes)], axis=1)
    levels = np.concatenate([empty, *(levels for _, levels in shapes)], axis=1)
    channels = tuple(ChannelShape(p.tobytes(), each.tobytes()) for p, each in zip(peaks, levels, strict=True))
    return Waveform(header.rate, samples, point, channels)


def _stretches(file: AudioFile, channels: int, samples: int, point: int) -> Iterator[Frames]:
    """The frames in stretches of whole points."""
    stretch = max(1, COPY_FRAMES // point) * point
    for start in range(0, samples, stretch):
        yield read_frames(file, channels, start, min(start + stretch, samples))


def _shape(frames: Frames, point: int) -> tuple[Bytes, Bytes]:
    """Peaks and levels of a stretch, each of shape (channels, points)."""
    starts = np.arange(0, len(frames), point)
    lengths = np.diff(starts, append=len(frames))
    peaks, levels = [], []
    for channel in np.ascontiguousarray(frames.T):
        wide = channel.astype(np.float32)
        loudest = np.maximum(
            np.maximum.reduceat(channel, starts), -np.minimum.reduceat(channel, starts).astype(np.int32)
        )
        peaks.append(_as_bytes(loudest))
        levels.append(_as_bytes(np.sqrt(np.add.reduceat(wide * wide, starts, dtype=np.float64) / lengths)))
    return np.stack(peaks), np.stack(levels)


def _as_bytes(heights: NDArray[np.generic]) -> Bytes:
    """Of 0 to FULL_SCALE; what is not silent is not drawn as silence."""
    return np.minimum(np.ceil(heights.astype(np.float64) * 255 / FULL_SCALE), 255).astype(np.uint8)
