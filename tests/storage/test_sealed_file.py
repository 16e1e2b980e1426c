"""Recordings that are encrypted at rest: what they hold, what a crash leaves, and what is found out."""

import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.domain.audio import AudioChunk
from callscribe.domain.errors import RecordingDamaged, RecordingLocked, RecordingNotFound, StorageError
from storage.audio_file import PlainFile
from storage.recording_keys import RecordingKeys, new_key
from storage.recordings import RecordingWriter, bleep, open_stream, read_channel, repair
from storage.records import ChannelRange
from storage.sealed_file import CHUNK, FIRST_PLACE, SLOT, SPARE_PLACE, SealedFile
from storage.waveform import waveform_of
from tests.storage.test_recordings import chunk, ramp, speak

RATE = 8000
KEYS = RecordingKeys((new_key(),))
HEADER = 44


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.wav"


def recorded(path: Path, samples: int = 8000, keys: RecordingKeys = KEYS) -> Path:
    """A recording of two ramps."""
    writer = RecordingWriter(path, RATE, 2, keys)
    for start in range(0, samples, 160):
        speak(writer, 0, start, min(samples, start + 160))
        speak(writer, 1, start, min(samples, start + 160))
    writer.close()
    return path


def content(path: Path, keys: RecordingKeys = KEYS) -> bytes:
    with closing(open_stream(path, keys)) as stream:
        return stream.read()


@contextmanager
def changed(path: Path) -> Iterator[bytearray]:
    held = bytearray(path.read_bytes())
    yield held
    path.write_bytes(held)


def plain_wav(folder: Path, samples: int = 8000) -> bytes:
    return recorded(folder / "plain.wav", samples, RecordingKeys()).read_bytes()


def test_it_is_the_same_wav_and_nothing_of_it_is_on_disk(tmp_path: Path, path: Path) -> None:
    wav = plain_wav(tmp_path)
    recorded(path)
    assert content(path) == wav
    held = path.read_bytes()
    assert b"RIFF" not in held
    assert b"WAVE" not in held
    for place in range(HEADER, len(wav) - 8, 997):
        assert wav[place : place + 8] not in held
    np.testing.assert_array_equal(read_channel(path, 1, 100, 300, KEYS), ramp(100, 200, 2))
    assert waveform_of(path, 100, KEYS) == waveform_of(tmp_path / "plain.wav", 100, KEYS)


@given(st.lists(st.tuples(st.integers(0, 3 * CHUNK), st.integers(1, 2 * CHUNK)), max_size=12), st.integers(0, 1 << 32))
def test_whatever_is_written_where_reads_as_that_of_a_plain_file(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    chance = random.Random(seed)
    flags = os.O_RDWR | os.O_CREAT
    key = KEYS.first
    assert key is not None
    sealed_disk, plain = PlainFile(os.open(folder / "s", flags)), PlainFile(os.open(folder / "p", flags))
    SealedFile.make(sealed_disk, key)
    sealed = SealedFile(sealed_disk, KEYS)
    for each in (sealed, plain):
        each.pwrite(bytes(HEADER), 0)
    for place, length in writes:
        block = chance.randbytes(length)
        for each in (sealed, plain):
            each.pwrite(block, place)
        assert sealed.size == plain.size
    cut = chance.randint(HEADER, plain.size)
    for each in (sealed, plain):
        each.truncate(cut)
    place = chance.randint(0, cut)
    assert sealed.pread(cut, 0) == plain.pread(cut, 0)
    assert sealed.pread(CHUNK, place) == plain.pread(CHUNK, place)
    sealed.close()
    plain.close()


def test_without_its_key_it_is_locked_and_the_error_names_key_and_cure(path: Path) -> None:
    recorded(path)
    for keys in (RecordingKeys(), RecordingKeys((new_key(),))):
        for attempt in (
            lambda k: read_channel(path, 0, 0, 10, k),
            lambda k: repair(path, k),
            lambda k: bleep(path, (), k),
        ):
            with pytest.raises(RecordingLocked, match=rf"{KEYS.ids[0].hex()}.*put it back into recordings\.keys"):
                attempt(keys)


def test_nothing_is_encrypted_twice_alike(tmp_path: Path) -> None:
    first, second = (recorded(tmp_path / name).read_bytes() for name in ("a.wav", "b.wav"))
    nonces = [held[place : place + 12] for held in (first, second) for place in range(FIRST_PLACE, len(held), SLOT)]
    assert len(set(nonces)) == len(nonces) == 16
    bleep(tmp_path / "a.wav", (), KEYS)
    assert (tmp_path / "a.wav").read_bytes() == first
    bleep(tmp_path / "a.wav", (ChannelRange(0, 0, 8000),), KEYS)
    bleeped = (tmp_path / "a.wav").read_bytes()
    bleep(tmp_path / "a.wav", (ChannelRange(0, 0, 8000),), KEYS)
    again = (tmp_path / "a.wav").read_bytes()
    starts = range(FIRST_PLACE, len(again), SLOT)
    assert not {again[place : place + 12] for place in starts} & {bleeped[place : place + 12] for place in starts}


def swap(held: bytearray) -> None:
    one, two = slice(FIRST_PLACE, FIRST_PLACE + SLOT), slice(FIRST_PLACE + SLOT, FIRST_PLACE + 2 * SLOT)
    held[one], held[two] = held[two], held[one]


def take_out(held: bytearray) -> None:
    del held[FIRST_PLACE + SLOT : FIRST_PLACE + 2 * SLOT]


def end_at_a_slot(held: bytearray) -> None:
    del held[FIRST_PLACE + 3 * SLOT :]


def end_within_a_slot(held: bytearray) -> None:
    del held[-5:]


def flip(held: bytearray) -> None:
    held[FIRST_PLACE + SLOT + 100] ^= 1


def blank(held: bytearray) -> None:
    held[FIRST_PLACE + SLOT : FIRST_PLACE + 2 * SLOT] = bytes(SLOT)


def flip_the_key(held: bytearray) -> None:
    held[60] ^= 1


def another_id(held: bytearray) -> None:
    held[10] ^= 1


@pytest.mark.parametrize(
    "harm", [swap, take_out, end_at_a_slot, end_within_a_slot, flip, blank, flip_the_key, another_id]
)
def test_what_was_changed_cut_or_moved_is_found_out(path: Path, harm: object) -> None:
    recorded(path)
    assert callable(harm)
    with changed(path) as held:
        harm(held)
    with pytest.raises(RecordingDamaged):
        content(path)
    with pytest.raises(RecordingDamaged):
        read_channel(path, 0, 0, 8000, KEYS)


@pytest.mark.parametrize("with_head", [False, True])
def test_a_chunk_of_another_recording_is_found_out(tmp_path: Path, path: Path, with_head: bool) -> None:
    recorded(path)
    other = recorded(tmp_path / "other.wav").read_bytes()
    with changed(path) as held:
        held[FIRST_PLACE : FIRST_PLACE + SLOT] = other[FIRST_PLACE : FIRST_PLACE + SLOT]
        if with_head:
            held[:128] = other[:128]
    with pytest.raises(RecordingDamaged):
        content(path)


class Killed(Exception):
    pass


class Dying:
    """os.pwrite of a process that is killed in one of its writes."""

    def __init__(self, chance: random.Random, left: int) -> None:
        self.left = left
        self._chance = chance
        self._real = os.pwrite

    def __call__(self, file: int, block: bytes, place: int) -> int:
        self.left -= 1
        if self.left < 0:
            self._real(file, bytes(block)[: self._chance.randint(0, len(block))], place)
            raise Killed
        return self._real(file, block, place)


@pytest.mark.parametrize("seed", range(30))
def test_whoever_is_killed_while_writing_leaves_all_that_was_written_before(
    path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    writer = RecordingWriter(path, RATE, 2, KEYS)
    dying = Dying(chance, chance.randint(8, 300))
    given_samples = 0
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", dying)
        with suppress(Killed):
            while True:
                for channel in (0, 1):
                    writer.write(chunk(channel, given_samples, ramp(given_samples, 160, channel + 1)))
                given_samples += 160
    assert dying.left < 0
    mended = repair(path, KEYS)
    assert given_samples + 160 - mended.samples <= 1600
    for channel in (0, 1):
        found = read_channel(path, channel, 0, mended.samples, KEYS)
        known = min(len(found), given_samples - 1600)
        np.testing.assert_array_equal(found[: max(0, known)], ramp(0, max(0, known), channel + 1))
    assert repair(path, KEYS) == mended


@pytest.mark.parametrize("seed", range(20))
def test_a_bleep_that_is_killed_and_done_again_covers_all_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    recorded(path, 40_000)
    chance = random.Random(seed)
    dying = Dying(chance, chance.randint(0, 30))
    ranges = (ChannelRange(0, 5000, 30_000),)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", dying)
        with pytest.raises(Killed):
            bleep(path, ranges, KEYS)
    np.testing.assert_array_equal(read_channel(path, 1, 0, 40_000, KEYS), ramp(0, 40_000, 2))
    bleep(path, ranges, KEYS)
    np.testing.assert_array_equal(read_channel(path, 1, 0, 40_000, KEYS), ramp(0, 40_000, 2))
    np.testing.assert_array_equal(read_channel(path, 0, 0, 5000, KEYS), ramp(0, 5000))
    assert not (read_channel(path, 0, 5000, 30_000, KEYS) == ramp(5000, 25_000)).all()


def test_what_was_bleeped_is_in_no_part_of_the_file(path: Path) -> None:
    """Not in the spare either, for who has the keys."""
    recorded(path, 1000)
    bleep(path, (ChannelRange(0, 0, 1000), ChannelRange(1, 0, 1000)), KEYS)
    with changed(path) as held:
        held[FIRST_PLACE : FIRST_PLACE + SLOT] = bytes(SLOT)
    found = read_channel(path, 0, 0, 1000, KEYS)
    assert not (found == ramp(0, 1000)).all()
    assert path.read_bytes()[SPARE_PLACE:].strip(b"\0")


def test_a_full_disk_harms_nothing_that_stands(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RecordingWriter(path, RATE, 1, KEYS)
    speak(writer, 0, 0, 8000)
    real = os.pwrite

    def full(file: int, block: bytes, place: int) -> int:
        if place >= path.stat().st_size:
            real(file, bytes(block)[: len(block) // 2], place)
            raise OSError(28, "No space left on device")
        return real(file, block, place)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StorageError, match="No space left on device"):
            speak(writer, 0, 8000, 24_000)
    speak(writer, 0, 32_000, 40_000)
    assert writer.close().samples == 40_000
    np.testing.assert_array_equal(read_channel(path, 0, 0, 8000, KEYS), ramp(0, 8000))
    np.testing.assert_array_equal(read_channel(path, 0, 32_000, 40_000, KEYS), ramp(32_000, 8000))


def test_a_channel_that_joins_and_a_leap_in_time_are_encrypted_too(path: Path) -> None:
    writer = RecordingWriter(path, RATE, 1, KEYS)
    speak(writer, 0, 0, 4000)
    before = path.read_bytes()[8:24]
    writer.add_channel()
    writer.write(AudioChunk(1, 400_000, ramp(0, 800).tobytes()))
    made = writer.close()
    assert path.read_bytes()[8:24] != before
    assert made.bytes == len(content(path)) == HEADER + 400_800 * 4
    np.testing.assert_array_equal(read_channel(path, 0, 0, 4000, KEYS), ramp(0, 4000))
    assert not read_channel(path, 1, 0, 400_000, KEYS).any()
    np.testing.assert_array_equal(read_channel(path, 1, 400_000, 400_800, KEYS), ramp(0, 800))


@pytest.mark.parametrize("held", [b"CALLSEAL", b"CALLSEAL" + bytes(9000)])
def test_a_file_that_was_only_begun_is_no_recording(path: Path, held: bytes) -> None:
    path.write_bytes(held)
    with pytest.raises(StorageError):
        repair(path, KEYS)
    with pytest.raises(RecordingNotFound):
        repair(path.with_name("b.wav"), KEYS)
