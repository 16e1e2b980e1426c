"""RTP without signalling, as Asterisk's externalMedia sends it (RFC 3550, RFC 3551, RFC 4733). Pure: the clock is the
caller's."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from callscribe.live.ingest.pcm import Decoder, a_law, linear, mu_law
from callscribe.live.ingest.steps import Digit, Heard

_HEADER = struct.Struct(">BBHII")
_COMFORT_NOISE, _KEYS = 13, 101
"""Payload types; Asterisk's for keys is always 101."""
_RTCP = range(200, 208)
"""What the second byte of RTCP is (RFC 5761 section 4)."""
_EVENTS = "0123456789*#ABCD"
_ASTRAY_S = 2
"""How far a timestamp may lead away from the clock before it is taken for a new beginning."""
_LATE_S = 1
"""How long packets of the stream before may still come."""


def _network_order(data: bytes) -> bytes:
    """RFC 3551, L16. Raises ValueError for half a sample."""
    return np.frombuffer(linear(data), ">i2").astype("<i2").tobytes()


FORMATS: Mapping[str, tuple[str, int, Decoder]] = {
    "ulaw": ("PCMU", 8_000, mu_law),
    "alaw": ("PCMA", 8_000, a_law),
    "slin": ("L16", 8_000, _network_order),
    "slin16": ("L16", 16_000, _network_order),
}
"""Codec, Hz and decoder by Asterisk's name of a format."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """What is used of one."""

    payload_type: int
    timestamp: int
    ssrc: int
    payload: bytes


def packet_of(datagram: bytes) -> RtpPacket | None:
    """The packet (RFC 3550 section 5.1); None for what is none, RTCP among it."""
    if len(datagram) < _HEADER.size:
        return None
    bits, second, _, timestamp, ssrc = _HEADER.unpack_from(datagram)
    start, end = _HEADER.size + 4 * (bits & 0x0F), len(datagram)
    if bits >> 6 != 2 or second in _RTCP:
        return None
    if bits & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    if bits & 0x20:
        end -= datagram[-1]
    return RtpPacket(second & 0x7F, timestamp, ssrc, datagram[start:end]) if start <= end else None


class RtpStream:
    """Makes sounds and keys of packets, and places them in the time of their call."""

    def __init__(self, form: str) -> None:
        """`form` is one of FORMATS."""
        _, self._rate, self._decode = FORMATS[form]
        self._ssrc: int | None = None
        self._left: int | None = None
        """The stream before, of which packets may still come, and until when."""
        self._left_until = 0
        self._timestamp = self._at = self._end = 0
        self._key: int | None = None

    def take(self, packet: RtpPacket, now: int) -> Heard | Digit | None:
        """What the packet comes to, which came `now`, in samples since the first one; None where it tells nothing."""
        if packet.ssrc == self._left and packet.ssrc != self._ssrc and now < self._left_until:
            return None
        if packet.payload_type == _KEYS:
            return self._pressed(packet)
        if packet.payload_type == _COMFORT_NOISE or not packet.payload:
            return None
        try:
            pcm = self._decode(packet.payload)
        except ValueError:
            return None
        at, by_clock = self._place(packet, now)
        said_from = self._end if by_clock and at > self._end else None
        self._end = max(self._end, at + len(pcm) // 2)
        return Heard(0, pcm, at, said_from)

    def _place(self, packet: RtpPacket, now: int) -> tuple[int, bool]:
        """Where the packet lies: by its timestamp, or by the clock, which is told, where that begins anew."""
        step = (packet.timestamp - self._timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        at = self._at + step
        by_clock = packet.ssrc != self._ssrc or abs(at - now) > _ASTRAY_S * self._rate
        if packet.ssrc != self._ssrc:
            self._left, self._left_until = self._ssrc, now + _LATE_S * self._rate
            self._ssrc = packet.ssrc
        if by_clock:
            at = max(now, self._end)
        self._timestamp, self._at = packet.timestamp, at
        return max(0, at), by_clock

    def _pressed(self, packet: RtpPacket) -> Digit | None:
        """A key, once for all packets of its press (RFC 4733 section 2.5)."""
        if packet.timestamp == self._key or not packet.payload or packet.payload[0] >= len(_EVENTS):
            return None
        self._key = packet.timestamp
        return Digit(0, _EVENTS[packet.payload[0]])
