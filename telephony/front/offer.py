"""What the front tells the node."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callscribe.domain.call import Dialect, OutsideIds, Party


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
    metadata: bytes | None
    """The recording metadata document, as it came; None where the INVITE had none."""
    quirks: tuple[str, ...]
    """Codes of what was repaired."""
    line: int
    """Index of the line."""


class FrontListener(Protocol):
    """Called on the event loop; must not block or raise."""

    def call_offered(self, offer: CallOffer) -> None:
        """Admitted and forwarded. Either its line reports it, or call_abandoned follows."""

    def metadata_changed(self, call_id: UUID, metadata: bytes) -> None:
        """A re-INVITE, UPDATE or INFO of the call brought a metadata document."""

    def call_abandoned(self, call_id: UUID) -> None:
        """It will never be answered under this id: cancelled, refused, or tried on another line."""
