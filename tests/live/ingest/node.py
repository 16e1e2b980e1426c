"""A node that notes what ingests bring it, and understands at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, DtmfDigit
from callscribe.live.session import CallFollower
from telephony.settings import TrunkSettings

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass
class Node:
    """Implements IngestHost."""

    calls: list[Call] = field(default_factory=list)
    ends: dict[UUID, CallEnd] = field(default_factory=dict)
    chunks: dict[UUID, list[AudioChunk]] = field(default_factory=dict)
    followers: dict[UUID, CallFollower] = field(default_factory=dict)
    doubtful: list[tuple[int, AudioChunk]] = field(default_factory=list)
    """What may have been said from some sample on, and that."""
    pressed: list[DtmfDigit] = field(default_factory=list)
    deaf: bool = False
    """When set, nothing is understood."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def admits(self, trunk: TrunkSettings) -> bool:
        return True

    def call_started(self, call: Call, follower: CallFollower) -> None:
        self.calls.append(call)
        self.chunks[call.id], self.followers[call.id] = [], follower
        self.changed.set()

    def call_updated(self, call: Call) -> None:
        raise AssertionError("no ingest tells of a call anew")

    def hotwords_changed(self, call_id: UUID) -> None:
        raise AssertionError("no ingest has hotwords")

    def audio(self, call_id: UUID, chunk: AudioChunk, said_from: int | None = None) -> None:
        self.chunks[call_id].append(chunk)
        if said_from is not None:
            self.doubtful.append((said_from, chunk))
        if not self.deaf:
            self.followers[call_id].acknowledged(chunk.channel, chunk.end)
        self.changed.set()

    def dtmf(self, call_id: UUID, pressed: DtmfDigit) -> None:
        assert call_id in self.chunks
        self.pressed.append(pressed)
        self.changed.set()

    def call_ended(self, call_id: UUID, end: CallEnd) -> None:
        self.ends[call_id] = end
        self.changed.set()

    def now(self) -> datetime:
        return NOW

    def heard(self, channel: int = 0, call: int = 0) -> bytes:
        """What the channel has, gaps as silence."""
        found = bytearray()
        for chunk in self.chunks[self.calls[call].id]:
            if chunk.channel == channel:
                assert chunk.offset * 2 >= len(found), "audio was heard twice"
                found += bytes(chunk.offset * 2 - len(found)) + chunk.pcm
        return bytes(found)

    async def end(self, call: int = 0) -> CallEnd:
        """Wait for the end of the call."""
        await self.until(lambda: len(self.calls) > call and self.calls[call].id in self.ends)
        return self.ends[self.calls[call].id]

    async def until(self, come: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(60):
            while not come():
                self.changed.clear()
                await self.changed.wait()
