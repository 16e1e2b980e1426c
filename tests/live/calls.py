"""Calls, finals and who follows a call, for the tests of the running node."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from asr.wire.client import LostAudio
from callscribe.domain.call import Call, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.errors import DatabaseUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Partial
from callscribe.text.assist_rules import NamedRule


def make_call(channels: int = 2, started_at: datetime | None = None) -> Call:
    roles = (Role.AGENT, Role.CUSTOMER)
    call_id = uuid4()
    return Call(
        id=call_id,
        trunk="default",
        dialect=Dialect.SIPREC,
        started_at=started_at or datetime.now(UTC),
        sample_rate=8000,
        channels=tuple(Channel(index, str(index + 1), roles[index % 2]) for index in range(channels)),
        caller=Party("sip:ann@example.com", "Ann"),
        callee=Party("sip:bob@example.com", "Bob"),
        outside_ids=OutsideIds(sip_call_id=f"{call_id}@example.com"),
    )


def make_final(start: int, text: str, channel: int = 0) -> Final:
    return Final(channel, start, start + 8000, text, 0.9, "moonshine")


@dataclass
class Rules:
    """Assist rules by hand; implements RuleStore."""

    rules: tuple[NamedRule, ...] = ()
    away: bool = False

    def newest(self) -> Mapping[str, int]:
        if self.away:
            raise DatabaseUnavailable
        return {named.name: named.version for named in self.rules}

    def all(self) -> tuple[NamedRule, ...]:
        return self.rules


@dataclass
class Follower:
    """Notes what it is told of a call; implements CallFollower."""

    hotwords: tuple[Hotword, ...] = ()
    partials: list[Partial] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    understood: list[tuple[int, int]] = field(default_factory=list)
    """Channel and offset."""
    ends: list[tuple[int, int, tuple[LostAudio, ...]]] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def partial(self, partial: Partial) -> None:
        self.partials.append(partial)

    def final(self, final: Final) -> None:
        self.finals.append(final)
        self.told.set()

    def acknowledged(self, channel: int, offset: int) -> None:
        self.understood.append((channel, offset))

    def closed(self, channel: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        self.ends.append((channel, offset, lost))
