"""A channel cut into stretches that fit into memory, whatever the length of its call."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callscribe.domain.utterance import Utterance

STRETCH_S = 600
"""Audio of one channel that is held at once: 10 MB at 8 kHz."""
MARGIN_MS = 500
"""Audio kept around a stretch's utterances, whose edges are not exact."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Utterances of one channel that follow each other, and the audio they lie in."""

    channel: int
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive; may lie beyond the end of the recording."""
    utterances: tuple[Utterance, ...]

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each utterance, in samples from the start of the stretch."""
        return tuple((found.final.start - self.start, found.final.end - self.start) for found in self.utterances)


def stretches(utterances: Sequence[Utterance], rate: int) -> Iterator[Stretch]:
    """Every utterance of a call in exactly one stretch, a channel at a time, in order of time; `rate` in Hz."""
    for channel in sorted({found.final.channel for found in utterances}):
        run: list[Utterance] = []
        for utterance in sorted(_of_channel(utterances, channel), key=lambda found: found.final.start):
            if run and utterance.final.end - run[0].final.start > STRETCH_S * rate:
                yield _stretch(run, rate)
                run = []
            run.append(utterance)
        yield _stretch(run, rate)


def _of_channel(utterances: Sequence[Utterance], channel: int) -> list[Utterance]:
    return [found for found in utterances if found.final.channel == channel]


def _stretch(run: Sequence[Utterance], rate: int) -> Stretch:
    margin = MARGIN_MS * rate // 1000
    start = max(0, run[0].final.start - margin)
    return Stretch(run[0].final.channel, start, max(found.final.end for found in run) + margin, tuple(run))
