"""How loud a recording is over time."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from callscribe.domain.audio import AudioChunk
from callscribe.domain.errors import RecordingNotFound, StorageError
from storage import recordings, waveform
from storage.audio_file import AudioFile
from storage.recordings import RecordingWriter, bleep
from storage.records import ChannelRange
from storage.waveform import waveform_of

RATE = 8000


def tone(ms: int, level: int) -> NDArray[np.int16]:
    """1 kHz, a whole wave each millisecond."""
    wave = np.sin(2 * np.pi * 1000 / RATE * np.arange(ms * RATE // 1000)) * level
    samples: NDArray[np.int16] = wave.round().astype(np.int16)
    return samples


def written(path: Path, *channels: NDArray[np.int16]) -> Path:
    writer = RecordingWriter(path, RATE, len(channels))
    for index, channel in enumerate(channels):
        writer.write(AudioChunk(index, 0, channel.astype("<i2").tobytes()))
    writer.close()
    return path


def test_a_tone_and_silence_have_their_heights_in_their_places(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", np.concatenate([tone(1000, 16_384), tone(1000, 0)]), tone(2000, 0))
    found = waveform_of(path, 100)
    assert (found.rate, found.samples, found.point_samples) == (RATE, 16_000, 160)
    loud, silent = found.channels
    assert list(loud.peaks) == [128] * 50 + [0] * 50
    # A sine's root mean square is its height by the root of two.
    assert list(loud.levels) == [91] * 50 + [0] * 50
    assert list(silent.peaks) == list(silent.levels) == [0] * 100


def test_no_point_is_so_short_that_speech_could_be_made_of_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(995, 32_767))
    found = waveform_of(path, 10_000)
    assert found.point_samples == RATE // 100
    assert list(found.channels[0].peaks) == [255] * 100


def test_the_least_sample_counts_and_the_quietest_is_seen(tmp_path: Path) -> None:
    low, faint = np.zeros(800, np.int16), np.zeros(800, np.int16)
    low[100], faint[100] = -32_768, 1
    found = waveform_of(written(tmp_path / "a.wav", low, faint), 100)
    assert [shape.peaks[1] for shape in found.channels] == [255, 1]


def test_it_is_read_in_stretches_of_whole_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(3).integers(-9000, 9000, (2, 30_011)).astype(np.int16)
    path = written(tmp_path / "a.wav", *noise)
    at_once = waveform_of(path, 200)
    sizes = []
    read = recordings.read_frames

    def counted(file: AudioFile, channels: int, start: int, end: int) -> recordings.Frames:
        frames = read(file, channels, start, end)
        sizes.append(len(frames))
        return frames

    monkeypatch.setattr(waveform, "read_frames", counted)
    monkeypatch.setattr(waveform, "COPY_FRAMES", 1000)
    assert waveform_of(path, 200) == at_once
    assert max(sizes) <= 1000
    assert sum(sizes) == 30_011


def test_what_is_bleeped_is_the_tone_of_the_bleep(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(1000, 30_000), tone(1000, 30_000))
    bleep(path, [ChannelRange(1, RATE // 2, RATE)])
    first, second = waveform_of(path, 100).channels
    assert set(first.peaks) == {234}
    assert list(second.peaks) == [234] * 50 + [39] * 50


def test_a_recording_in_the_making_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.wav", RATE, 1)
    assert waveform_of(tmp_path / "a.wav", 100).channels[0].peaks == b""
    writer.write(AudioChunk(0, 0, tone(500, 16_384).astype("<i2").tobytes()))
    assert waveform_of(tmp_path / "a.wav", 100).channels[0].peaks == bytes([128] * 50)
    writer.close()


def test_what_is_no_recording_is_told_apart_from_none(tmp_path: Path) -> None:
    with pytest.raises(RecordingNotFound):
        waveform_of(tmp_path / "a.wav", 100)
    (tmp_path / "a.wav").write_bytes(b"RIFF" * 20)
    with pytest.raises(StorageError):
        waveform_of(tmp_path / "a.wav", 100)
