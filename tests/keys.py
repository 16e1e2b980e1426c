"""Keys of a telephone as RTP carries them (RFC 4733)."""

import struct

PACKET_SAMPLES = 160
EVENT_TYPE = 101
"""The payload type that most offers give telephone events."""
_KEYS = "0123456789*#ABCD"
_PACKETS, _ENDS = 4, 3


def key_payloads(digit: str) -> tuple[tuple[int, bytes], ...]:
    """The payloads of a key of 80 ms, whose end comes three times, each with how many packets after the first it is."""
    event = _KEYS.index(digit)
    steps = [(number, min(number + 1, _PACKETS), 0x80 * (number >= _PACKETS)) for number in range(_PACKETS + _ENDS)]
    return tuple(
        (number, struct.pack("!BBH", event, over | 10, length * PACKET_SAMPLES)) for number, length, over in steps
    )
