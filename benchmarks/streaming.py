"""A channel heard live by the scheduler in simulated time: audio arrives at its own pace, work takes the CPU it takes.

The clock stands at the audio's time and moves on by the CPU time of each turn of work, so that a figure does not depend
on what else the machine does; audio that arrives meanwhile is heard in the next turn, as it would be in a process.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from asr.activity import ActivityModel
from asr.engines import load_engine, warm_up
from asr.scheduler import Scheduler
from asr.settings import RecognizerSettings
from asr.wire.messages import Audio, ChannelOptions, Close, FinalReport, Open, PartialReport
from benchmarks.corpus import RATE, Pcm
from callscribe.domain.transcript import Final, Partial

FRAMING_MS = 40
"""Length of the chunks that a line hands on at light load."""


@dataclass(frozen=True, slots=True)
class Told:
    """A partial or a final, and when it was told."""

    at: float
    """Samples from the channel's beginning."""
    what: Partial | Final


@dataclass(frozen=True, slots=True)
class Heard:
    """One channel, heard to its end."""

    told: tuple[Told, ...]
    cpu_s: float

    @property
    def finals(self) -> tuple[Final, ...]:
        return tuple(told.what for told in self.told if isinstance(told.what, Final))

    @property
    def text(self) -> str:
        return " ".join(final.text for final in self.finals)


class Listener:
    """The engine and the activity model, loaded and warm."""

    def __init__(self) -> None:
        self._engine, self._model = load_engine(RecognizerSettings()), ActivityModel()
        warm_up(self._engine)

    def hear(self, pcm: Pcm, options: ChannelOptions, framing_ms: int = FRAMING_MS) -> Heard:
        """A channel of its own recogniser."""
        scheduler = Scheduler(self._engine, self._model)
        scheduler.accept(0, Open(0, 0, options))
        arrivals = _arrivals(pcm, framing_ms)
        told: list[Told] = []
        clock = cpu_s = 0.0
        waiting = next(arrivals, None)
        while waiting is not None:
            clock = max(clock, waiting[0])
            while waiting is not None and waiting[0] <= clock:
                scheduler.accept(0, waiting[1])
                waiting = next(arrivals, None)
            turn_told, clock, spent = _work(scheduler, clock, None if waiting is None else waiting[0])
            told += turn_told
            cpu_s += spent
        return Heard(tuple(told), cpu_s)


def _arrivals(pcm: Pcm, framing_ms: int) -> Iterator[tuple[float, Audio | Close]]:
    """Each chunk at the sample after its last, then the end."""
    step = RATE * framing_ms // 1000
    for start in range(0, len(pcm), step):
        chunk = pcm[start : start + step]
        yield float(start + len(chunk)), Audio(0, start, chunk.tobytes())
    yield float(len(pcm)), Close(0)


def _work(scheduler: Scheduler, clock: float, until: float | None) -> tuple[list[Told], float, float]:
    """Turns of work from `clock` on until more audio has come (`until`) or nothing is left to do."""
    told: list[Told] = []
    cpu_s = 0.0
    while until is None or clock < until:
        began = time.process_time()
        turn = scheduler.work()
        spent = time.process_time() - began
        cpu_s += spent
        if turn is None:
            break
        clock += spent * RATE
        for _, message in turn.deliveries:
            if isinstance(message, PartialReport):
                told.append(Told(clock, message.partial))
            elif isinstance(message, FinalReport):
                told.append(Told(clock, message.final))
    return told, clock, cpu_s
