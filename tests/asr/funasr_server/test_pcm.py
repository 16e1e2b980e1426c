import numpy as np
import pytest

from asr.engines.funasr_server.pcm import BLOCK_BYTES, SILENT_BLOCK, blocks, pcm16


def samples(pcm: bytes) -> list[int]:
    return [int(sample) for sample in np.frombuffer(pcm, "<i2")]


def test_audio_becomes_16_bit_samples_and_what_is_too_loud_is_limited() -> None:
    heard = samples(pcm16(np.array([1.0, -1.0, 0.5, -2.0, 3.0], np.float32)))
    assert heard == pytest.approx([32767, -32767, 16383, -32767, 32767], abs=2)


@pytest.mark.parametrize("level", [0, 8])
def test_where_all_samples_are_the_same_there_is_the_faintest_noise_and_always_the_same(level: int) -> None:
    quiet = np.full(2_000, level / 32_766, np.float32)
    assert set(samples(pcm16(quiet))) == {level - 1, level + 1}
    assert pcm16(quiet) == pcm16(quiet)
    assert set(samples(SILENT_BLOCK)) == {-1, 1}


@pytest.mark.parametrize("size", [BLOCK_BYTES, 16 * BLOCK_BYTES])
def test_messages_are_of_one_size_the_last_filled_up_with_faint_noise(size: int) -> None:
    messages = blocks(pcm16(np.full(1_500, 0.25, np.float32)), size)
    assert {len(message) for message in messages} == {size}
    together = samples(b"".join(messages))
    assert together[:1_500] == pytest.approx([8_191] * 1_500, abs=2)
    assert set(together[1_500:]) <= {-2, -1, 1}


def test_no_audio_is_no_message() -> None:
    assert blocks(b"", BLOCK_BYTES) == []


@pytest.mark.parametrize("start", [b"\xff\xff", b"\xff\xfb", b"ID3\x04", b"OggS"])
def test_no_message_begins_like_a_file_of_some_format(start: bytes) -> None:
    for message in blocks(start * BLOCK_BYTES, BLOCK_BYTES):
        assert not message.startswith((b"\xff", b"ID3", b"OggS"))
