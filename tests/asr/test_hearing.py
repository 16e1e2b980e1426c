from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import ActivityModel
from asr.engine import Decoding, DecodingJob
from asr.hearing import DecodingTask, Hearing
from asr.settings import EndpointSettings
from asr.wire.messages import ChannelOptions
from callscribe.domain.transcript import Final, Partial
from tests.asr.fake_engine import FakeEngine, count_aloud
from tests.asr.speech import RATE, first_line, silence, two_cities

OPTIONS = ChannelOptions(channel=1, rate=RATE, update_ms=500, endpoint=EndpointSettings(open_hang_ms=480))
"""One hang: the fake engine says figures, after which more is waited for."""
JUDGED = EndpointSettings(hang_ms=480, open_hang_ms=864)
CHUNK = RATE // 10


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel()


class Listening:
    """A hearing that is fed chunk by chunk and decodes at once what is due."""

    def __init__(
        self,
        model: ActivityModel,
        engine: FakeEngine | None = None,
        offset: int = 0,
        endpoint: EndpointSettings = OPTIONS.endpoint,
    ) -> None:
        self.engine = engine or FakeEngine()
        self.hearing = Hearing(replace(OPTIONS, endpoint=endpoint), offset, model, self.engine)
        self.acknowledged: list[int] = []

    def hear(self, samples: NDArray[np.int16], offset: int) -> None:
        for start in range(0, len(samples), CHUNK):
            self.hearing.hear(offset + start, samples[start : start + CHUNK])
            self.decode()
            self.acknowledged.append(self.hearing.acknowledged)

    def decode(self) -> None:
        while tasks := self.hearing.final_tasks(4):
            self._settle(tasks)
        if self.hearing.overdue >= 1 and (task := self.hearing.partial_task()):
            self._settle([task])

    def _settle(self, tasks: list[DecodingTask]) -> None:
        for task, decoding in zip(tasks, self.engine.decode([task.job for task in tasks]), strict=True):
            self.hearing.settle(task, decoding)

    @property
    def finals(self) -> list[Final]:
        return [event for event in self.hearing.events if isinstance(event, Final)]

    @property
    def partials(self) -> list[Partial]:
        return [event for event in self.hearing.events if isinstance(event, Partial)]


def test_an_utterance_grows_in_partials_and_settles_in_a_final_of_the_same_name(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line(), 0)
    (final,) = listening.finals
    assert final.channel == 1
    assert {partial.start for partial in listening.partials} == {final.start}
    assert [partial.revision for partial in listening.partials] == list(range(1, len(listening.partials) + 1))
    assert final.start / RATE == pytest.approx(1.22, abs=0.1)
    assert final.end / RATE == pytest.approx(4.54, abs=0.1)
    assert all(partial.tentative or partial.committed for partial in listening.partials)


def test_partials_come_about_as_often_as_asked_and_commit_what_has_stood(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line(), 0)
    gaps = np.diff([partial.end for partial in listening.partials[:-1]]) / RATE
    assert len(gaps) >= 4
    assert ((gaps >= 0.48) & (gaps <= 0.71)).all()
    assert listening.partials[2].committed == ""
    assert listening.partials[-1].committed.startswith("one two")


def test_the_final_was_foreseen_in_the_pause_and_costs_nothing_more_at_its_end(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(two_cities()[: int(4.85 * RATE)], 0)
    assert not listening.finals
    decoded = len(listening.engine.batches)
    listening.hear(silence(0.4), int(4.85 * RATE))
    assert len(listening.finals) == 1
    assert len(listening.engine.batches) == decoded


def test_each_job_brings_the_tokens_of_the_one_before_as_draft(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line(), 0)
    jobs = [job for batch in listening.engine.batches for job in batch]
    assert jobs[0].earlier.tokens == ()
    assert [len(job.earlier.tokens) for job in jobs[1:]] == [len(job.audio) * 2 // 16000 for job in jobs[:-1]]


def test_a_channel_that_begins_late_gives_places_from_the_start_of_the_call(model: ActivityModel) -> None:
    early, late = Listening(model), Listening(model, offset=1_000_000 * 256)
    early.hear(first_line(), 0)
    late.hear(first_line(), 1_000_000 * 256)
    assert [final.start + 256_000_000 for final in early.finals] == [final.start for final in late.finals]


def test_words_lie_where_they_were_said(model: ActivityModel) -> None:
    listening = Listening(model, offset=60 * RATE)
    listening.hear(first_line(), 60 * RATE)
    (final,) = listening.finals
    assert [word.text for word in final.words] == final.text.split()
    # What is decoded begins with the pre-roll.
    begin = final.start - OPTIONS.endpoint.preroll_ms * RATE // 1000
    places = [begin + number * RATE // 2 for number in range(len(final.words) + 1)]
    assert [(word.start, word.end) for word in final.words] == list(pairwise(places))
    assert {word.confidence for word in final.words} == {0.75}


def test_a_replay_from_the_acknowledged_sample_finds_the_same_utterances(model: ActivityModel) -> None:
    whole = Listening(model)
    whole.hear(two_cities()[: 14 * RATE], 0)
    assert len(whole.finals) >= 3
    for chunk in (30, 60, 75, 110):
        acknowledged = whole.acknowledged[chunk]
        assert 0 <= acknowledged <= (chunk + 1) * CHUNK
        replayed = Listening(model, offset=acknowledged)
        replayed.hear(two_cities()[acknowledged : 14 * RATE], acknowledged)
        owed = [final for final in whole.finals if final.end > acknowledged]
        assert len(replayed.finals) == len(owed)
        for again, first in zip(replayed.finals, owed, strict=True):
            # The voice activity model remembers more than is replayed: a window or two more or less of speech.
            assert abs(again.start - first.start) <= 2 * 256
            assert abs(again.end - first.end) <= 2 * 256


def test_acknowledgement_follows_silence_and_never_passes_what_is_being_said(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(silence(5.0), 0)
    assert listening.acknowledged == sorted(listening.acknowledged)
    assert 3 * RATE < listening.acknowledged[-1] < 5 * RATE
    listening.hear(first_line()[: 4 * RATE], 5 * RATE)
    assert listening.acknowledged[-1] < int(6.3 * RATE)


def test_audio_heard_twice_is_dropped(model: ActivityModel) -> None:
    plain, repeated = Listening(model), Listening(model)
    plain.hear(first_line(), 0)
    for start in range(0, len(first_line()), CHUNK):
        begin = max(0, start - 500)
        repeated.hearing.hear(begin, first_line()[begin : start + CHUNK])
        repeated.decode()
    assert repeated.hearing.position == len(first_line())
    assert repeated.finals == plain.finals


def test_a_gap_is_silence_and_ends_what_was_being_said(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line()[: 3 * RATE], 0)
    listening.hear(first_line(), 10 * RATE)
    assert [round(final.start / RATE, 1) for final in listening.finals] == [1.2, 11.2]
    assert listening.finals[0].end <= 3.1 * RATE


def test_a_gap_of_years_costs_nothing_and_keeps_places_right(model: ActivityModel) -> None:
    listening, far = Listening(model), 2**50 // 256 * 256
    listening.hear(first_line()[: 3 * RATE], 0)
    listening.hear(first_line(), far)
    assert len(listening.finals) == 2
    assert listening.finals[1].start / RATE - far / RATE == pytest.approx(1.22, abs=0.1)


def test_the_end_of_audio_ends_the_utterance_without_waiting(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line()[: 4 * RATE], 0)
    listening.hearing.finish()
    listening.decode()
    (final,) = listening.finals
    assert final.end == pytest.approx(4 * RATE, abs=256)


def test_a_final_costs_what_was_paid_since_the_one_before(model: ActivityModel) -> None:
    """For partials, for decodings in pauses, and for what turned out to be nothing."""

    class Paid(FakeEngine):
        def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
            return tuple(replace(decoding, cost=0.5) for decoding in super().decode(jobs))

    listening = Listening(model, Paid())
    pause = np.zeros(2 * RATE, np.int16)
    listening.hear(np.concatenate([first_line(), pause, first_line(), pause]), 0)
    assert len(listening.finals) >= 2
    assert sum(final.cost for final in listening.finals) == 0.5 * sum(map(len, listening.engine.batches))
    assert all(final.cost > 0.5 for final in listening.finals)


def test_what_turns_out_to_be_nothing_is_taken_back_and_makes_no_final(model: ActivityModel) -> None:
    def say(job: DecodingJob) -> str:
        return "You" if len(job.audio) < 2.5 * 16000 else ""

    listening = Listening(model, FakeEngine(say))
    listening.hear(first_line(), 0)
    assert listening.finals == []
    shown = [(partial.committed, partial.tentative) for partial in listening.partials]
    assert shown[0] == ("", "You")
    assert shown[-1] == ("", "")


def test_a_silent_channel_keeps_only_the_preroll(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line(), 0)
    listening.hear(silence(30.0), len(first_line()))
    buffer = listening.hearing._buffer
    assert (buffer.end - buffer.start) / 16000 <= 0.49
    assert buffer._store.nbytes < 100_000


def test_loud_and_soft_lines_sound_alike_to_the_engine(model: ActivityModel) -> None:
    loud, soft = Listening(model), Listening(model)
    loud.hear((first_line() * 3).astype(np.int16), 0)
    soft.hear(first_line(), 0)
    loudness = [float(np.std(listening.engine.batches[-1][0].audio)) for listening in (loud, soft)]
    assert loudness[1] == pytest.approx(loudness[0], rel=0.1)


def test_a_mark_at_the_end_is_shown_only_when_the_utterance_has_ended(model: ActivityModel) -> None:
    listening = Listening(model, FakeEngine(lambda job: count_aloud(job).capitalize() + "."))
    listening.hear(first_line(), 0)
    shown = [" ".join((partial.committed, partial.tentative)).strip() for partial in listening.partials]
    assert shown[0].startswith("One")
    assert not any(text.endswith(".") for text in shown)
    (final,) = listening.finals
    assert final.text == shown[-1] + "."


def saying(text: str) -> Callable[[DecodingJob], str]:
    return lambda _: text


def paused(silence_s: float) -> NDArray[np.int16]:
    """The reading's first line cut within "worst", the rest after a pause, and silence."""
    cut = int(3.9 * RATE)
    return np.concatenate([first_line()[:cut], silence(silence_s), first_line()[cut:], silence(1.0)])


@pytest.mark.parametrize(("said", "utterances"), [("It was the", 1), ("It was the best of times.", 2)])
def test_a_pause_after_words_that_want_more_does_not_end_an_utterance(
    model: ActivityModel, said: str, utterances: int
) -> None:
    listening = Listening(model, FakeEngine(saying(said)), endpoint=EndpointSettings(open_hang_ms=2000))
    listening.hear(paused(0.8), 0)
    listening.hear(silence(2.5), len(paused(0.8)))
    assert len(listening.finals) == utterances


@pytest.mark.parametrize("said", ["It was the", "It was the best of times."])
def test_where_an_utterance_is_cut_does_not_depend_on_when_it_is_decoded(model: ActivityModel, said: str) -> None:
    prompt, late = (Listening(model, FakeEngine(saying(said)), endpoint=JUDGED) for _ in range(2))
    prompt.hear(paused(0.7), 0)
    late.hearing.hear(0, paused(0.7))
    late.decode()
    assert [(final.start, final.end) for final in late.finals] == [(final.start, final.end) for final in prompt.finals]


def test_the_end_of_audio_waits_for_no_decision(model: ActivityModel) -> None:
    listening = Listening(model, endpoint=JUDGED)
    listening.hearing.hear(0, first_line())
    assert listening.hearing.undecided
    listening.hearing.finish()
    listening.decode()
    assert len(listening.finals) == 1


def test_what_follows_a_cut_for_length_goes_on_with_the_sentence(model: ActivityModel) -> None:
    settings = EndpointSettings(max_utterance_s=2)
    listening = Listening(model, FakeEngine(saying("Three to mute, ")), endpoint=settings)
    listening.hear(first_line(), 0)
    assert [final.text for final in listening.finals][:2] == ["Three to mute, ", "three to mute, "]


def test_a_final_of_an_utterance_that_nobody_paused_in_holds_nothing_of_the_next_one(model: ActivityModel) -> None:
    """It is cut where it had been decoded beyond."""

    def length(job: DecodingJob) -> str:
        return f"w{len(job.audio)}"

    settings = EndpointSettings(max_utterance_s=2)
    prompt, late = (Listening(model, FakeEngine(length), endpoint=settings) for _ in range(2))
    speech = two_cities()[: 20 * RATE]
    prompt.hear(speech, 0)
    late.hearing.hear(0, speech)
    late.decode()
    assert len(prompt.finals) >= 5
    told = [(final.start, final.end, final.text) for final in prompt.finals]
    assert told == [(final.start, final.end, final.text) for final in late.finals][: len(told)]


def test_what_is_answered_late_is_not_taken_for_the_final_of_more(model: ActivityModel) -> None:
    """The speaker went on, and is done by now."""
    listening = Listening(model)
    hearing, line = listening.hearing, paused(0.3)
    early: list[DecodingTask] = []
    for start in range(0, len(line), CHUNK):
        hearing.hear(start, line[start : start + CHUNK])
        early = early or hearing.final_tasks(1)
    hearing.settle(early[0], listening.engine.decode([early[0].job])[0])
    assert listening.finals == []
    listening.decode()
    [final] = listening.finals
    assert len(final.text.split()) > len(early[0].job.audio) * 2 // 16_000
    assert hearing.waiting == 0


def failing(hearing: Hearing) -> None:
    """The engine fails on all that is due."""
    while tasks := hearing.final_tasks(1):
        hearing.settle(tasks[0], None)


def test_an_utterance_that_the_engine_fails_on_is_what_was_shown_of_it_and_the_rest_is_told_to_be_missing(
    model: ActivityModel,
) -> None:
    listening = Listening(model)
    listening.hear(first_line()[: 3 * RATE], 0)
    shown = listening.partials[-1]
    listening.hearing.hear(3 * RATE, first_line()[3 * RATE :])
    failing(listening.hearing)
    [final] = listening.finals
    assert final.text == f"{shown.committed} {shown.tentative}".strip()
    assert (final.start, final.end) == (shown.start, shown.end)
    assert final.confidence <= 0.5
    assert max(word.confidence for word in final.words) <= 0.5
    [(start, end)] = listening.hearing.undecoded
    assert start == final.end
    assert 4.5 * RATE < end < 4.9 * RATE
    assert listening.hearing.acknowledged >= final.end


def test_an_utterance_of_which_nothing_was_shown_is_missing_as_a_whole(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hearing.hear(0, first_line())
    failing(listening.hearing)
    assert listening.hearing.events == []
    [(start, end)] = listening.hearing.undecoded
    assert start < 1.25 * RATE
    assert end > 4.5 * RATE
    listening.hear(two_cities()[int(5.2 * RATE) : int(9.5 * RATE)], len(first_line()))
    listening.hear(silence(1.0), len(first_line()) + int(4.3 * RATE))
    assert listening.finals, "the next utterance is heard as ever"


def test_a_partial_that_the_engine_fails_on_changes_nothing_that_is_shown(model: ActivityModel) -> None:
    listening = Listening(model)
    listening.hear(first_line()[: 3 * RATE], 0)
    before = listening.partials
    listening.hearing.hear(3 * RATE, first_line()[3 * RATE : 4 * RATE])
    task = listening.hearing.partial_task()
    assert task is not None
    listening.hearing.settle(task, None)
    assert listening.partials == before
    assert listening.hearing.overdue < 1
    listening.hear(first_line()[4 * RATE :], 4 * RATE)
    [final] = listening.finals
    assert final.confidence > 0.5
    assert listening.hearing.undecoded == []
