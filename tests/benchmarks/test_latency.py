"""When a word counts as shown, and which words are right."""

import numpy as np

from benchmarks.alignment import PlacedWord
from benchmarks.corpus import RATE, Channel, Clip, Turn
from benchmarks.latency import Latencies, measure, right_words
from benchmarks.streaming import Heard, Told
from callscribe.domain.transcript import Final, Partial

START, ONE, TWO, END = RATE, RATE * 3 // 2, RATE * 2, RATE * 2


def partial(at_s: float, tentative: str) -> Told:
    return Told(at_s * RATE, Partial(0, START, round(at_s * RATE), "", tentative, 1))


def final(at_s: float, text: str) -> Told:
    return Told(at_s * RATE, Final(0, START, END, text, 1.0, "none"))


def measured(*told: Told) -> Latencies:
    pcm = np.full(RATE, 1000, np.int16)
    channel = Channel("one", np.zeros(4 * RATE, np.int16), (Turn(Clip("one", "hello there", pcm), START),))
    words = [PlacedWord("hello", (START, ONE), last=False), PlacedWord("there", (ONE, TWO), last=True)]
    latencies = Latencies()
    measure(channel, Heard(told, 0.0), words, latencies)
    return latencies


def test_delays_run_from_a_words_end_to_the_first_text_that_has_it() -> None:
    latencies = measured(
        partial(1.25, "yell"), partial(1.75, "hello"), partial(2.25, "hello there"), final(2.5, "Hello, there.")
    )
    assert latencies.first_partial == [250.0]
    assert latencies.shown == [250.0, 250.0]
    assert latencies.settled == [250.0, 250.0]
    assert latencies.final == [500.0]


def test_a_word_that_vanishes_settles_when_it_is_back_for_good() -> None:
    latencies = measured(partial(1.75, "hello"), partial(2.0, "yellow"), final(2.5, "hello there"))
    assert latencies.shown == [250.0, 500.0]
    assert latencies.settled == [1000.0, 500.0]


def test_a_word_guessed_before_it_was_said_is_not_yet_shown() -> None:
    latencies = measured(partial(1.25, "hello there"), final(2.5, "hello there"))
    assert latencies.shown == [-250.0, 500.0]


def test_a_wrong_word_has_no_delay() -> None:
    latencies = measured(final(2.5, "hello bear"))
    assert latencies.shown == [1000.0]


def test_right_words_are_those_of_the_least_errors() -> None:
    assert right_words(["press", "one", "or", "two"], ["press", "run", "or", "two"]) == {0: 0, 2: 2, 3: 3}
