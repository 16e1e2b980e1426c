"""Digits that come as telephone events (RFC 4733), by the channel they come on.

PJSUA2's own callback tells the call and not the m-line, so each stream gets a callback of ours.
"""

import ctypes
from collections import deque
from typing import NamedTuple

from telephony.line.clock import LineClock
from telephony.line.taps import ChannelKey
from telephony.pjsip import watch_events

_MAX_WAITING = 1000
"""Digits: more than people press between two turns of the line."""
_CHANNEL_BITS = 8


class _Event(ctypes.Structure):
    """pjmedia_stream_dtmf_event."""

    _fields_ = (
        ("digit", ctypes.c_int),
        ("timestamp", ctypes.c_uint32),
        ("duration", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
    )


_UPDATE = 1
"""Flag of an event that goes on (PJMEDIA_STREAM_DTMF_IS_UPDATE): a digit has several packets."""
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_Event))


class Press(NamedTuple):
    """A digit began."""

    key: ChannelKey
    position: int
    """Tick on the line's clock."""
    digit: str


class DtmfWatch:
    """Hears digits for a line's calls. The callback comes from PJMEDIA's thread: it copies and enqueues."""

    def __init__(self, clock: LineClock) -> None:
        self._clock = clock
        self._presses: deque[Press] = deque(maxlen=_MAX_WAITING)
        # Held as long as the process lives: streams keep the bare pointer.
        self._callback = _CALLBACK(self._hear)

    def watch(self, stream: object, key: ChannelKey) -> None:
        """Hear what a PJMEDIA stream, as PJSUA2's callbacks name it, gets on this channel."""
        watch_events(stream, self._callback, key.call << _CHANNEL_BITS | key.channel)

    def take(self) -> Press | None:
        return self._presses.popleft() if self._presses else None

    def _hear(self, _: int | None, place: int | None, event: "ctypes._Pointer[_Event]") -> None:
        told = event.contents
        if told.flags & _UPDATE:
            return
        call, channel = divmod(place or 0, 1 << _CHANNEL_BITS)
        self._presses.append(Press(ChannelKey(call, channel), self._clock.position, chr(told.digit & 0x7F)))
