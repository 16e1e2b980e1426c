"""Sample offsets of a call's channels."""

from callscribe.domain.audio import AudioChunk
from telephony.line.timeline import Gap, Timeline

LOUD = b"\x10\x10" * 4
"""One tick of 4 samples."""


def test_frames_of_one_tick_have_the_same_offset_on_all_channels() -> None:
    line = Timeline(4)
    first, second = line.add_channel(), line.add_channel()
    assert line.place(first, 70, LOUD) == (AudioChunk(0, 0, LOUD),)
    assert line.place(second, 70, LOUD) == (AudioChunk(1, 0, LOUD),)
    assert line.place(second, 71, LOUD) == (AudioChunk(1, 4, LOUD),)
    assert line.samples == 8


def test_a_channel_that_starts_later_is_a_gap_from_sample_zero_and_nothing_is_missing() -> None:
    line = Timeline(4)
    line.place(line.add_channel(), 10, LOUD)
    late = line.add_channel()
    assert line.place(late, 13, LOUD) == (Gap(1, 0, 12), AudioChunk(1, 12, LOUD))
    assert line.missing == 0


def test_a_tick_without_audio_is_a_gap() -> None:
    line = Timeline(4)
    held = line.add_channel()
    assert line.place(held, 3, b"") == (Gap(0, 0, 4),)
    assert line.place(held, 4, LOUD) == (AudioChunk(0, 4, LOUD),)


def test_lost_ticks_inside_a_channel_become_a_counted_gap() -> None:
    line = Timeline(4)
    channel = line.add_channel()
    line.place(channel, 0, LOUD)
    assert line.place(channel, 3, LOUD) == (Gap(0, 4, 8), AudioChunk(0, 12, LOUD))
    assert line.place(channel, 6, b"") == (Gap(0, 16, 12),)
    assert line.missing == 16


def test_a_repeated_tick_gives_nothing() -> None:
    line = Timeline(4)
    channel = line.add_channel()
    line.place(channel, 5, LOUD)
    assert line.place(channel, 5, LOUD) == ()
    assert line.place(channel, 6, LOUD) == (AudioChunk(0, 4, LOUD),)


def test_a_frame_of_another_length_is_cut_or_filled_to_one_tick() -> None:
    line = Timeline(4)
    channel = line.add_channel()
    assert line.place(channel, 0, LOUD[:4]) == (AudioChunk(0, 0, LOUD[:4] + bytes(4)),)
    assert line.place(channel, 1, LOUD * 2) == (AudioChunk(0, 4, LOUD),)


def test_all_channels_end_at_the_same_sample() -> None:
    line = Timeline(4)
    first, second = line.add_channel(), line.add_channel()
    line.add_channel()
    line.place(first, 0, LOUD)
    line.place(second, 0, LOUD)
    line.place(second, 1, LOUD)
    assert line.finish() == (Gap(0, 4, 4), Gap(2, 0, 8))
    assert line.finish() == ()
    assert line.samples == 8


def test_any_tick_has_an_offset_and_those_before_the_call_are_its_beginning() -> None:
    line = Timeline(4)
    assert line.offset_of(12) == 0
    line.place(line.add_channel(), 10, LOUD)
    assert [line.offset_of(position) for position in (9, 10, 12)] == [0, 0, 8]
