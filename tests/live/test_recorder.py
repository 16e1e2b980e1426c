"""The recorder keeps every call's audio in its place, whatever the disk does."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, Channel
from callscribe.domain.errors import StorageError
from callscribe.live import recorder as module
from callscribe.live.recorder import Recorder
from storage.recordings import read_channel, recording_path
from tests.live.calls import make_call

CHUNK = 800


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(tmp_path / "recordings")
    made.start()
    yield made
    made.stop()


def chunk(channel: int, number: int, value: int) -> AudioChunk:
    """The channel's chunk of that number, every sample of one value."""
    return AudioChunk(channel, number * CHUNK, np.full(CHUNK, value, "<i2").tobytes())


def recorded(folder: Path, call: Call, channel: int) -> list[int]:
    """The value of each chunk that the call's recording has of a channel."""
    values: list[int] = read_channel(folder / recording_path(call), channel, 0, 10**9)[::CHUNK].tolist()
    return values


def blocked(recorder: Recorder) -> threading.Event:
    """A disk that takes nothing until the event is set."""
    reached, free = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        free.wait(30)

    recorder._work.put(wait)
    assert reached.wait(10)
    return free


def test_each_channel_is_kept_in_its_place_and_the_file_is_named_by_its_folder(
    recorder: Recorder, tmp_path: Path
) -> None:
    first, second = make_call(), make_call(channels=1)
    for call in (first, second):
        recorder.begin(call)
    for number in range(3):
        recorder.write(first.id, chunk(0, number, 10 + number))
        recorder.write(first.id, chunk(1, number, 20 + number))
        recorder.write(second.id, chunk(0, number, 30 + number))
    file = recorder.finish(first.id).result(timeout=10)
    assert file is not None
    assert (file.path, file.channels, file.samples) == (recording_path(first), 2, 3 * CHUNK)
    assert recorder.finish(second.id).result(timeout=10) is not None
    folder = tmp_path / "recordings"
    assert [recorded(folder, first, channel) for channel in (0, 1)] == [[10, 11, 12], [20, 21, 22]]
    assert recorded(folder, second, 0) == [30, 31, 32]


def test_a_channel_that_joins_is_silent_until_then(recorder: Recorder, tmp_path: Path) -> None:
    call = make_call(channels=1)
    recorder.begin(call)
    recorder.write(call.id, chunk(0, 0, 1))
    recorder.begin(replace(call, channels=(*call.channels, Channel(1, "2"))))
    for channel in (0, 1):
        recorder.write(call.id, chunk(channel, 1, 2 + channel))
    file = recorder.finish(call.id).result(timeout=10)
    assert file is not None
    assert [recorded(tmp_path / "recordings", call, channel) for channel in (0, 1)] == [[1, 2], [0, 3]]


def test_a_call_that_has_no_channel_yet_is_recorded_from_its_first_one(recorder: Recorder, tmp_path: Path) -> None:
    call = make_call(channels=0)
    recorder.begin(call)
    recorder.begin(replace(call, channels=(Channel(0, "1"),)))
    recorder.write(call.id, chunk(0, 0, 7))
    assert recorder.finish(call.id).result(timeout=10) is not None
    assert recorded(tmp_path / "recordings", call, 0) == [7]


def test_a_call_without_channels_has_no_recording(recorder: Recorder) -> None:
    call = make_call(channels=0)
    recorder.begin(call)
    assert recorder.finish(call.id).result(timeout=10) is None


def test_a_call_without_audio_has_an_empty_recording(recorder: Recorder) -> None:
    call = make_call()
    recorder.begin(call)
    file = recorder.finish(call.id).result(timeout=10)
    assert file is not None
    assert file.samples == 0


def test_a_recording_that_cannot_be_made_at_first_has_all_when_it_can(recorder: Recorder, tmp_path: Path) -> None:
    call = make_call()
    place = tmp_path / "recordings" / recording_path(call)
    place.parent.parent.mkdir(parents=True)
    # Where a folder is to be, a file is in the way.
    place.parent.write_bytes(b"")
    recorder.begin(call)
    for number in range(3):
        recorder.write(call.id, chunk(0, number, number + 1))
    ended = recorder.finish(call.id)
    with pytest.raises(TimeoutError):
        ended.result(timeout=0.5)
    place.parent.unlink()
    assert ended.result(timeout=10) is not None
    assert recorded(tmp_path / "recordings", call, 0) == [1, 2, 3]
    assert recorder.counters() == {
        "recording_chunks_dropped": 0, "recording_errors": 1, "recording_samples_lost": 0
    }  # fmt: skip


def test_a_call_that_cannot_be_recorded_is_counted_and_hurts_no_other(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FINISH_S", 0.0)
    bad, good = make_call(), make_call()
    place = tmp_path / "recordings" / recording_path(bad)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"somebody else's")
    for call in (bad, good):
        recorder.begin(call)
        recorder.write(call.id, chunk(0, 0, 5))
    assert recorder.finish(bad.id).result(timeout=10) is None
    assert recorder.finish(good.id).result(timeout=10) is not None
    assert recorder.counters()["recording_errors"] == 1
    assert place.read_bytes() == b"somebody else's"


def test_a_disk_that_is_hopelessly_behind_costs_chunks_and_no_beginning_or_end(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_CHUNKS", 5)
    free = blocked(recorder)
    early, late = make_call(channels=1), make_call(channels=1)
    recorder.begin(early)
    for number in range(10):
        recorder.write(early.id, chunk(0, number, 1 + number))
    recorder.begin(late)
    closed = recorder.finish(early.id)
    assert not closed.done()
    free.set()
    assert closed.result(timeout=10) is not None
    recorder.write(late.id, chunk(0, 0, 9))
    assert recorder.finish(late.id).result(timeout=10) is not None
    assert recorder.counters()["recording_chunks_dropped"] >= 5
    kept = recorded(tmp_path / "recordings", early, 0)
    assert kept == list(range(1, 1 + len(kept)))
    assert recorded(tmp_path / "recordings", late, 0) == [9]


def test_who_stops_waiting_for_a_recording_does_not_end_the_recorder(recorder: Recorder) -> None:
    free = blocked(recorder)
    calls = [make_call(), make_call()]
    for call in calls:
        recorder.begin(call)
    first, second = [recorder.finish(call.id) for call in calls]
    assert not first.cancel()
    free.set()
    assert second.result(timeout=10) is not None
    assert first.result(timeout=10) is not None


def test_audio_of_a_channel_that_the_file_lacks_is_counted_as_lost(recorder: Recorder) -> None:
    call = make_call(channels=1)
    recorder.begin(call)
    recorder.write(call.id, chunk(1, 0, 5))
    assert recorder.finish(call.id).result(timeout=10) is not None
    assert recorder.counters()["recording_samples_lost"] == CHUNK


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"set recordings\.folder"):
        Recorder(tmp_path / "file" / "recordings").start()
