"""A remote engine under the scheduler: finals of many channels overlap, and nothing else changes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import ActivityModel
from asr.engine import DecodingJob
from asr.scheduler import Delivery, Scheduler
from asr.settings import EndpointSettings
from asr.wire.messages import Acknowledged, Audio, ChannelOptions, Close, Closed, FinalReport, Open, PartialReport
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from tests.asr.fake_engine import FakeEngine
from tests.asr.fake_remote import FakeRemote
from tests.asr.speech import RATE, first_line, two_cities

OPTIONS = ChannelOptions(channel=0, rate=RATE, update_ms=200, endpoint=EndpointSettings(open_hang_ms=480))
STEP = RATE // 10
WHOLE_LINE = "one two three four five six seven"


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel()


def length(job: DecodingJob) -> str:
    """A word that tells every other audio apart."""
    return f"w{len(job.audio)}"


def open_channels(scheduler: Scheduler, count: int, options: ChannelOptions = OPTIONS) -> None:
    for number in range(count):
        scheduler.accept(1, Open(number, 0, options))


def work_off(scheduler: Scheduler) -> list[Delivery]:
    deliveries: list[Delivery] = []
    while (turn := scheduler.work()) is not None:
        deliveries.extend(turn.deliveries)
    return deliveries


def speak(scheduler: Scheduler, number: int, samples: NDArray[np.int16], begin: int = 0) -> list[Delivery]:
    """A channel in real time, from sample `begin` on."""
    deliveries: list[Delivery] = []
    for at in range(begin, len(samples), STEP):
        scheduler.accept(1, Audio(number, at, samples[at : at + STEP].tobytes()))
        deliveries += work_off(scheduler)
    return deliveries


def finals(deliveries: list[Delivery]) -> list[tuple[int, str]]:
    return [(message.number, message.final.text) for _, message in deliveries if isinstance(message, FinalReport)]


def test_no_final_waits_for_another_and_partials_wait_for_none(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 3)
    for number in (0, 1):
        speak(scheduler, number, first_line())
    assert len(engine.open) == 2
    shown = speak(scheduler, 2, first_line()[: 3 * RATE])
    assert [message.number for _, message in shown if isinstance(message, PartialReport)].count(2) >= 3
    engine.answer(1)
    assert finals(work_off(scheduler)) == [(1, WHOLE_LINE)]
    engine.answer(0)
    assert finals(work_off(scheduler)) == [(0, WHOLE_LINE)]


def test_an_answer_tells_that_there_is_work(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    told: list[bool] = []
    scheduler.on_answer = lambda: told.append(True)
    open_channels(scheduler, 1)
    speak(scheduler, 0, first_line())
    assert scheduler.work() is None
    assert told == []
    engine.answer()
    assert told == [True]
    assert finals(work_off(scheduler))


@pytest.mark.parametrize("patience", [0, 5, 40])
@pytest.mark.parametrize(
    "endpoint",
    [EndpointSettings(), EndpointSettings(open_hang_ms=480), EndpointSettings(max_utterance_s=2)],
    ids=["judged", "one hang", "short"],
)
def test_however_late_answers_come_the_finals_are_those_of_an_engine_that_is_waited_for(
    model: ActivityModel, endpoint: EndpointSettings, patience: int
) -> None:
    options = ChannelOptions(channel=0, rate=RATE, update_ms=200, endpoint=endpoint)
    waited_for = Scheduler(FakeEngine(length), model)
    open_channels(waited_for, 1, options)
    speech = two_cities()[: 20 * RATE]
    expected = speak(waited_for, 0, speech)
    waited_for.accept(1, Close(0))
    expected += work_off(waited_for)

    engine = FakeRemote(length)
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 1, options)
    deliveries: list[Delivery] = []
    for number, at in enumerate(range(0, len(speech), STEP)):
        deliveries += speak(scheduler, 0, speech[: at + STEP], begin=at)
        assert len(engine.open) <= 1, "one of an utterance, and one utterance of a channel"
        if engine.open and number % (patience + 1) == 0:
            engine.answer()
            deliveries += work_off(scheduler)
    while engine.open:
        engine.answer()
        deliveries += work_off(scheduler)
    scheduler.accept(1, Close(0))
    deliveries += work_off(scheduler)
    while engine.open:
        engine.answer()
        deliveries += work_off(scheduler)
    assert len(finals(expected)) >= 3
    assert finals(deliveries) == finals(expected)
    assert deliveries[-1] == expected[-1]


def test_a_channel_is_closed_when_its_last_answer_has_come(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 1)
    speak(scheduler, 0, first_line()[: 4 * RATE])
    scheduler.accept(1, Close(0))
    assert Closed(0, 4 * RATE) not in [message for _, message in work_off(scheduler)]
    engine.answer()
    told = work_off(scheduler)
    assert finals(told)
    assert told[-1].message == Closed(0, 4 * RATE)


def test_no_partial_comes_after_its_final_or_before_the_final_of_the_utterance_before(model: ActivityModel) -> None:
    engine = FakeRemote(length)
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 1)
    speech = two_cities()[: 20 * RATE]
    deliveries: list[Delivery] = []
    for number, at in enumerate(range(0, len(speech), STEP)):
        deliveries += speak(scheduler, 0, speech[: at + STEP], begin=at)
        if engine.open and number % 9 == 0:
            engine.answer()
            deliveries += work_off(scheduler)
    settled = 0
    for _, message in deliveries:
        if isinstance(message, PartialReport):
            assert message.partial.start >= settled
        if isinstance(message, FinalReport):
            settled = message.final.end
    assert settled


def test_it_is_asked_for_no_more_at_once_than_it_takes(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, engine.max_batch + 1)
    for number in range(engine.max_batch + 1):
        speak(scheduler, number, first_line())
    assert len(engine.open) == engine.max_batch
    engine.answer()
    assert finals(work_off(scheduler)) == [(0, WHOLE_LINE)]
    assert len(engine.open) == engine.max_batch


def test_what_a_connection_asked_for_is_taken_back_when_it_goes(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 1)
    speak(scheduler, 0, first_line())
    scheduler.drop(1)
    assert [answer.cancelled() for _, answer in engine.asked] == [True]
    assert scheduler.work() is None
    open_channels(scheduler, 1)
    speak(scheduler, 0, first_line())
    scheduler.close()
    assert all(answer.cancelled() for _, answer in engine.asked)


def test_an_answer_that_it_will_not_work_any_more_ends_the_recogniser(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 1)
    speak(scheduler, 0, first_line())
    engine.open[0][1].set_exception(EngineUnavailable("the quota is used up"))
    with pytest.raises(EngineUnavailable, match="quota"):
        work_off(scheduler)


def test_what_the_server_failed_on_is_told(model: ActivityModel) -> None:
    engine = FakeRemote()
    scheduler = Scheduler(engine, model)
    open_channels(scheduler, 2)
    for number in (0, 1):
        speak(scheduler, number, first_line())
    engine.open[0][1].set_exception(RecognitionError())
    engine.answer(0)
    deliveries = work_off(scheduler)
    assert finals(deliveries)[-1] == (1, WHOLE_LINE)
    told = [message for _, message in deliveries if isinstance(message, Acknowledged) and message.undecoded]
    assert [message.number for message in told] == [0]
