"""Channel audio as it flows from a line to a recogniser. Time is a sample count from the start of the call."""

from dataclasses import dataclass

SAMPLE_BYTES = 2
"""Bytes of one sample: signed 16-bit little-endian PCM everywhere inside Callscribe."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A stretch of one channel's audio."""

    channel: int
    """0-based index of the channel in its call."""
    offset: int
    """Samples from the start of the call to the first sample of `pcm`, at the call's sample rate."""
    pcm: bytes
    """Signed 16-bit little-endian mono PCM at the call's sample rate."""

    @property
    def samples(self) -> int:
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def end(self) -> int:
        """Offset of the first sample after the chunk."""
        return self.offset + self.samples


def samples_to_ms(samples: int, rate: int) -> int:
    """Samples at `rate` Hz as whole milliseconds, rounded to the nearest."""
    return (samples * 1000 + rate // 2) // rate


def ms_to_samples(ms: int, rate: int) -> int:
    """Milliseconds as samples at `rate` Hz, rounded to the nearest."""
    return (ms * rate + 500) // 1000
