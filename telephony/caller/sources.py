"""Playing PCM into m-lines so that all of them start with the same tick of the bridge."""

import pjsua2 as pj

from callscribe.domain.audio import SAMPLE_BYTES
from telephony.pjsip import create_port, fill_frame

FRAME_MS = 20
_LEAD_TICKS = 3
"""Ticks between start() and the first sample, so that no source misses it."""


class Playhead:
    """Where all sources are. Counted by the bridge's thread, read by all."""

    def __init__(self) -> None:
        self.tick = 0
        self._start: int | None = None

    def start(self) -> None:
        if self._start is None:
            self._start = self.tick + _LEAD_TICKS

    @property
    def frame(self) -> int:
        """Number of the frame to be played in this tick; negative before the start."""
        return -1 if self._start is None else self.tick - self._start


class Metronome(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """Counts ticks: the bridge writes to it after it has read all sources."""

    def __init__(self, playhead: Playhead, rate: int) -> None:
        super().__init__()
        self._playhead = playhead
        create_port(self, "metronome", rate, FRAME_MS)

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        self._playhead.tick += 1


class Source(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """Plays one file once; silence before and after."""

    def __init__(self, pcm: bytes, playhead: Playhead, rate: int) -> None:
        super().__init__()
        self._pcm = pcm
        self._playhead = playhead
        self._frame_bytes = rate * FRAME_MS // 1000 * SAMPLE_BYTES
        create_port(self, "source", rate, FRAME_MS)

    @property
    def frames(self) -> int:
        """Length in ticks."""
        return -(-len(self._pcm) // self._frame_bytes)

    def onFrameRequested(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        number, size = self._playhead.frame, self._frame_bytes
        pcm = self._pcm[number * size : (number + 1) * size] if number >= 0 else b""
        fill_frame(frame, pcm.ljust(size, b"\0"))
