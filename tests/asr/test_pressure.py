"""More channels than an engine can follow, in a time of the test's own: what each decoding costs is given."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from asr.activity import ActivityModel
from asr.allowance import Allowance
from asr.engine import Decoding, DecodingJob
from asr.scheduler import Round, Scheduler
from asr.settings import EndpointSettings
from asr.wire.messages import Audio, ChannelOptions, Close, FinalReport, Open, PartialReport
from callscribe.domain.transcript import Final
from tests.asr.clock import Clock
from tests.asr.fake_engine import FakeEngine
from tests.asr.speech import RATE, two_cities

STEP = RATE // 10
# With one hang alone: what this engine says of a pause means nothing.
OPTIONS = ChannelOptions(channel=0, rate=RATE, update_ms=200, endpoint=EndpointSettings(open_hang_ms=480))


class CostlyEngine(FakeEngine):
    """Takes its time for each job, and says something else of each length of audio."""

    def __init__(self, clock: Clock, job_s: float) -> None:
        super().__init__(lambda job: str(len(job.audio)))
        self._clock = clock
        self._job_s = job_s

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        self._clock.now += self._job_s * len(jobs)
        return super().decode(jobs)


@dataclass(slots=True)
class Heard:
    """What came of one channel; times are seconds after the first sample."""

    partials: list[float] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Of each final, after the end of its speech."""


def listen(model: ActivityModel, channels: int, job_s: float, alone_from: int | None = None) -> list[Heard]:
    """Channels that say the same at the same time, in real time; from step `alone_from` on only the first one."""
    clock = Clock()
    scheduler = Scheduler(CostlyEngine(clock, job_s), model, Allowance(clock))
    speech, began, step = two_cities()[: 20 * RATE], clock.now, 0
    heard = [Heard() for _ in range(channels)]
    steps = [len(speech) // STEP] + [alone_from or len(speech) // STEP] * (channels - 1)
    for number in range(channels):
        scheduler.accept(0, Open(number, 0, OPTIONS))
    while True:
        while step < steps[0] and clock.now >= began + (step + 1) * STEP / RATE:
            pcm = speech[step * STEP : (step + 1) * STEP].tobytes()
            for number in [number for number in range(channels) if step < steps[number]]:
                scheduler.accept(0, Audio(number, step * STEP, pcm))
                if step + 1 == steps[number]:
                    scheduler.accept(0, Close(number))
            step += 1
        turn = scheduler.work()
        if turn is not None:
            note(turn, clock.now - began, heard)
        elif step < steps[0]:
            clock.now = max(clock.now, began + (step + 1) * STEP / RATE)
        else:
            return heard


def note(turn: Round, at: float, heard: list[Heard]) -> None:
    for _, message in turn.deliveries:
        match message:
            case PartialReport():
                heard[message.number].partials.append(at)
            case FinalReport():
                heard[message.number].finals.append(message.final)
                heard[message.number].delays.append(at - message.final.end / RATE)


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel()


@pytest.fixture(scope="module")
def light(model: ActivityModel) -> list[Heard]:
    return listen(model, channels=2, job_s=0.01)


def texts(heard: Heard) -> list[tuple[int, int, str]]:
    return [(final.start, final.end, final.text) for final in heard.finals]


def test_the_more_channels_speak_the_rarer_partials_are_for_all_of_them_alike(
    model: ActivityModel, light: list[Heard]
) -> None:
    counts = [min(len(one.partials) for one in light)]
    for channels in (3, 5, 8):
        each = [len(one.partials) for one in listen(model, channels, job_s=0.08)]
        assert max(each) - min(each) <= 0.4 * max(each)
        counts.append(max(each))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 2 * counts[-1]


def test_where_finals_alone_take_all_the_time_there_are_no_partials_and_every_final_comes_in_order(
    model: ActivityModel, light: list[Heard]
) -> None:
    pressed = listen(model, channels=18, job_s=0.25)
    # What a pause was decoded for in vain is shown.
    assert max(len(one.partials) for one in pressed) <= 0.1 * len(light[0].partials)
    for one in pressed:
        assert texts(one) == texts(light[0])


def test_finals_come_in_time_as_long_as_partials_can_give_way(model: ActivityModel, light: list[Heard]) -> None:
    busy = listen(model, channels=6, job_s=0.06)
    assert max(delay for one in busy for delay in one.delays) < max(light[0].delays) + 0.5


def test_when_the_pressure_is_over_partials_come_as_often_as_before(model: ActivityModel, light: list[Heard]) -> None:
    relieved = listen(model, channels=18, job_s=0.1, alone_from=100)[0]
    late = [at for at in relieved.partials if at > 15.0]
    usual = [at for at in light[0].partials if at > 15.0]
    assert abs(len(late) - len(usual)) <= 0.2 * len(usual)
    assert texts(relieved) == texts(light[0])
