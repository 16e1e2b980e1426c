"""What the front tells the node."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callscribe.domain.call import Dialect, OutsideIds, Party
from telephony.siprec.attribution import Claim


@dataclass(frozen=True, slots=True)
class Description:
    """What a message of the caller says of the recorded call."""

    metadata: bytes | None = None
    """The recording metadata document, as it came; None where the message had none."""
    claims: tuple[Claim, ...] = ()
    """Who is on which m-line, beside the metadata."""
    quirks: tuple[str, ...] = ()
    """Codes of what was repaired in the message."""
    mixed: bool = False
    """Its sender mixes a conference (RFC 4579 section 4.2)."""


@dataclass(frozen=True, slots=True)
class CallOffer:
    """A call that was admitted and forwarded to a line."""

    id: UUID
    """Also what the line calls it. A call that is tried on another line gets another id there."""
    trunk: str
    dialect: Dialect
    caller: Party
    callee: Party
    outside_ids: OutsideIds
    description: Description
    line: int
    """Index of the line."""
    bridged: bool = False
    """True for a plain call that is sent on: its second channel carries the callee."""


class FrontListener(Protocol):
    """Called on the event loop; must not block or raise."""

    def call_offered(self, offer: CallOffer) -> None:
        """Admitted and forwarded. Either its line reports it, or call_abandoned follows."""

    def call_described(self, call_id: UUID, description: Description) -> None:
        """A re-INVITE, UPDATE, INFO or ACK of the call says more of it."""

    def call_pause_asked(self, call_id: UUID, *, paused: bool) -> None:
        """A request of the call wants nothing of it kept from now on, or, not `paused`, again."""

    def call_abandoned(self, call_id: UUID) -> None:
        """It will never be answered under this id: cancelled, refused, or tried on another line."""
