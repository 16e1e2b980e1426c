"""A channel's last audio, kept so that another recogniser can hear it again. Pure: no I/O, no clock."""

from bisect import bisect_right

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk


class ReplayBuffer:
    """Chunks in the order of their offsets; a gap between two stays a gap, what came before is not taken again.

    Holds at most `capacity` samples, counted from the oldest kept to the newest; beyond that the oldest are dropped.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._chunks: list[AudioChunk] = []
        self._end = 0
        self._dropped_end = 0

    @property
    def end(self) -> int:
        """Offset after the newest sample ever appended."""
        return self._end

    @property
    def dropped_end(self) -> int:
        """Audio before this offset may have been dropped for want of room, not because it was released."""
        return self._dropped_end

    def append(self, chunk: AudioChunk) -> None:
        """Keep a chunk; the part of it that is older than what came before is left out."""
        chunk = _from(chunk, self._end)
        if not chunk.pcm:
            return
        self._chunks.append(chunk)
        self._end = chunk.end
        self._drop(self._end - self._capacity)

    def release(self, offset: int) -> None:
        """Forget the chunks that lie wholly before `offset`."""
        del self._chunks[: self._count_before(offset)]

    def read(self, offset: int, max_samples: int) -> AudioChunk | None:
        """The first unbroken stretch at or after `offset`, or None when nothing is kept there."""
        index = self._count_before(offset)
        if index == len(self._chunks):
            return None
        first = _from(self._chunks[index], offset)
        pieces, samples = [first.pcm], first.samples
        for chunk in self._chunks[index + 1 :]:
            if samples >= max_samples or chunk.offset != first.offset + samples:
                break
            pieces.append(chunk.pcm)
            samples += chunk.samples
        pcm = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return AudioChunk(first.channel, first.offset, pcm[: max_samples * SAMPLE_BYTES])

    def _drop(self, offset: int) -> None:
        count = self._count_before(offset)
        if count:
            self._dropped_end = self._chunks[count - 1].end
            del self._chunks[:count]

    def _count_before(self, offset: int) -> int:
        """How many chunks end at or before `offset`."""
        return bisect_right(self._chunks, offset, key=lambda chunk: chunk.end)


def _from(chunk: AudioChunk, offset: int) -> AudioChunk:
    """The part of the chunk that does not come before `offset`; the chunk itself where that is all of it."""
    skip = offset - chunk.offset
    if skip <= 0:
        return chunk
    return AudioChunk(chunk.channel, offset, chunk.pcm[skip * SAMPLE_BYTES :])
