"""Where audio lies in a call's time, whatever order and pace it comes in."""

import itertools
import random
from collections.abc import Sequence

import pytest

from callscribe.domain.audio import AudioChunk
from callscribe.live.ingest.timeline import Timeline

RATE = 8_000
FRAME = 160
MS = 8
"""Samples."""


def frame(number: int) -> bytes:
    """20 ms that say which frame they are."""
    return (number + 1).to_bytes(2, "little") * FRAME


def numbers(chunks: Sequence[AudioChunk]) -> dict[int, int]:
    """Offset of each frame, by its number."""
    found = {}
    for chunk in chunks:
        for place in range(0, chunk.samples, FRAME):
            value = int.from_bytes(chunk.pcm[place * 2 : place * 2 + 2], "little")
            found[value - 1] = chunk.offset + place
    return found


def test_timed_audio_in_order_is_passed_on_at_once_without_a_gap() -> None:
    timeline = Timeline(RATE, 1)
    for number in range(50):
        (chunk,) = timeline.take(0, frame(number), number * FRAME, number * FRAME)
        assert (chunk.offset, chunk.pcm) == (number * FRAME, frame(number))
    assert timeline.end == 50 * FRAME
    assert not timeline.dropped


@pytest.mark.parametrize("seed", range(20))
def test_frames_in_disorder_and_twice_come_out_in_order_and_once(seed: int) -> None:
    chance = random.Random(seed)
    sent = [number for number in range(100) for _ in range(chance.choice((1, 1, 2)))]
    disordered = sorted(sent, key=lambda number: number + chance.uniform(0, 3))
    # The first that comes is where a call's time begins: nothing can be before it.
    disordered.insert(0, 0)
    timeline = Timeline(RATE, 1)
    chunks = [
        chunk for number in disordered for chunk in timeline.take(0, frame(number), number * FRAME, number * FRAME)
    ]
    chunks += timeline.due(101 * FRAME, last=True)
    assert [chunk.offset for chunk in chunks] == sorted(chunk.offset for chunk in chunks)
    assert numbers(chunks) == {number: number * FRAME for number in range(100)}
    assert sum(chunk.samples for chunk in chunks) == 100 * FRAME


def test_a_frame_that_never_comes_is_silence_after_80_ms_and_moves_nothing() -> None:
    timeline = Timeline(RATE, 1)
    assert numbers(timeline.take(0, frame(0), 0, 0)) == {0: 0}
    now = 100 * MS
    for number in (2, 3, 4, 5):
        assert timeline.take(0, frame(number), number * FRAME, now) == []
    assert timeline.due(now + 79 * MS) == []
    assert numbers(timeline.due(now + 80 * MS)) == {number: number * FRAME for number in (2, 3, 4, 5)}
    assert timeline.take(0, frame(1), FRAME, now + 81 * MS) == []
    assert timeline.dropped == {"gaps": 1, "frames_twice": 1}


def test_audio_of_80_ms_after_a_gap_waits_no_longer_however_fast_it_comes() -> None:
    timeline = Timeline(RATE, 1)
    timeline.take(0, frame(0), 0, 0)
    found = [chunk for number in range(2, 7) for chunk in timeline.take(0, frame(number), number * FRAME, 1)]
    assert numbers(found) == {number: number * FRAME for number in range(2, 7)}


def test_positions_that_are_uneven_by_some_milliseconds_leave_the_sound_whole() -> None:
    timeline = Timeline(RATE, 1)
    chance = random.Random(3)
    chunks: list[AudioChunk] = []
    for number in range(500):
        chunks += timeline.take(0, frame(number), number * FRAME + chance.randint(-7, 7) * MS, number * FRAME)
    assert sum(chunk.samples for chunk in chunks) == 500 * FRAME
    assert all(after.offset == before.end for before, after in itertools.pairwise(chunks))
    assert not timeline.dropped


def test_audio_that_overlaps_what_was_heard_is_cut() -> None:
    timeline = Timeline(RATE, 1)
    timeline.take(0, frame(0) + frame(1), 0, 0)
    assert numbers(timeline.take(0, frame(1) + frame(2), FRAME, 0)) == {2: 2 * FRAME}


def test_a_new_stream_counts_from_the_clock() -> None:
    timeline = Timeline(RATE, 2)
    timeline.restart(0, 0)
    timeline.take(0, frame(0), 0, 0)
    timeline.restart(5 * RATE, 70 * RATE)
    (chunk,) = timeline.take(0, frame(1), 70 * RATE, 5 * RATE) or timeline.due(6 * RATE)
    assert chunk.offset == 5 * RATE


def test_a_pause_that_the_stream_did_not_count_is_silence() -> None:
    counted, uncounted = Timeline(RATE, 1), Timeline(RATE, 1)
    for timeline, at in ((counted, 10 * RATE), (uncounted, FRAME)):
        timeline.take(0, frame(0), 0, 0)
        timeline.resume(at, 10 * RATE)
        chunks = timeline.take(0, frame(1), at, 10 * RATE) or timeline.due(11 * RATE)
        assert numbers(chunks) == {1: 10 * RATE}


def test_live_audio_that_is_a_little_late_has_no_gap() -> None:
    timeline = Timeline(RATE, 1)
    for number in range(20):
        (chunk,) = timeline.take(0, frame(number), None, number * FRAME + 200 * MS)
        assert chunk.offset == number * FRAME


def test_live_audio_after_a_second_of_nothing_ends_now() -> None:
    timeline = Timeline(RATE, 1)
    timeline.take(0, frame(0), None, 0)
    now = RATE
    assert timeline.take(0, frame(1), None, now) == []
    assert timeline.take(0, frame(2), None, now + FRAME) == []
    chunks = timeline.due(now + 80 * MS)
    assert numbers(chunks)[1] == now + 80 * MS - 2 * FRAME
    (after,) = timeline.take(0, frame(3), None, now + 100 * MS)
    assert after.offset == chunks[-1].end


def test_live_audio_that_was_only_held_up_is_put_where_it_was_said() -> None:
    timeline = Timeline(RATE, 1)
    timeline.take(0, frame(0), None, 0)
    for number in range(1, 50):
        assert timeline.take(0, frame(number), None, RATE) == []
    assert numbers(timeline.due(RATE + 80 * MS))[49] == RATE + 80 * MS - FRAME


def test_live_audio_that_comes_fast_is_not_held_and_loses_nothing() -> None:
    timeline = Timeline(RATE, 1)
    chunks = [chunk for number in range(100) for chunk in timeline.take(0, frame(number), None, number)]
    assert numbers(chunks) == {number: number * FRAME for number in range(100)}


def test_silence_is_told_on_a_channel_that_stays_behind_the_other() -> None:
    timeline = Timeline(RATE, 2)
    for number in range(200):
        timeline.take(0, frame(number), number * FRAME, number * FRAME)
    assert [(chunk.channel, chunk.end, set(chunk.pcm)) for chunk in timeline.silence(4 * RATE, idle=False)] == [
        (1, 3 * RATE, {0})
    ]
    assert timeline.silence(4 * RATE, idle=False) == []


def test_silence_is_told_of_a_pause_and_of_live_audio_but_not_where_positions_may_still_come() -> None:
    timed, live = Timeline(RATE, 1), Timeline(RATE, 1)
    timed.take(0, frame(0), 0, 0)
    live.take(0, frame(0), None, 0)
    assert timed.silence(5 * RATE, idle=False) == []
    assert [chunk.end for chunk in timed.silence(5 * RATE, idle=True)] == [4 * RATE]
    assert [chunk.end for chunk in live.silence(5 * RATE, idle=False)] == [4 * RATE]


def test_long_messages_become_chunks_of_100_ms() -> None:
    timeline = Timeline(RATE, 1)
    chunks = timeline.take(0, bytes(2 * RATE), 0, 0)
    assert [chunk.samples for chunk in chunks] == [800] * 10
    assert [chunk.offset for chunk in chunks] == list(range(0, RATE, 800))


def test_a_gap_goes_no_further_than_60_s_beyond_the_clock_but_audio_may_come_as_fast_as_it_likes() -> None:
    timeline = Timeline(RATE, 2)
    for second in range(100):
        (*_, last) = timeline.take(0, bytes(2 * RATE), second * RATE, RATE)
        assert last.end == (second + 1) * RATE
    assert numbers(timeline.take(1, frame(0), 100 * RATE, RATE) or timeline.due(2 * RATE)) == {0: 100 * RATE}
    for channel in (0, 1):
        with pytest.raises(ValueError, match="far in the future"):
            timeline.take(channel, frame(1), 101 * RATE, RATE)
    assert timeline.end == 100 * RATE + FRAME
    assert numbers(timeline.take(0, frame(1), 101 * RATE, 41 * RATE) or timeline.due(42 * RATE)) == {1: 101 * RATE}


def test_audio_beyond_the_limit_may_adjoin_what_still_waits() -> None:
    timeline = Timeline(RATE, 1)
    assert timeline.take(0, frame(0), 60 * RATE, 0) == []
    assert timeline.take(0, frame(1), 60 * RATE + FRAME, 0) == []
    assert numbers(timeline.due(RATE)) == {0: 60 * RATE, 1: 60 * RATE + FRAME}


def test_live_audio_that_was_held_up_may_have_been_said_since_what_was_heard_though_silence_was_told() -> None:
    timeline = Timeline(RATE, 1)
    assert [chunk.said_from for chunk in timeline.take(0, frame(0), None, FRAME)] == [None]
    assert timeline.silence(5000 * MS, idle=False)
    assert timeline.take(0, frame(1), None, 5000 * MS) == []
    held = timeline.due(5080 * MS)
    rest = timeline.take(0, frame(2), None, 5100 * MS)
    assert [chunk.said_from for chunk in (*held, *rest)] == [FRAME, FRAME]
    for number in range(3, 60):
        later = timeline.take(0, frame(number), None, (5060 + 20 * number) * MS)
    assert [chunk.said_from for chunk in later] == [None]


def test_audio_whose_position_is_in_doubt_says_from_where_for_a_second() -> None:
    timeline = Timeline(RATE, 1)
    timeline.take(0, frame(0), 0, 0)
    timeline.doubt(0, FRAME, 5000 * MS)
    timeline.doubt(0, 300 * MS, 5500 * MS)
    first = timeline.take(0, frame(1), 5500 * MS, 5500 * MS) + timeline.due(5580 * MS)
    last = timeline.take(0, frame(2), 5520 * MS, 6500 * MS)
    assert [chunk.said_from for chunk in (*first, *last)] == [FRAME, None]
