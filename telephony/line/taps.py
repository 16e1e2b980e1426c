"""Taps: ports of the conference bridge through which a line hears its calls."""

import time
from collections import deque
from typing import NamedTuple

import pjsua2 as pj

from telephony.line.clock import LineClock
from telephony.pjsip import create_port, frame_bytes

TICK_MS = 20
"""Frame of the bridge and the taps: a packet's, so that the jitter buffer need not hold back several."""
_AT_START = 10
"""Taps of 4 two-party calls and of one that has just ended; more are made when they are needed. Each costs a callback a
tick, call or not."""
_REST_S = 0.5
"""A tap rests so long before its next call, until the bridge has let go of it."""
_QUEUE_FRAMES = 5000
"""Frames that may wait for the main thread: some 6 s of 16 channels."""


class ChannelKey(NamedTuple):
    """Whose audio a tap hears."""

    call: int
    """Serial number of the call in this process: PJSUA's own ids are soon used again."""
    channel: int


class Frame(NamedTuple):
    """What one tap heard in one tick."""

    key: ChannelKey
    position: int
    """Tick on the line's clock."""
    pcm: bytes
    """One tick of audio, or empty: the m-line is held or has no stream."""


class FrameQueue:
    """From the bridge's thread to the main one; bounded, drops are counted."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        if len(self._frames) >= _QUEUE_FRAMES:
            self.dropped += 1
        else:
            self._frames.append(frame)

    def take(self) -> Frame | None:
        return self._frames.popleft() if self._frames else None


class _Metronome(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """The port in the bridge's first slot: it is served first in every tick, so it counts the tick for all others."""

    def __init__(self, clock: LineClock) -> None:
        super().__init__()
        self._clock = clock

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        self._clock.beat(time.monotonic())


class Tap(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """Hears one m-line at a time. Called by the bridge's thread, which cannot fail here: it copies and enqueues."""

    def __init__(self, clock: LineClock, queue: FrameQueue) -> None:
        super().__init__()
        self._clock = clock
        self._queue = queue
        self.key: ChannelKey | None = None

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        key = self.key
        if key is not None:
            self._queue.put(Frame(key, self._clock.position, frame_bytes(frame)))


class TapPool:
    """All taps of a line. None is ever destroyed: destroying a port while the bridge serves it ends the process."""

    def __init__(self, rate: int) -> None:
        self.clock = LineClock(TICK_MS / 1000)
        self.queue = FrameQueue()
        self._rate = rate
        self._metronome = _Metronome(self.clock)
        create_port(self._metronome, "metronome", rate, TICK_MS)
        self._taps = [self._make() for _ in range(_AT_START)]
        self._free = deque(self._taps)
        self._resting: deque[tuple[float, Tap]] = deque()

    def lease(self, key: ChannelKey) -> Tap:
        """A tap that hears for `key` from now on. Raises pj.Error when the bridge is full."""
        if len(self._free) + len(self._resting) == len(self._taps):
            self.clock.restart()
        now = time.monotonic()
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        if not self._free:
            self._taps.append(self._make())
            self._free.append(self._taps[-1])
        tap = self._free.popleft()
        tap.key = key
        return tap

    def release(self, tap: Tap) -> None:
        tap.key = None
        self._resting.append((time.monotonic() + _REST_S, tap))

    def _make(self) -> Tap:
        tap = Tap(self.clock, self.queue)
        create_port(tap, "tap", self._rate, TICK_MS)
        return tap
