"""Utterances side by side in windows: Whisper's cost is a window's, whatever is in it. Pure; all times are samples."""

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]
"""First sample of an utterance and the first after it."""

PAD_MS = 250
"""What is taken of the pause on each side of an utterance: more makes windows dearer, less blurs the borders."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span with a part of the pauses around it, and its place in a window."""

    index: int
    """Place of its span among those that were packed."""
    start: int
    """First sample in the channel."""
    end: int
    """First sample after it in the channel."""
    span: Span
    position: int
    """Sample in the window at which it begins."""

    @property
    def samples(self) -> int:
        return self.end - self.start

    def channel_sample(self, window_sample: int) -> int:
        """The channel's sample that lies at a place in the window; the span's border where that is outside the span."""
        return min(max(self.start + window_sample - self.position, self.span[0]), self.span[1])


@dataclass(frozen=True, slots=True)
class Window:
    """Pieces one after another, without a space between."""

    pieces: tuple[Piece, ...]

    @property
    def samples(self) -> int:
        return self.pieces[-1].position + self.pieces[-1].samples

    def piece_at(self, window_sample: int) -> Piece:
        """The piece at a place in the window; beyond the end the last one."""
        inside = (piece for piece in self.pieces if window_sample < piece.position + piece.samples)
        return next(inside, self.pieces[-1])


def pack(spans: Sequence[Span], length: int, rate: int, capacity_s: float) -> tuple[Window, ...]:
    """Windows of at most `capacity_s` over a channel of `length` samples, the spans in the order they are given.

    Each span brings up to PAD_MS of the pause on either side, at most half of the pause to its neighbour. A span longer
    than a window gets one of its own. Spans outside the channel are left out.
    """
    windows: list[list[Piece]] = [[]]
    position = 0
    for index, span, start, end in _padded(spans, length, rate * PAD_MS // 1000):
        if windows[-1] and position + end - start > capacity_s * rate:
            windows.append([])
            position = 0
        windows[-1].append(Piece(index, start, end, span, position))
        position += end - start
    return tuple(Window(tuple(pieces)) for pieces in windows if pieces)


def _padded(spans: Sequence[Span], length: int, pad: int) -> list[tuple[int, Span, int, int]]:
    """(index, span, padded start, padded end) of each span that has samples, by index."""
    clipped = ((index, max(0, start), min(length, end)) for index, (start, end) in enumerate(spans))
    ordered = sorted(((start, end, index) for index, start, end in clipped if start < end))
    padded: list[tuple[int, Span, int, int]] = []
    for place, (start, end, index) in enumerate(ordered):
        before = ordered[place - 1][1] if place else -pad
        after = ordered[place + 1][0] if place + 1 < len(ordered) else length + pad
        early = min(pad, max(0, start - before) // 2, start)
        late = min(pad, max(0, after - end) // 2, length - end)
        padded.append((index, (start, end), start - early, end + late))
    return sorted(padded)
