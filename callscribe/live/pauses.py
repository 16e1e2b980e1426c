"""The pauses of one call: which stretches of its channels nobody may hear. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk
from callscribe.domain.pause import Pause


class PauseBook:
    """Stretches by their place in the call, so that what comes late is judged by when it was said."""

    def __init__(self) -> None:
        self._of: dict[int, list[Pause]] = {}

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """All there were, in order of their starts."""
        every = (pause for pauses in self._of.values() for pause in pauses)
        return tuple(sorted(every, key=lambda pause: (pause.start, pause.channel)))

    def begin(self, starts: Mapping[int, int], by: str, reason: str) -> tuple[Pause, ...]:
        """Pause channels, each from its sample on; the pauses that are new: who is paused already stays so."""
        fresh = []
        for channel, start in starts.items():
            pauses = self._of.setdefault(channel, [])
            if self.is_paused(channel):
                continue
            before = pauses[-1].end if pauses else None
            pauses.append(Pause(channel, max(start, before or 0), None, by, reason))
            fresh.append(pauses[-1])
        return tuple(fresh)

    def end(self, channels: Iterable[int], at: int) -> tuple[Pause, ...]:
        """Hear channels again from sample `at` on; the pauses that ended."""
        ended = []
        for channel in channels:
            if self.is_paused(channel):
                pauses = self._of[channel]
                pauses[-1] = replace(pauses[-1], end=max(at, pauses[-1].start))
                ended.append(pauses[-1])
        return tuple(ended)

    def is_paused(self, channel: int) -> bool:
        """True where the channel's newest pause goes on."""
        pauses = self._of.get(channel, [])
        return bool(pauses) and pauses[-1].end is None

    def covers(self, channel: int, offset: int) -> bool:
        """True where nobody may know of what happened at this sample."""
        return any(pause.start <= offset and _before(offset, pause.end) for pause in self._of.get(channel, ()))

    def muted(self, chunk: AudioChunk, said_from: int | None = None) -> AudioChunk:
        """The chunk with zeros for what lies in a pause; the chunk itself where nothing does.

        With `said_from` it was said anywhere between that sample and its own end: zeros throughout where a pause lies
        in that stretch.
        """
        if said_from is not None and self._touches(chunk.channel, min(said_from, chunk.offset), chunk.end):
            return AudioChunk(chunk.channel, chunk.offset, bytes(len(chunk.pcm)))
        covered = [
            (max(pause.start, chunk.offset), chunk.end if pause.end is None else min(pause.end, chunk.end))
            for pause in self._of.get(chunk.channel, ())
        ]
        covered = [(start, end) for start, end in covered if start < end]
        if not covered:
            return chunk
        pcm = bytearray(chunk.pcm)
        for start, end in covered:
            first, last = ((place - chunk.offset) * SAMPLE_BYTES for place in (start, end))
            pcm[first:last] = bytes(last - first)
        return AudioChunk(chunk.channel, chunk.offset, bytes(pcm))

    def _touches(self, channel: int, start: int, end: int) -> bool:
        return any(pause.start < end and _before(start, pause.end) for pause in self._of.get(channel, ()))


def _before(offset: int, end: int | None) -> bool:
    return end is None or offset < end
