import numpy as np

from asr.buffer import AudioBuffer


def test_audio_is_found_by_its_place_in_the_call() -> None:
    buffer = AudioBuffer(1000)
    buffer.append(np.arange(0, 50, dtype=np.float32))
    buffer.append(np.arange(50, 100, dtype=np.float32))
    assert (buffer.start, buffer.end) == (1000, 1100)
    assert buffer.take(1010, 1013).tolist() == [10, 11, 12]
    assert buffer.take(0, 1002).tolist() == [0, 1]
    assert buffer.take(1098, 5000).tolist() == [98, 99]


def test_what_is_forgotten_frees_its_memory() -> None:
    buffer = AudioBuffer(0)
    for second in range(20):
        buffer.append(np.full(16000, second, np.float32))
    buffer.forget(19 * 16000)
    assert (buffer.start, buffer.end) == (304_000, 320_000)
    assert buffer.take(304_000, 304_002).tolist() == [19, 19]
    assert buffer._store.nbytes < 200_000


def test_forgetting_beyond_the_end_leaves_an_empty_buffer_that_goes_on() -> None:
    buffer = AudioBuffer(0)
    buffer.append(np.ones(100, np.float32))
    buffer.forget(500)
    assert (buffer.start, buffer.end) == (100, 100)
    buffer.append(np.zeros(5, np.float32))
    assert buffer.take(100, 105).tolist() == [0] * 5
