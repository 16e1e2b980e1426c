"""Joining a channel's ticks into fewer, longer stretches: each that is handed on costs every process behind. Pure."""

from callscribe.domain.audio import AudioChunk
from telephony.line.timeline import Gap

Stretch = AudioChunk | Gap


class Gathering:
    """What waits of one call's channels."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Stretch]] = {}

    def add(self, stretch: Stretch) -> None:
        """The next stretch of its channel."""
        self._waiting.setdefault(stretch.channel, []).append(stretch)

    def take(self) -> tuple[Stretch, ...]:
        """All that waits, each channel's in order; neighbours of a kind are one stretch."""
        waiting, self._waiting = self._waiting, {}
        return tuple(joined for stretches in waiting.values() for joined in _join(stretches))


def _join(stretches: list[Stretch]) -> list[Stretch]:
    runs: list[list[Stretch]] = []
    for stretch in stretches:
        if runs and type(runs[-1][-1]) is type(stretch):
            runs[-1].append(stretch)
        else:
            runs.append([stretch])
    return [_joined(run) for run in runs]


def _joined(run: list[Stretch]) -> Stretch:
    first = run[0]
    if isinstance(first, Gap):
        return Gap(first.channel, first.offset, sum(gap.samples for gap in run))
    return AudioChunk(
        first.channel, first.offset, b"".join(chunk.pcm for chunk in run if isinstance(chunk, AudioChunk))
    )
