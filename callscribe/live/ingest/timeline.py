"""Where audio that came over a network lies in a call's time. Pure: the clock is the caller's.

Offsets are samples at the call's rate from its start. What is left out between two chunks is silence: recordings and
recognisers take it so.
"""

import bisect
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk, ms_to_samples

_JITTER_MS = 80
"""How long audio that comes after a gap waits for what belongs before it."""
_UNEVEN_MS = 15
"""What positions may be off without a meaning: some peers count in whole milliseconds of their own clock."""
_LATE_MS = 250
"""How far live audio may be behind the clock before it is taken for having been away."""
_BEHIND_MS = 1_000
"""Distance to the clock, or to the call's other channel, at which silence is told where nothing comes."""
_FUTURE_MS = 60_000
"""How far a position may be ahead of the clock. Beyond it audio must adjoin what came: or a few frames would make a
call of many hours."""
_DOUBT_MS = 1_000
"""How long, after audio that lies later than it adjoins, the rest of what was held up with it may still come."""
_MOST_CHUNK_MS = 100
_SILENCE_MS = 20


@dataclass(frozen=True, slots=True)
class PlacedChunk(AudioChunk):
    """One that may lie later than it was said."""

    said_from: int | None = None
    """First sample at which it may have been said; None: it was said where it lies."""


@dataclass(slots=True)
class _Track:
    """One channel."""

    end: int = 0
    """First sample that nothing was passed on for."""
    heard: int = 0
    """The same, but for silence that was told."""
    doubt_from: int = 0
    doubt_until: int = 0
    """What is passed on before the second may have been said from the first on."""
    waiting: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Offset, time of arrival and audio of what has a gap before it, in the order of the offsets."""
    held: bytes = b""
    """Live audio that came late: how much more is to come is known in a moment."""
    held_since: int = 0


class Timeline:
    """Puts the audio of a call's channels in order. `now` is the clock, in samples since the call's start."""

    def __init__(self, rate: int, channels: int) -> None:
        self.dropped: Counter[str] = Counter()
        """Frames that came twice or too late, and gaps that were left silent."""
        self._rate = rate
        self._base = 0
        self._live = True
        self._tracks = [_Track() for _ in range(channels)]

    @property
    def ends(self) -> Sequence[int]:
        """First sample of each channel after what was passed on of it."""
        return [track.end for track in self._tracks]

    @property
    def end(self) -> int:
        """First sample after everything that was passed on."""
        return max(self.ends)

    @property
    def _came(self) -> int:
        """First sample after everything that came, passed on or waiting."""
        last = (track.waiting[-1] for track in self._tracks if track.waiting)
        return max(self.end, *(offset + len(pcm) // SAMPLE_BYTES for offset, _, pcm in last), 0)

    def restart(self, now: int, at: int) -> None:
        """A new stream begins, whose position is `at` now."""
        self._base = max(now, self.end) - at

    def resume(self, at: int, now: int) -> None:
        """After a pause the stream goes on at position `at`, which may not have counted the pause."""
        if self._base + at < now - self._samples(_BEHIND_MS):
            self._base = now - at

    def doubt(self, channel: int, since: int, now: int) -> None:
        """What comes of the channel from now on, for a second, may have been said from position `since` on."""
        track = self._tracks[channel]
        self._doubt(track, self._base + since, now)

    def take(self, channel: int, pcm: bytes, at: int | None, now: int) -> list[PlacedChunk]:
        """Audio that came now; what can be passed on, of this channel. Raises ValueError for a position that no audio
        can have come to yet."""
        furthest = max(now + self._samples(_FUTURE_MS), self._came + self._samples(_UNEVEN_MS))
        if at is not None and self._base + at > furthest:
            raise ValueError("the position of audio is far in the future")
        track = self._tracks[channel]
        self._live = at is None
        pieces = self._take_live(track, pcm, now) if at is None else self._take_timed(track, pcm, self._base + at, now)
        return self._said(channel, pieces, now)

    def due(self, now: int, *, last: bool = False) -> list[PlacedChunk]:
        """What has waited long enough; with `last` all that waits, as nothing else is to come."""
        return [
            chunk
            for channel, track in enumerate(self._tracks)
            for chunk in self._said(
                channel, itertools.chain(self._ripe(track, now, last), self._released(track, now, last)), now
            )
        ]

    def silence(self, now: int, *, idle: bool) -> list[PlacedChunk]:
        """Tells recognisers of silence: on channels that stay behind another one, and, where none may be expected
        (`idle`) or audio is live, behind the clock."""
        found: list[PlacedChunk] = []
        known = max(self.end, now if idle or self._live else 0)
        for channel, track in enumerate(self._tracks):
            until = known - self._samples(_BEHIND_MS)
            if track.end + self._samples(_BEHIND_MS) <= until and not track.waiting and not track.held:
                length = self._samples(_SILENCE_MS)
                found += self._chunks(channel, until - length, bytes(length * SAMPLE_BYTES))
        return found

    def _doubt(self, track: _Track, since: int, now: int) -> None:
        track.doubt_from = min(since, track.doubt_from) if now < track.doubt_until else since
        track.doubt_until = now + self._samples(_DOUBT_MS)

    def _take_live(self, track: _Track, pcm: bytes, now: int) -> Iterator[tuple[int, bytes]]:
        samples = len(pcm) // SAMPLE_BYTES
        if not track.held and track.end + samples >= now - self._samples(_LATE_MS):
            yield track.end, pcm
            return
        if not track.held:
            track.held_since = now
        track.held += pcm
        yield from self._ripe(track, now)

    def _ripe(self, track: _Track, now: int, last: bool = False) -> Iterator[tuple[int, bytes]]:
        """Late audio, placed so that it ends now: what is missing was before it."""
        if not track.held or (now - track.held_since < self._samples(_JITTER_MS) and not last):
            return
        pcm, track.held = track.held, b""
        start = now - len(pcm) // SAMPLE_BYTES
        if start > track.end:
            self.dropped["gaps"] += 1
        place = max(track.end, start)
        if place > track.heard:
            self._doubt(track, track.heard, now)
        yield place, pcm

    def _take_timed(self, track: _Track, pcm: bytes, offset: int, now: int) -> Iterator[tuple[int, bytes]]:
        samples = len(pcm) // SAMPLE_BYTES
        twice = track.end - offset
        if twice > min(self._samples(_UNEVEN_MS), samples * 3 // 4):
            pcm = pcm[twice * SAMPLE_BYTES :]
            offset = track.end
        if not pcm:
            self.dropped["frames_twice"] += 1
            return
        bisect.insort(track.waiting, (offset, now, pcm))
        yield from self._released(track, now)

    def _released(self, track: _Track, now: int, last: bool = False) -> Iterator[tuple[int, bytes]]:
        uneven, jitter = self._samples(_UNEVEN_MS), self._samples(_JITTER_MS)
        while track.waiting:
            offset, came, pcm = track.waiting[0]
            gap = offset - track.end
            if gap > uneven and track.waiting[-1][0] - offset < jitter and now - came < jitter and not last:
                return
            del track.waiting[0]
            if gap > uneven:
                self.dropped["gaps"] += 1
            elif -gap > min(uneven, len(pcm) // SAMPLE_BYTES * 3 // 4):
                pcm = pcm[-gap * SAMPLE_BYTES :]
            if not pcm:
                self.dropped["frames_twice"] += 1
            else:
                yield (offset if gap > uneven else track.end), pcm

    def _said(self, channel: int, pieces: Iterable[tuple[int, bytes]], now: int) -> list[PlacedChunk]:
        """The pieces as chunks. They are taken one by one: where the next belongs depends on the end of the one
        before."""
        track = self._tracks[channel]
        found: list[PlacedChunk] = []
        for offset, pcm in pieces:
            found += self._chunks(channel, offset, pcm, track.doubt_from if now < track.doubt_until else None)
            track.heard = track.end
        return found

    def _chunks(self, channel: int, offset: int, pcm: bytes, said_from: int | None = None) -> Iterator[PlacedChunk]:
        """Chunks of a size that recognisers like."""
        track, most = self._tracks[channel], self._samples(_MOST_CHUNK_MS) * SAMPLE_BYTES
        for place in range(0, len(pcm), most):
            yield PlacedChunk(channel, offset + place // SAMPLE_BYTES, pcm[place : place + most], said_from)
        track.end = offset + len(pcm) // SAMPLE_BYTES

    def _samples(self, ms: int) -> int:
        return ms_to_samples(ms, self._rate)
