"""What is remembered of the floor's calls for one who sees some: enough to tell of their end, and no more."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from callscribe.console import scoped_events as module
from callscribe.console.scoped_events import ScopedEvents
from callscribe.domain.access import CallScope
from callscribe.domain.errors import CallNotFound
from callscribe.events.schema import CallEnded, CallErased, CallProcessed, Event

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SCOPE = CallScope(frozenset({"hotline"}), frozenset())


class Stored:
    """Calls that the subscriber sees, and how often it was asked for one."""

    def __init__(self, *calls: UUID) -> None:
        self.calls = set(calls)
        self.asked = 0

    def find_id(self, key: UUID | str) -> UUID:
        self.asked += 1
        if key not in self.calls or isinstance(key, str):
            raise CallNotFound
        return key


def ended(call_id: UUID) -> Event:
    return CallEnded(call_id=call_id, at=NOW, ended_at=NOW, duration_ms=0, reason="bye", interrupted=False)


def processed(call_id: UUID) -> Event:
    return CallProcessed(call_id=call_id, at=NOW, done=(), failed=())


def erased(call_id: UUID) -> Event:
    return CallErased(call_id=call_id, at=NOW)


async def test_that_a_call_was_erased_is_told_once_to_who_had_events_of_it() -> None:
    own, others = uuid4(), uuid4()
    stored = Stored(own)
    events = ScopedEvents(stored, SCOPE)
    assert [await events.has(event) for event in (ended(own), ended(others), processed(own))] == [True, False, True]
    stored.calls.clear()
    assert [await events.has(erased(call)) for call in (own, others, uuid4())] == [True, False, False]
    assert not await events.has(erased(own))


async def test_calls_that_were_seen_longest_ago_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWN", 2)
    calls = [uuid4() for _ in range(3)]
    stored = Stored(*calls)
    events = ScopedEvents(stored, SCOPE)
    for call in calls:
        assert await events.has(processed(call))
    assert await events.has(processed(calls[2]))
    assert stored.asked == 3
    assert await events.has(processed(calls[0]))
    assert stored.asked == 4
