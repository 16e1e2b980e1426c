import queue
from collections.abc import Iterator

import pytest

from asr.activity import ActivityModel
from asr.compute import Compute
from asr.scheduler import Round, Scheduler
from asr.settings import EndpointSettings
from asr.wire.messages import Audio, ChannelOptions, Close, Closed, FinalReport, Open
from tests.asr.fake_remote import FakeRemote
from tests.asr.speech import RATE, first_line

OPTIONS = ChannelOptions(channel=0, rate=RATE, endpoint=EndpointSettings(open_hang_ms=480))


class Running:
    """A computing thread on a remote engine, with what it tells."""

    def __init__(self) -> None:
        self.engine = FakeRemote()
        self.rounds: queue.Queue[Round] = queue.Queue()
        self.ended: queue.Queue[None] = queue.Queue()
        scheduler = Scheduler(self.engine, ActivityModel())
        self.compute = Compute(scheduler, done=self.rounds.put, ended=lambda: self.ended.put(None))
        self.compute.start()

    def say(self, number: int) -> None:
        """A channel whose final is asked for once all of this was heard."""
        self.compute.submit(1, Open(number, 0, OPTIONS))
        pcm = first_line()
        for at in range(0, len(pcm), RATE // 10):
            self.compute.submit(1, Audio(number, at, pcm[at : at + RATE // 10].tobytes()))
        self.compute.submit(1, Close(number))
        heard = 0
        while heard < 2 * len(pcm):
            heard += self.rounds.get().heard.get(1, 0)


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.compute.stop()
    made.ended.get()


def test_an_answer_wakes_the_thread_though_nothing_else_comes(running: Running) -> None:
    running.say(0)
    while not running.engine.open:
        pass
    running.engine.answer()
    told: list[type] = []
    while Closed not in told:
        told += [type(message) for _, message in running.rounds.get().deliveries]
    assert FinalReport in told
    assert told[-1] is Closed


def test_what_was_asked_for_is_taken_back_at_the_end(running: Running) -> None:
    running.say(0)
    while not running.engine.open:
        pass
    running.compute.stop()
    running.ended.get()
    assert [answer.cancelled() for _, answer in running.engine.asked] == [True]
    running.ended.put(None)
