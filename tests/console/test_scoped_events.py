"""What is remembered of the floor's calls for one who sees some: enough to tell of their end, and no more."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from callscribe.console import scoped_events as module
from callscribe.console.scoped_events import ScopedEvents
from callscribe.domain.access import CallScope
from callscribe.domain.call import Call, Dialect, OutsideIds, Party
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from callscribe.events.schema import CallEnded, CallErased, CallProcessed, CallStarted, CallUpdated, Event

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SCOPE = CallScope(frozenset({"hotline"}), frozenset())


class Stored:
    """Calls that the subscriber sees, and how often it was asked for one."""

    def __init__(self, *calls: UUID) -> None:
        self.calls = set(calls)
        self.asked = 0
        self.away = 0
        """How often it will not answer."""

    def find_id(self, key: UUID | str) -> UUID:
        self.asked += 1
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable
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


def call_of(trunk: str) -> Call:
    nobody, ids = Party("", ""), OutsideIds("1@sbc")
    return Call(uuid4(), trunk, Dialect.SIPREC, NOW, 8000, (), nobody, nobody, ids, ())


async def test_a_call_that_is_stored_a_moment_after_its_first_events_is_seen_soon() -> None:
    now, call, stored = [0.0], uuid4(), Stored()
    events = ScopedEvents(stored, SCOPE, lambda: now[0])
    assert not await events.has(processed(call))
    stored.calls.add(call)
    assert not await events.has(processed(call))
    now[0] = module.FIRST_WAIT_S
    assert await events.has(processed(call))
    assert stored.asked == 2


async def test_a_call_that_is_not_theirs_is_asked_for_ever_more_seldom_also_after_its_end() -> None:
    now, call, stored = [0.0], uuid4(), Stored()
    events = ScopedEvents(stored, SCOPE, lambda: now[0])
    for second in range(600):
        now[0] = float(second)
        assert not await events.has(ended(call))
    assert stored.asked < 20
    begun = CallStarted.of(call_of("sbc"), NOW)
    stored.asked = 0
    for event in (begun, ended(begun.call_id), processed(begun.call_id), processed(begun.call_id)):
        assert not await events.has(event)
    assert stored.asked == 0


async def test_who_took_part_before_the_page_was_opened_sees_what_follows() -> None:
    """The update that comes first names their party no more."""
    left = call_of("sbc")
    events = ScopedEvents(Stored(left.id), SCOPE)
    assert await events.has(CallUpdated.of(left, NOW))
    assert await events.has(ended(left.id))


async def test_an_event_waits_for_the_database_and_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRIES_S", (0.0, 0.0))
    call = uuid4()
    stored = Stored(call)
    stored.away = 2
    events = ScopedEvents(stored, SCOPE)
    assert await events.has(processed(call))
    stored.away = 3
    with pytest.raises(DatabaseUnavailable):
        await events.has(processed(uuid4()))
