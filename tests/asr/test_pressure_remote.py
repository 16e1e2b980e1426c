"""Many channels on one recogniser whose engine's server takes its time, in a time of the test's own."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from asr.activity import ActivityModel
from asr.allowance import Allowance
from asr.engine import Decoding, DecodingJob, Engine
from asr.scheduler import Round, Scheduler
from asr.settings import EndpointSettings
from asr.wire.messages import Audio, ChannelOptions, FinalReport, Open, PartialReport
from tests.asr.clock import Clock
from tests.asr.fake_engine import FakeEngine
from tests.asr.fake_remote import FakeRemote
from tests.asr.speech import RATE, two_cities

CHANNELS = 30
ANSWER_S = 0.3
TICK_S = 0.05
SPOKEN_S = 12
OPTIONS = ChannelOptions(channel=0, rate=RATE, update_ms=200, endpoint=EndpointSettings(open_hang_ms=480))


def length(job: DecodingJob) -> str:
    return f"w{len(job.audio)}"


class Overlapping(FakeRemote):
    """Answers each question after a while."""

    max_batch = 64

    def __init__(self, clock: Clock) -> None:
        super().__init__(length)
        self._clock = clock
        self._due: list[float] = []

    def begin(self, job: DecodingJob) -> Future[Decoding]:
        self._due.append(self._clock.now + ANSWER_S)
        return super().begin(job)

    def tick(self) -> None:
        while self.open and self._due[len(self.asked) - len(self.open)] <= self._clock.now:
            self.answer()


class Blocking(FakeEngine):
    """The same service, waited for: a batch as long as one question."""

    max_batch = 64

    def __init__(self, clock: Clock) -> None:
        super().__init__(length)
        self._clock = clock

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        self._clock.now += ANSWER_S if any(job.final for job in jobs) else 0.0
        return super().decode(jobs)


@dataclass(slots=True)
class Heard:
    """What came of all channels."""

    delays: list[float] = field(default_factory=list)
    """Of each final, seconds after the end of its speech."""
    texts: list[str] = field(default_factory=list)
    partials: int = 0


def listen(model: ActivityModel, clock: Clock, engine: Engine) -> Heard:
    """Channels that begin one after the other, in real time."""
    scheduler = Scheduler(engine, model, Allowance(clock))
    starts = [clock.now + 0.21 * number for number in range(CHANNELS)]
    sent = [0] * CHANNELS
    heard = Heard()
    step, speech = round(TICK_S * RATE), two_cities()[: SPOKEN_S * RATE]
    for number in range(CHANNELS):
        scheduler.accept(0, Open(number, 0, OPTIONS))
    while min(sent) < len(speech) or (isinstance(engine, Overlapping) and engine.open):
        for number, start in enumerate(starts):
            while sent[number] < len(speech) and (sent[number] + step) / RATE <= clock.now - start:
                at = sent[number]
                sent[number] += step
                scheduler.accept(0, Audio(number, at, speech[at : at + step].tobytes()))
        if isinstance(engine, Overlapping):
            engine.tick()
        while (turn := scheduler.work()) is not None:
            note(turn, heard, [clock.now - start for start in starts])
        clock.now += TICK_S
    return heard


def note(turn: Round, heard: Heard, ages: list[float]) -> None:
    """`ages` are how long each channel has been spoken in, in seconds."""
    for _, message in turn.deliveries:
        match message:
            case PartialReport():
                heard.partials += 1
            case FinalReport(number, final):
                heard.delays.append(ages[number] - final.end / RATE)
                heard.texts.append(f"{number} {final.text}")


def test_finals_of_thirty_channels_come_as_soon_as_that_of_one_and_partials_do_not_give_way() -> None:
    model = ActivityModel()
    clock = Clock()
    overlapping = listen(model, clock, Overlapping(clock))
    waited_for = listen(model, clock, Blocking(clock))
    assert len(overlapping.texts) >= 3 * CHANNELS
    assert sorted(overlapping.texts) == sorted(waited_for.texts)
    assert max(overlapping.delays) < 0.48 + ANSWER_S
    assert np.median(waited_for.delays) > 1.4 * np.median(overlapping.delays)
    assert overlapping.partials > 4 * waited_for.partials
