"""What one line is told at its start."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class LineSettings:
    """A line's ports, addresses and limits."""

    rtp_port: int
    """First RTP port, even."""
    rtp_ports: int
    """Number of RTP and RTCP ports from there."""
    advertised_address: str
    """IPv4 address in SDP."""
    bind_address: str
    """Local address of RTP sockets."""
    media_timeout_s: int
    """Seconds without RTP after which a call ends; 0: never."""
    sample_rate: int
    """Hz."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "LineSettings":
        return cls(**json.loads(text))
