import pytest

from asr.endpointing import Began, Ended, Endpointer, EndpointEvent, Paused, Resumed
from asr.settings import EndpointSettings

SETTINGS = EndpointSettings(onset_ms=128, hang_ms=480, open_hang_ms=480, max_utterance_s=12)
"""One hang, whatever was said."""
JUDGED = EndpointSettings(onset_ms=128, hang_ms=480, open_hang_ms=864, max_utterance_s=12)


def run(*stretches: tuple[float, int], settings: EndpointSettings = SETTINGS) -> list[tuple[int, EndpointEvent]]:
    """Events with the window after which they came; a stretch is a probability and how many windows have it."""
    endpointer = Endpointer(settings)
    events: list[tuple[int, EndpointEvent]] = []
    for probability, windows in stretches:
        for _ in range(windows):
            events.extend((endpointer.position, event) for event in endpointer.push(probability))
    return events


def test_four_windows_of_speech_begin_an_utterance_at_the_first_of_them() -> None:
    assert run((0.0, 10), (0.9, 3)) == []
    assert run((0.0, 10), (0.9, 4)) == [(14, Began(10))]


def test_a_short_noise_begins_nothing() -> None:
    assert run((0.0, 5), (0.9, 3), (0.0, 20), (0.9, 3), (0.0, 20)) == []


def test_the_final_can_be_foreseen_in_the_pause_and_comes_when_the_hang_is_over() -> None:
    events = run((0.9, 20), (0.0, 20))
    assert [event for _, event in events] == [Began(0), Paused(20, 26), Ended(20, 26)]
    assert [after for after, _ in events][1:] == [26, 35]


def test_speech_in_the_hang_goes_on_with_the_utterance() -> None:
    events = [event for _, event in run((0.9, 20), (0.0, 10), (0.9, 10), (0.0, 20))]
    assert events == [Began(0), Paused(20, 26), Resumed(), Paused(40, 46), Ended(40, 46)]


def test_speech_that_begins_softly_counts_from_its_first_doubtful_window() -> None:
    assert run((0.0, 5), (0.4, 2), (0.9, 2), (0.9, 1))[0] == (9, Began(5))
    assert run((0.0, 5), (0.4, 3), (0.9, 1), (0.0, 5))[0] == (9, Began(5))
    assert run((0.0, 5), (0.4, 3), (0.6, 1), (0.0, 5)) == []


def test_doubtful_windows_go_on_with_speech_but_do_not_begin_it() -> None:
    assert run((0.4, 50)) == []
    events = [event for _, event in run((0.9, 10), (0.4, 30), (0.0, 20))]
    assert events[-1] == Ended(40, 46)


def test_a_long_utterance_is_cut_at_a_short_pause() -> None:
    full = 12 * 1000 // 32
    events = [event for _, event in run((0.9, full + 1), (0.0, 5), (0.9, 10))]
    assert events == [Began(0), Ended(full + 1, full + 5), Began(full + 6)]


def test_a_pause_that_would_not_end_a_short_utterance_ends_a_long_one() -> None:
    pause = 9
    assert len(run((0.9, 100), (0.0, pause), (0.9, 20))) == 3
    ended = [event for _, event in run((0.9, 340), (0.0, pause), (0.9, 20))]
    assert ended[-2] == Ended(340, 346)


def test_speech_without_any_pause_is_cut_where_it_is_least_like_speech() -> None:
    full = 12 * 1000 // 32
    events = [event for _, event in run((0.9, full + 20), (0.5, 1), (0.9, 100))]
    assert events == [Began(0), Ended(full + 20, full + 20), Began(full + 20)]


def test_the_end_of_audio_ends_the_utterance() -> None:
    endpointer = Endpointer(SETTINGS, position=1000)
    for _ in range(8):
        endpointer.push(0.9)
    assert endpointer.finish() == (Ended(1008, 1008),)
    assert endpointer.finish() == ()


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 6), (0.9, 4)])
def test_quiet_since_is_where_speech_may_be_beginning(probability: float, expected: int) -> None:
    endpointer = Endpointer(SETTINGS)
    for value in (0.0, 0.0, 0.0, 0.0, probability, probability):
        endpointer.push(value)
    assert endpointer.quiet_since == expected


def judged(said: int, silent: int, done: bool | None, again: int = 0) -> list[EndpointEvent]:
    """Speech, then silence at whose first pause it was decided whether the speaker is done, then speech."""
    endpointer = Endpointer(JUDGED)
    events: list[EndpointEvent] = []
    for probability in [0.9] * said + [0.0] * silent + [0.9] * again:
        assert not endpointer.undecided
        new = endpointer.push(probability)
        events += new
        if done is not None and new and isinstance(new[0], Paused):
            events += endpointer.decide(done)
    return events


def test_who_is_done_is_waited_for_shorter_than_who_is_not() -> None:
    assert judged(20, 14, done=True) == [Began(0), Paused(20, 26)]
    assert judged(20, 15, done=True) == [Began(0), Paused(20, 26), Ended(20, 26)]
    assert judged(20, 26, done=False) == [Began(0), Paused(20, 26)]
    assert judged(20, 27, done=False) == [Began(0), Paused(20, 26), Ended(20, 26)]


def test_a_pause_of_who_is_not_done_goes_on_with_the_utterance() -> None:
    assert judged(20, 26, done=False, again=10) == [Began(0), Paused(20, 26), Resumed()]
    assert judged(20, 26, done=True, again=10) == [Began(0), Paused(20, 26), Ended(20, 26), Began(46)]


def test_it_waits_for_the_decision_when_the_shorter_hang_is_over() -> None:
    for done, events in ((True, (Ended(20, 26),)), (False, ())):
        endpointer = Endpointer(JUDGED)
        for probability in [0.9] * 20 + [0.0] * 15:
            assert not endpointer.undecided
            endpointer.push(probability)
        assert endpointer.undecided
        assert endpointer.decide(done) == events
        assert not endpointer.undecided


def test_a_decision_holds_for_one_pause_only() -> None:
    endpointer = Endpointer(JUDGED)
    for probability in [0.9] * 20 + [0.0] * 6:
        endpointer.push(probability)
    assert endpointer.decide(True) == ()
    for probability in [0.9] * 20 + [0.0] * 15:
        assert not any(isinstance(event, Ended) for event in endpointer.push(probability))
    assert endpointer.undecided


def test_a_decision_that_comes_when_speech_goes_on_is_dropped() -> None:
    endpointer = Endpointer(JUDGED)
    for probability in [0.9] * 20 + [0.0] * 6 + [0.9] * 4:
        endpointer.push(probability)
    assert endpointer.decide(True) == ()
    for probability in [0.0] * 15:
        endpointer.push(probability)
    assert endpointer.undecided


def test_near_full_length_a_short_pause_ends_it_without_a_decision() -> None:
    endpointer = Endpointer(JUDGED)
    events = [event for value in [0.9] * 376 + [0.0] * 5 for event in endpointer.push(value)]
    assert events == [Began(0), Ended(376, 380)]
