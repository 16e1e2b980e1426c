"""An hour of one channel costs as much at its end as at its start, in what is decoded and in memory."""

import gc
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import ActivityModel
from asr.engine import ENGINE_RATE, Decoding, DecodingJob
from asr.scheduler import Scheduler
from asr.wire.messages import Audio, ChannelOptions, FinalReport, Open
from tests.asr.fake_engine import FakeEngine
from tests.asr.speech import RATE

MINUTES = 60
STEP = RATE
State = tuple[NDArray[np.float32], NDArray[np.float32]]


class LoudnessModel(ActivityModel):
    """Takes what is loud for speech: the real model would make this test as long as it is patient."""

    def __init__(self) -> None:
        """Loads nothing."""
        self.silent = (np.zeros(0, np.float32), np.zeros(0, np.float32))

    def run(self, windows: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        return (np.abs(windows).mean(1) > 0.01).astype(np.float32), state


class CountingEngine(FakeEngine):
    """Counts what it decodes, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded_s = 0.0

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        self.decoded_s += sum(len(job.audio) for job in jobs) / ENGINE_RATE
        return tuple(self._decode(job) for job in jobs)


def minute() -> NDArray[np.int16]:
    """Ten times four seconds of sound and two of silence."""
    sound = np.random.default_rng(0).normal(0.0, 3000.0, 4 * RATE).astype(np.int16)
    return np.tile(np.concatenate([sound, np.zeros(2 * RATE, np.int16)]), 10)


@pytest.mark.usefixtures("young_heap")
def test_an_hour_of_one_channel_costs_as_much_at_its_end_as_at_its_start() -> None:
    engine = CountingEngine()
    scheduler = Scheduler(engine, LoudnessModel())
    scheduler.accept(0, Open(0, 0, ChannelOptions(channel=0, rate=RATE, update_ms=1000)))
    pcm, decoded, kept, finals = minute(), [0.0], [0], 0
    tracemalloc.start()
    try:
        for number in range(MINUTES):
            for start in range(0, len(pcm), STEP):
                scheduler.accept(0, Audio(0, number * len(pcm) + start, pcm[start : start + STEP].tobytes()))
                while (turn := scheduler.work()) is not None:
                    finals += sum(isinstance(message, FinalReport) for _, message in turn.deliveries)
            decoded.append(engine.decoded_s)
            gc.collect()  # the interpreter's lists of free objects grow, too
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    each = np.diff(decoded)
    assert each[-1] == pytest.approx(each[1])
    assert each[1] > 40
    # A quarter of a minute of the audio that went by.
    assert kept[-1] - kept[2] < pcm.nbytes / 4
    assert finals >= MINUTES * 10 - 1
