"""What the API says of pauses, with nodes that only answer; with real ones, tests/acceptance/test_pauses.py."""

import asyncio
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from callscribe.config.settings import Settings
from callscribe.console.pausing import within_limit
from callscribe.domain.call import OutsideIds, Party
from callscribe.domain.errors import DatabaseUnavailable
from callscribe.events.control import ControlDesk, PauseAnswer, PausedCall, PauseRequest
from storage.settings import DatabaseSettings
from tests.console.conftest import Console, serving
from tests.console.guarding import guarded_console, token_for
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration


def begun(switchboard: Switchboard, *others: tuple[str, str], ago_s: int = 0, party: str = "sip:7@sbc") -> FakeCall:
    """A call of no known conversation, with these outside ids, in which this party took part."""
    call = switchboard.start(stored=False, published=False)
    started_at = datetime.now(UTC) - timedelta(seconds=ago_s)
    channel, agent = call.call.channels[0], Party(party, "")
    call.call = replace(
        call.call,
        started_at=started_at,
        outside_ids=OutsideIds(str(uuid4()), others=others),
        callee=agent,
        channels=(replace(channel, party=agent), *call.call.channels[1:]),
    )
    switchboard.calls.save_call(call.call, switchboard.node)
    return call


@contextmanager
def node(
    settings: Settings, *calls: FakeCall, over: Collection[FakeCall] = (), taken: set[UUID] | None = None
) -> Iterator[None]:
    """A node on which these calls go on, and others are over. `taken`: gets the ids of those it is asked for."""

    def is_meant(call: FakeCall, request: PauseRequest) -> bool:
        return not {str(call.id), *(value for _, value in call.call.outside_ids.pairs())}.isdisjoint(request.calls)

    def take(request: PauseRequest) -> PauseAnswer:
        done = tuple(PausedCall(call.id, (), ()) for call in calls if is_meant(call, request))
        if taken is not None:
            taken.update(call.id for call in done)
        return PauseAnswer(done, tuple(call.id for call in over if is_meant(call, request)))

    async def run() -> None:
        desk = ControlDesk(settings.events.url, take)
        running = asyncio.create_task(desk.run())
        await desk.tried(10)
        ready.set()
        await asyncio.to_thread(leaving.wait)
        running.cancel()
        await asyncio.wait((running,))

    ready, leaving = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(20)
        yield
    finally:
        leaving.set()
        thread.join(20)


def pause(console: Console, key: str | UUID, **order: object) -> tuple[int, list[str], bool | None]:
    """The answer's status, calls, and whether linked ones are known."""
    answer = console.client.post(f"/api/v1/calls/{key}/pause", json=order)
    told = answer.json()
    return answer.status_code, [call["id"] for call in told.get("calls", ())], told.get("linked_known")


def test_an_id_of_several_calls_pauses_all_that_go_on_also_where_the_newest_has_ended(
    console: Console, switchboard: Switchboard, settings: Settings
) -> None:
    shared = ("user-to-user", uuid4().hex)
    first, second, newest = (begun(switchboard, shared, ago_s=ago_s) for ago_s in (120, 60, 0))
    newest.end()
    with node(settings, first, second):
        status, calls, linked_known = pause(console, shared[1])
        assert (status, set(calls), linked_known) == (200, {str(first.id), str(second.id)}, True)
    with node(settings, first):
        assert pause(console, shared[1])[0] == 504


@pytest.mark.parametrize("by_id", [False, True], ids=["outside-id", "id"])
def test_who_sees_one_call_of_a_conversation_pauses_all_and_is_told_of_that_one(
    switchboard: Switchboard, settings: Settings, by_id: bool
) -> None:
    """The customer's side, recorded by an SBC, has no party of the agent's team."""
    shared = ("ucid", uuid4().hex)
    own, hidden = begun(switchboard, shared, party="sip:1042@pbx.example.com"), begun(switchboard, shared)
    key = str(own.id) if by_id else shared[1]
    taken = set[UUID]()
    with guarded_console(settings) as guarded, node(settings, own, hidden, taken=taken):
        headers = token_for(guarded, "agent")
        for action in ("pause", "resume"):
            taken.clear()
            answer = guarded.client.post(f"/api/v1/calls/{key}/{action}", headers=headers)
            assert (answer.status_code, taken) == (200, {own.id, hidden.id})
            assert [call["id"] for call in answer.json()["calls"]] == [str(own.id)]
        assert guarded.client.post(f"/api/v1/calls/{hidden.id}/pause", headers=headers).status_code == 404
    with guarded_console(settings) as guarded, node(settings, own):
        answer = guarded.client.post(f"/api/v1/calls/{key}/pause", headers=token_for(guarded, "agent"))
        assert answer.status_code == 504


def test_an_outside_id_that_is_another_calls_own_pauses_only_what_is_seen(
    switchboard: Switchboard, settings: Settings
) -> None:
    foreign = begun(switchboard)
    own = begun(switchboard, ("user-to-user", str(foreign.id)), party="sip:1042@pbx.example.com")
    taken = set[UUID]()
    with guarded_console(settings) as guarded, node(settings, own, foreign, taken=taken):
        answer = guarded.client.post(f"/api/v1/calls/{foreign.id}/pause", headers=token_for(guarded, "agent"))
        assert (answer.status_code, taken) == (200, {own.id})


def test_by_a_call_that_has_ended_the_others_of_its_conversation_are_paused(
    console: Console, switchboard: Switchboard, settings: Settings
) -> None:
    shared = ("ucid", uuid4().hex)
    call, other = begun(switchboard, shared), begun(switchboard, shared)
    call.end()
    with node(settings, other):
        assert pause(console, call.id) == (200, [str(other.id)], True)


def test_a_call_that_goes_on_and_that_no_node_names_is_not_taken_for_ended(
    console: Console, switchboard: Switchboard, settings: Settings
) -> None:
    shared = ("ucid", uuid4().hex)
    call, other = begun(switchboard, shared), begun(switchboard, shared)
    with node(settings):
        assert pause(console, call.id)[0] == 504
    with node(settings, call):
        assert pause(console, call.id)[0] == 504
        assert pause(console, call.id, channels=[0]) == (200, [str(call.id)], True)
    with node(settings, call, over=(other,)):
        assert pause(console, call.id) == (200, [str(call.id)], True)
    with node(settings, over=(call, other)):
        assert pause(console, call.id)[0] == 409


def test_a_call_that_is_not_stored_yet_is_paused_and_its_linked_ones_are_told_to_be_unknown(
    console: Console, switchboard: Switchboard, settings: Settings
) -> None:
    call = switchboard.start(stored=False, published=False)
    with node(settings, call):
        assert pause(console, str(call.id).upper()) == (200, [str(call.id)], False)
        assert pause(console, call.id, channels=[0]) == (200, [str(call.id)], True)
        assert pause(console, "no-such-call")[0] == 404


def test_without_the_database_what_the_nodes_know_is_paused_and_nothing_else_is_claimed(
    switchboard: Switchboard, settings: Settings
) -> None:
    call = begun(switchboard)
    away = replace(settings, database=DatabaseSettings("postgresql://nobody@127.0.0.1:1/none"))
    with serving(away) as console, node(settings, call):
        assert pause(console, call.id) == (200, [str(call.id)], False)
        assert pause(console, "no-such-call")[0] == 503


async def test_a_database_that_takes_too_long_is_not_waited_for() -> None:
    answered = threading.Event()
    with pytest.raises(DatabaseUnavailable):
        await within_limit(lambda: answered.wait(10))
    answered.set()


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_node_that_does_not_answer_is_named_as_the_cause(
    console: Console, switchboard: Switchboard, action: str
) -> None:
    call = switchboard.start()
    answer = console.client.post(f"/api/v1/calls/{call.id}/{action}")
    assert answer.status_code == 504
    assert "check that its node runs" in answer.json()["detail"]


def test_a_call_that_has_ended_is_not_paused(console: Console, switchboard: Switchboard, settings: Settings) -> None:
    call = begun(switchboard)
    call.end()
    with node(settings):
        assert pause(console, call.id)[0] == pause(console, call.id, channels=[0])[0] == 409
    assert pause(console, call.id)[0] == 504


@pytest.mark.parametrize(
    "order", [{"reason": "4111 1111 1111 1111"}, {"reason": "x" * 81}, {"channels": [-1]}, {"why": "card payment"}]
)
def test_an_order_that_cannot_be_is_refused(console: Console, switchboard: Switchboard, order: object) -> None:
    call = switchboard.start()
    assert console.client.post(f"/api/v1/calls/{call.id}/pause", json=order).status_code == 422


def test_a_page_of_another_site_may_not_pause(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    headers = {"origin": "https://elsewhere.example"}
    assert console.client.post(f"/api/v1/calls/{call.id}/resume", headers=headers).status_code == 403
