"""Recordings: every sample in its place, whatever comes late, twice or not at all."""

import os
import wave
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from callscribe.domain.audio import AudioChunk
from callscribe.domain.errors import RecordingNotFound, StorageError
from storage import recordings
from storage.recordings import RecordingWriter, read_channel, recording_path, repair
from storage.wave import HEADER_BYTES, WaveHeader
from tests.storage.samples import make_call

RATE = 8000
CHUNK = 160


def ramp(start: int, samples: int, step: int = 1) -> NDArray[np.int16]:
    """Samples that tell their own place: start, start + step, … modulo 30,000."""
    return (np.arange(start, start + samples) * step % 30_000).astype(np.int16)


def chunk(channel: int, offset: int, audio: NDArray[np.int16]) -> AudioChunk:
    return AudioChunk(channel, offset, audio.astype("<i2").tobytes())


def speak(writer: RecordingWriter, channel: int, start: int, end: int) -> None:
    """Write a channel's ramp in chunks of 20 ms; channel c counts in steps of c + 1."""
    for offset in range(start, end, CHUNK):
        length = min(CHUNK, end - offset)
        writer.write(chunk(channel, offset, ramp(offset, length, channel + 1)))


def frames(path: Path) -> NDArray[np.int16]:
    """What another WAV reader finds; shape (samples, channels)."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.reshape(-1, file.getnchannels())


def test_two_channels_lie_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "2026" / "a.wav"
    writer = RecordingWriter(path, RATE, 2)
    for start in range(0, 8000, CHUNK):
        speak(writer, 0, start, start + CHUNK)
        speak(writer, 1, start, start + CHUNK)
    made = writer.close()
    assert (made.path, made.rate, made.channels, made.samples, made.bytes) == (path, RATE, 2, 8000, 32_044)
    assert path.stat().st_size == made.bytes
    np.testing.assert_array_equal(frames(path), np.stack([ramp(0, 8000), ramp(0, 8000, 2)], axis=1))


def test_a_gap_is_silence_and_what_comes_twice_is_kept_once(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.wav", RATE, 1)
    writer.write(chunk(0, 0, ramp(0, 100)))
    writer.write(chunk(0, 50, np.full(60, -1)))
    writer.write(chunk(0, 20, np.full(50, -2)))
    writer.write(chunk(0, 200, ramp(200, 100)))
    writer.close()
    expected = np.concatenate([ramp(0, 100), np.full(10, -1), np.zeros(90), ramp(200, 100)])
    np.testing.assert_array_equal(frames(tmp_path / "a.wav")[:, 0], expected)


def test_a_channel_that_lags_is_put_beside_what_was_written_before(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 2)
    speak(writer, 0, 0, 40_000)
    assert len(frames(path)) >= 40_000 - 1600
    assert not frames(path)[:, 1].any()
    speak(writer, 1, 0, 40_000)
    writer.close()
    np.testing.assert_array_equal(frames(path), np.stack([ramp(0, 40_000), ramp(0, 40_000, 2)], axis=1))


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_the_file_is_a_valid_wav_at_most_200_ms_behind(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, channels)
    assert len(frames(path)) == 0
    for offset in range(0, 16_000, CHUNK):
        writer.write(chunk(0, offset, ramp(offset, CHUNK)))
        assert offset + CHUNK - len(frames(path)) <= 1600
    writer.flush()
    np.testing.assert_array_equal(frames(path)[:, 0], ramp(0, 16_000))
    writer.close()


def test_a_leap_in_time_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 2)
    writer.write(chunk(0, 0, ramp(0, 10)))
    writer.write(chunk(1, 500_000_000, ramp(0, 10)))
    made = writer.close()
    assert made.samples == 500_000_010
    assert path.stat().st_blocks * 512 < 1 << 20
    np.testing.assert_array_equal(read_channel(path, 1, 500_000_000, 500_000_010), ramp(0, 10))
    np.testing.assert_array_equal(read_channel(path, 0, 0, 11), [*range(10), 0])


def test_a_channel_that_joins_is_silent_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "COPY_FRAMES", 1000)
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 1)
    speak(writer, 0, 0, 4050)
    assert writer.add_channel() == 1
    np.testing.assert_array_equal(frames(path), np.stack([ramp(0, 4050), np.zeros(4050)], axis=1))
    speak(writer, 0, 4050, 8000)
    speak(writer, 1, 4050, 8000)
    assert writer.close().channels == 2
    np.testing.assert_array_equal(frames(path)[:, 0], ramp(0, 8000))
    np.testing.assert_array_equal(frames(path)[:, 1], np.concatenate([np.zeros(4050), ramp(4050, 3950, 2)]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_a_chunk_of_a_channel_that_the_file_lacks_is_counted(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.wav", RATE, 1)
    writer.write(chunk(1, 0, ramp(0, 160)))
    assert writer.lost_samples == 160
    assert writer.close().samples == 0


def full(file: int, block: bytes, place: int) -> int:
    """A disk without room, in the place of os.pwrite."""
    raise OSError(28, "No space left on device")


def test_what_a_full_disk_does_not_take_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 1)
    speak(writer, 0, 0, 640)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StorageError, match="No space left on device"):
            speak(writer, 0, 640, 960)
        # It is told once.
        speak(writer, 0, 960, 3200)
    speak(writer, 0, 3200, 4000)
    assert writer.close().samples == 4000
    assert writer.lost_samples == 0
    np.testing.assert_array_equal(frames(path)[:, 0], ramp(0, 4000))


def test_of_what_a_disk_does_not_take_the_last_minute_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "HELD_MS", 300)
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StorageError):
            speak(writer, 0, 0, 320)
        speak(writer, 0, 320, 3840)
        assert writer.lost_samples == 1440
    speak(writer, 0, 3840, 4800)
    assert writer.close().samples == 4800
    assert writer.lost_samples == 1440
    np.testing.assert_array_equal(frames(path)[:, 0], np.concatenate([np.zeros(1440), ramp(1440, 3360)]))


def test_what_is_still_held_at_the_end_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RecordingWriter(tmp_path / "a.wav", RATE, 1)
    speak(writer, 0, 0, 640)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError):
        speak(writer, 0, 640, 960)
    assert writer.close().samples == 640
    assert writer.lost_samples == 320


def test_a_file_that_reaches_its_end_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 1)
    speak(writer, 0, 0, 1600)
    with pytest.raises(StorageError, match="4 GiB"):
        speak(writer, 0, (1 << 31) - 160, (1 << 31) + 800)
    writer.write(chunk(0, 1 << 33, ramp(0, 10_000)))
    made = writer.close()
    assert made.samples == 1600
    np.testing.assert_array_equal(frames(path)[:, 0], ramp(0, 1600))


def test_no_room_for_a_channel_more_leaves_the_recording_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 1)
    speak(writer, 0, 0, 1600)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StorageError, match="No space left"):
            writer.add_channel()
    speak(writer, 0, 1600, 3200)
    assert writer.close().channels == 1
    np.testing.assert_array_equal(frames(path)[:, 0], ramp(0, 3200))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"mine")
    with pytest.raises(StorageError, match="cannot be made"):
        RecordingWriter(path, RATE, 1)
    assert path.read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be made"):
        RecordingWriter(tmp_path / "file" / "a.wav", RATE, 1)


def test_a_recording_whose_writer_died_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 2)
    speak(writer, 0, 0, 8000)
    speak(writer, 1, 0, 8000)
    writer.close()
    whole = path.read_bytes()
    stale = WaveHeader(RATE, 2, 400).to_bytes()
    path.write_bytes(stale + whole[HEADER_BYTES:-3])
    (tmp_path / "a.wav.part").write_bytes(b"half a copy")
    mended = repair(path)
    assert (mended.samples, mended.channels, mended.rate, mended.bytes) == (7999, 2, RATE, 44 + 7999 * 4)
    np.testing.assert_array_equal(frames(path)[:, 1], ramp(0, 7999, 2))
    assert repair(path) == mended
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"x" * 100, b"RIFF" + bytes(96)])
def test_what_is_no_recording_is_neither_repaired_nor_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    for attempt in (lambda: repair(path), lambda: read_channel(path, 0, 0, 10)):
        with pytest.raises(StorageError):
            attempt()
    assert path.read_bytes() == content


def test_a_missing_recording_is_not_found(tmp_path: Path) -> None:
    for attempt in (lambda: repair(tmp_path / "a.wav"), lambda: read_channel(tmp_path / "a.wav", 0, 0, 10)):
        with pytest.raises(RecordingNotFound):
            attempt()


def test_a_channel_is_read_by_range_and_cut_to_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = RecordingWriter(path, RATE, 2)
    speak(writer, 0, 0, 1000)
    speak(writer, 1, 0, 900)
    writer.close()
    found = read_channel(path, 1, 100, 200)
    assert found.dtype == np.int16
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, ramp(100, 100, 2))
    np.testing.assert_array_equal(read_channel(path, 1, 890, 5000), [*ramp(890, 10, 2), *np.zeros(100)])
    assert read_channel(path, 0, 2000, 3000).shape == (0,)
    assert read_channel(path, 0, 300, 200).shape == (0,)
    with pytest.raises(ValueError, match="2 channels"):
        read_channel(path, 2, 0, 10)


def test_a_recording_lies_in_the_folder_of_its_day_in_utc() -> None:
    late = datetime(2026, 11, 22, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    call = make_call(started=late)
    assert recording_path(call) == Path(f"2026/11/21/{call.id}.wav")
