"""What was turned away."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request of a peer, or its TLS handshake, that was refused; nothing of who called whom."""

    at: datetime
    """Aware UTC; of the last one."""
    source: str
    """IP address that it came from."""
    transport: str
    """"udp", "tcp" or "tls"."""
    trunk: str
    """"" where no trunk allows the address."""
    method: str
    """"" for a handshake."""
    status: int
    """SIP status of the answer; 0 for a handshake."""
    reason: str
    """Name under which it is counted, such as "requests_forbidden"."""
    detail: str = ""
    """What was wrong with it, in words of our own and names of codecs."""
    times: int = 1
    """How often this source was refused for this reason."""
