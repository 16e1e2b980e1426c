"""What the relay is told: one datagram an order, over a socketpair. Both ends are the same release."""

import json
from dataclasses import asdict, dataclass
from uuid import UUID

from callscribe.domain.errors import TelephonyError

MAX_ORDER = 4096
"""Bytes."""
SOCKETS = 4
"""That come with Open: RTP and RTCP of the caller's side, then of the callee's."""


@dataclass(frozen=True, slots=True)
class Open:
    """Relay a call over the sockets that come with this."""

    bridge: UUID


@dataclass(frozen=True, slots=True)
class Aim:
    """Where one party is, as its SDP says."""

    bridge: UUID
    side: int
    """0: the caller, 1: the callee."""
    host: str
    """IPv4 address; "": it wants no media."""
    port: int
    rtcp_port: int
    signaling: str = ""
    """The host that its SDP came from: behind a NAT its media come from there, too."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Send copies of what each party sends, beside passing it on."""

    bridge: UUID
    host: str
    """IPv4 address; "": no copies any more."""
    caller_port: int = 0
    callee_port: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over."""

    bridge: UUID


Order = Open | Aim | Copy | Close
_KINDS: dict[str, type[Order]] = {kind.__name__: kind for kind in (Open, Aim, Copy, Close)}


def encode(order: Order) -> bytes:
    return json.dumps({"type": type(order).__name__, **asdict(order)}, default=str).encode()


def decode(data: bytes) -> Order:
    """Raises TelephonyError where it is no order."""
    try:
        fields = json.loads(data)
        kind = _KINDS[fields.pop("type")]
        return kind(**{**fields, "bridge": UUID(fields["bridge"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TelephonyError("relay wire: an unreadable order") from error
