"""The replay buffer keeps exactly the audio that may be needed again."""

import numpy as np

from asr.wire.replay import ReplayBuffer
from callscribe.domain.audio import AudioChunk


def chunk(offset: int, samples: int) -> AudioChunk:
    """A chunk whose sample values are their own offsets."""
    return AudioChunk(0, offset, np.arange(offset, offset + samples, dtype="<i2").tobytes())


def values(read: AudioChunk | None) -> list[int]:
    assert read is not None
    samples: list[int] = np.frombuffer(read.pcm, "<i2").tolist()
    assert samples[0] == read.offset
    return samples


def test_reads_from_any_offset_across_chunks_up_to_the_limit() -> None:
    buffer = ReplayBuffer(1000)
    for offset in (0, 10, 20):
        buffer.append(chunk(offset, 10))
    assert values(buffer.read(0, 100)) == list(range(30))
    assert values(buffer.read(7, 6)) == list(range(7, 13))
    assert values(buffer.read(20, 5)) == list(range(20, 25))
    assert buffer.read(30, 5) is None


def test_a_gap_stays_a_gap() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(chunk(0, 10))
    buffer.append(chunk(50, 10))
    assert values(buffer.read(5, 100)) == list(range(5, 10))
    assert values(buffer.read(10, 100)) == list(range(50, 60))


def test_what_came_before_is_not_taken_twice() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(chunk(0, 10))
    buffer.append(chunk(5, 10))
    buffer.append(chunk(2, 4))
    assert values(buffer.read(0, 100)) == list(range(15))
    assert buffer.end == 15


def test_released_audio_is_gone_but_not_counted_as_dropped() -> None:
    buffer = ReplayBuffer(1000)
    for offset in range(0, 50, 10):
        buffer.append(chunk(offset, 10))
    buffer.release(25)
    assert values(buffer.read(0, 100)) == list(range(20, 50))
    assert buffer.dropped_end == 0


def test_beyond_its_capacity_the_oldest_goes_and_is_remembered() -> None:
    buffer = ReplayBuffer(30)
    for offset in range(0, 100, 10):
        buffer.append(chunk(offset, 10))
    assert values(buffer.read(0, 1000)) == list(range(70, 100))
    assert buffer.dropped_end == 70


def test_everything_released_leaves_the_end_where_it_was() -> None:
    buffer = ReplayBuffer(1000)
    buffer.append(chunk(0, 10))
    buffer.release(10)
    assert buffer.read(0, 10) is None
    buffer.append(chunk(8, 4))
    assert values(buffer.read(0, 10)) == [10, 11]
