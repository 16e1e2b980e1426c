"""Audio files in: any sound file becomes 16-bit PCM, one array a channel, at the file's own rate."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from callscribe.domain.errors import UnreadableAudio

FORMATS = "wav,w64,rf64,aiff,au,caf,flac,mp3,ogg,mov,mp4,matroska,webm,aac,amr"
"""Containers that are opened. Play lists are not: they name other files and addresses, which would then be read."""
_EXACT_FORMATS = frozenset({"w64", "aiff", "au", "caf", "flac"})
"""Containers whose header tells the length; others' is an estimate, or is corrected to what the file holds."""
_LONGEST_WAV = 0x7FFF_0000
"""Bytes; a data chunk that tells more was written to a pipe, where its length was not known yet."""
_MOST_BYTES = 4 << 30
"""What a file may become: 6 hours of two channels at 48 kHz. A megabyte of FLAC can tell of days of silence."""
_LONGEST_S = 86_400.0
_RATES = (4_000, 384_000)
"""Hz, the least and the most: a second of a file of 1 Hz becomes 16,000 samples of speech."""
_SHORT_S = 0.5
"""How much of the told length may be missing: some recorders round it."""
_CURE = "give a WAV (PCM, mu-law or A-law), FLAC, MP3, Ogg or Opus file with sound in it"


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A decoded sound file."""

    rate: int
    """Hz."""
    channels: tuple[NDArray[np.int16], ...]
    """One array a channel, all of the same length."""

    @property
    def samples(self) -> int:
        return len(self.channels[0])

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def read_audio(path: Path) -> AudioFile:
    """Decode a whole file: two bytes of memory for each sample of each channel.

    Raises UnreadableAudio, its message naming the file and the cure, when the file is missing, may not be read, holds
    no sound or more than 24 hours or 4 GiB of it, or ends before the length that its header tells.
    """
    try:
        with path.open("rb") as file:
            return _decode(path, file)
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableAudio(f"{path} is no audio file that can be decoded; {_CURE}") from error
    except OSError as error:
        raise UnreadableAudio(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from error


def _decode(path: Path, file: BinaryIO) -> AudioFile:
    wav_seconds = _wav_length(file)
    file.seek(0)
    with av.open(file, "r", options={"format_whitelist": FORMATS}) as container:
        if not container.streams.audio:
            raise UnreadableAudio(f"{path} has no sound; {_CURE}")
        stream = container.streams.audio[0]
        sound: list[bytearray] = []
        for piece in _pieces(container, stream):
            sound = sound or [bytearray() for _ in piece]
            for channel, plane in zip(sound, piece, strict=True):
                channel.extend(plane.tobytes())
            _check_size(path, sound, stream.codec_context.sample_rate)
        told = wav_seconds or _told_length(container, stream)
        rate = stream.codec_context.sample_rate
    audio = AudioFile(rate, tuple(np.frombuffer(channel, np.int16) for channel in sound))
    if not audio.channels or not audio.samples:
        raise UnreadableAudio(f"{path} holds no sound; {_CURE}")
    if audio.seconds < told - _SHORT_S:
        raise UnreadableAudio(
            f"{path} is cut off: it holds {audio.seconds:.1f} s of the {told:.1f} s it tells; copy or record it again"
        )
    return audio


def _check_size(path: Path, sound: list[bytearray], rate: int) -> None:
    """Raises UnreadableAudio for what no call is, before it fills the memory."""
    if not _RATES[0] <= rate <= _RATES[1]:
        raise UnreadableAudio(f"{path} tells a rate of {rate} Hz; give one of {_RATES[0]} to {_RATES[1]} Hz")
    if len(sound) * len(sound[0]) > _MOST_BYTES or len(sound[0]) > 2 * rate * _LONGEST_S:
        raise UnreadableAudio(f"{path} holds more than 24 hours, or 4 GiB, of sound; cut it into shorter files")


def _pieces(container: InputContainer, stream: AudioStream) -> Iterator[NDArray[np.int16]]:
    """Decoded pieces of (channels, samples)."""
    planar = av.AudioResampler(format="s16p")
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            # A file that was cut out of a longer one begins and ends in the middle of a packet; what is lost besides
            # shows in the length.
            continue
        for frame in frames:
            for piece in planar.resample(frame):
                yield np.asarray(piece.to_ndarray(), np.int16)


def _told_length(container: InputContainer, stream: AudioStream) -> float:
    """Seconds of sound that the header promises, 0 where it promises nothing."""
    if stream.duration is None or stream.time_base is None or container.format.name not in _EXACT_FORMATS:
        return 0.0
    return float(stream.duration * stream.time_base)


def _wav_length(file: BinaryIO) -> float:
    """Seconds of sound that a RIFF WAVE header promises, 0 where it promises nothing or the file is no WAV."""
    if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
        return 0.0
    bytes_a_second = 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            return size / bytes_a_second if bytes_a_second and size < _LONGEST_WAV else 0.0
        body = file.tell()
        if name == b"fmt ":
            bytes_a_second = int.from_bytes(file.read(12)[8:], "little")
        file.seek(body + size + size % 2)
    return 0.0
