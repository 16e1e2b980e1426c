"""One call's time axis, which all of its channels share. Pure."""

from dataclasses import dataclass

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a channel without audio, to be heard as zeros."""

    channel: int
    offset: int
    samples: int


class Timeline:
    """Gives each frame of a call its sample offset.

    A frame comes with its tick's position on the line's clock. Sample 0 is the first sample of the first tick that any
    channel saw, so that offsets of all channels name the same instants; what a channel did not bring is a gap.
    """

    def __init__(self, tick_samples: int) -> None:
        self._tick_samples = tick_samples
        self._origin: int | None = None
        self._ends: list[int] = []
        self.missing = 0
        """Samples of gaps inside channels: frames that got lost on the way here, or ticks that never came."""

    @property
    def samples(self) -> int:
        """Length of the longest channel."""
        return max(self._ends, default=0)

    def offset_of(self, position: int) -> int:
        """Where a tick begins, in samples; 0 for one before the call's first."""
        return max(0, position - self._origin) * self._tick_samples if self._origin is not None else 0

    def add_channel(self) -> int:
        """The index of a new channel; it is filled from sample 0 when its first frame comes."""
        self._ends.append(0)
        return len(self._ends) - 1

    def place(self, channel: int, position: int, pcm: bytes) -> tuple[AudioChunk | Gap, ...]:
        """What to hand on for one tick of a channel, in order and without overlap.

        `pcm` is one tick of audio, or empty where the channel had none. A tick that was there already gives nothing.
        """
        if self._origin is None:
            self._origin = position
        offset = (position - self._origin) * self._tick_samples
        end = self._ends[channel]
        if offset < end:
            return ()
        self._ends[channel] = offset + self._tick_samples
        if end and offset > end:
            self.missing += offset - end
        if not pcm:
            return (Gap(channel, end, offset + self._tick_samples - end),)
        size = self._tick_samples * SAMPLE_BYTES
        chunk = AudioChunk(channel, offset, pcm[:size].ljust(size, b"\0"))
        return (Gap(channel, end, offset - end), chunk) if offset > end else (chunk,)

    def finish(self) -> tuple[Gap, ...]:
        """What fills every channel up to the longest one."""
        length = self.samples
        gaps = tuple(Gap(channel, end, length - end) for channel, end in enumerate(self._ends) if end < length)
        self._ends = [length] * len(self._ends)
        return gaps
