"""What one line is told at its start."""

import json
from dataclasses import asdict, dataclass

NARROW_BAND_HZ, WIDE_BAND_HZ = 8000, 16000

RTP_PORTS_PER_CALL = 8
"""Four m-lines, an RTP and an RTCP port each."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """A line's ports, addresses and limits."""

    index: int
    """Its place among all lines, from 0 on."""
    rtp_port_min: int
    """First RTP port of all lines, even."""
    advertised_address: str
    """IPv4 address in SDP."""
    bind_address: str
    """Local address of RTP sockets."""
    media_timeout_s: int
    """Seconds without RTP after which a call ends; 0: never."""
    sample_rate: int
    """Hz of its clock: a call has this rate where one of its codecs has, else NARROW_BAND_HZ."""

    def rtp_ports(self, calls: int) -> range:
        """The line's own RTP and RTCP ports, where PJSUA2 was built for so many calls at once."""
        count = calls * RTP_PORTS_PER_CALL
        first = self.rtp_port_min + self.index * count
        return range(first, first + count)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "LineSettings":
        return cls(**json.loads(text))
