"""What pauses take out of a call's audio."""

from callscribe.domain.audio import AudioChunk
from callscribe.domain.pause import Pause
from callscribe.live.pauses import PauseBook

LOUD = b"\x01\x02"


def chunk(start: int, end: int, channel: int = 0) -> AudioChunk:
    return AudioChunk(channel, start, LOUD * (end - start))


def heard(chunk: AudioChunk) -> str:
    """One letter a sample: x where it is heard, "." where it is zero."""
    samples = (chunk.pcm[place : place + 2] for place in range(0, len(chunk.pcm), 2))
    return "".join("x" if sample == LOUD else "." if sample == b"\0\0" else "?" for sample in samples)


def test_audio_outside_of_pauses_is_left_as_it_is() -> None:
    book, before = PauseBook(), chunk(0, 4)
    assert book.muted(before) is before
    book.begin({0: 4}, "api", "")
    assert book.muted(before) is before
    other = chunk(0, 20, channel=1)
    assert book.muted(other) is other


def test_a_chunk_is_zero_just_where_it_lies_in_a_pause() -> None:
    book = PauseBook()
    book.begin({0: 4}, "api", "")
    assert heard(book.muted(chunk(0, 8))) == "xxxx...."
    assert heard(book.muted(chunk(8, 12))) == "...."
    book.end([0], 14)
    assert heard(book.muted(chunk(12, 16))) == "..xx"
    assert heard(book.muted(chunk(2, 18))) == "xx..........xxxx"


def test_what_was_said_in_a_pause_and_comes_late_is_zero_all_the_same() -> None:
    book = PauseBook()
    book.begin({0: 0}, "api", "")
    book.end([0], 100)
    book.begin({0: 200}, "api", "")
    assert heard(book.muted(chunk(96, 104))) == "....xxxx"
    assert heard(book.muted(chunk(196, 204))) == "xxxx...."


def test_a_chunk_that_was_perhaps_said_earlier_is_zero_throughout_where_a_pause_touches_that_time() -> None:
    book = PauseBook()
    book.begin({0: 10}, "api", "")
    book.end([0], 20)
    assert heard(book.muted(chunk(30, 34), said_from=19)) == "...."
    assert heard(book.muted(chunk(30, 34), said_from=20)) == "xxxx"
    assert heard(book.muted(chunk(8, 12), said_from=4)) == "...."
    assert heard(book.muted(chunk(6, 10), said_from=4)) == "xxxx"


def test_who_is_paused_already_stays_so_and_only_what_is_new_is_told() -> None:
    book = PauseBook()
    assert book.begin({0: 10}, "api", "card payment") == (Pause(0, 10, None, "api", "card payment"),)
    assert book.begin({0: 30, 1: 40}, "sip", "") == (Pause(1, 40, None, "sip"),)
    assert book.end([0, 1, 2], 50) == (Pause(0, 10, 50, "api", "card payment"), Pause(1, 40, 50, "sip"))
    assert book.end([0, 1], 60) == ()
    assert book.pauses == (Pause(0, 10, 50, "api", "card payment"), Pause(1, 40, 50, "sip"))


def test_a_pause_that_follows_before_the_last_is_over_begins_where_that_ends() -> None:
    book = PauseBook()
    book.begin({0: 10}, "api", "")
    book.end([0], 30)
    assert book.begin({0: 20}, "api", "") == (Pause(0, 30, None, "api"),)
    assert book.end([0], 25) == (Pause(0, 30, 30, "api"),)


def test_it_knows_what_happened_in_a_pause() -> None:
    book = PauseBook()
    book.begin({0: 10}, "api", "")
    assert [book.covers(0, place) for place in (9, 10, 99)] == [False, True, True]
    assert (book.is_paused(0), book.is_paused(1)) == (True, False)
    book.end([0], 20)
    assert [book.covers(0, place) for place in (19, 20)] == [True, False]
    assert not book.is_paused(0)
