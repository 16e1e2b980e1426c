"""What an ingest needs of the node whose calls it brings."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, DtmfDigit
from callscribe.live.session import CallFollower
from telephony.settings import TrunkSettings


class CallHost(Protocol):
    """The node. Called on the event loop; does not block or raise."""

    def call_started(self, call: Call, follower: CallFollower) -> None: ...
    def call_updated(self, call: Call) -> None: ...
    def hotwords_changed(self, call_id: UUID) -> None: ...
    def audio(self, call_id: UUID, chunk: AudioChunk) -> None: ...
    def call_ended(self, call_id: UUID, end: CallEnd) -> None: ...
    def now(self) -> datetime: ...
    def admits(self, trunk: TrunkSettings) -> bool:
        """Whether one more call of the trunk could be followed."""


class IngestHost(CallHost, Protocol):
    """The same for peers that tell of keys, and whose audio may have been held up on its way."""

    def audio(self, call_id: UUID, chunk: AudioChunk, said_from: int | None = None) -> None:
        """`said_from`: the sample that the chunk may have been said from, where it may lie later than it was said."""

    def dtmf(self, call_id: UUID, pressed: DtmfDigit) -> None: ...
