"""Calls that are set up anew, and what a node says of calls that are over."""

from dataclasses import replace
from uuid import uuid4

from callscribe.domain.call import Call, Channel, OutsideIds
from callscribe.domain.pause import Pause
from callscribe.events.control import PauseAnswer, PauseRequest
from callscribe.live.pausing import KEPT_S, ParkedPauses, carry_out
from callscribe.live.session import CallSession
from tests.live.calls import make_call
from tests.live.test_session import Ports, ended, session_of, understood

API = ("api", "card payment")


def named(call_id: str, channels: int = 2) -> Call:
    call = make_call(channels)
    return replace(call, id=uuid4(), outside_ids=OutsideIds(sip_call_id=call_id))


def anew(parked: ParkedPauses, call: Call, *others: CallSession) -> tuple[Pause, ...]:
    """The pauses of a call that has just started."""
    session = session_of(call, Ports())
    parked.go_on(session, others)
    return session.call.pauses


async def test_a_call_goes_on_in_the_pause_of_the_one_that_had_its_call_id_and_goes_on_or_has_just_ended() -> None:
    ports = Ports()
    parked = ParkedPauses(ports.clock)
    before = session_of(named("a"), Ports())
    before.pause((), *API)
    both = (Pause(0, 0, None, *API), Pause(1, 0, None, *API))
    assert anew(parked, named("a"), before) == both
    assert anew(parked, named("a")) == anew(parked, named("b"), before) == ()
    parked.ended(before)
    assert anew(parked, named("a")) == both
    assert anew(parked, named("b")) == anew(parked, replace(named("a"), trunk="other")) == ()
    ports.time = KEPT_S + 1
    assert anew(parked, named("a")) == ()


async def test_calls_without_a_call_id_have_nothing_to_do_with_each_other() -> None:
    parked = ParkedPauses(Ports().clock)
    before = session_of(named(""), Ports())
    before.pause((), *API)
    parked.ended(before)
    assert anew(parked, named(""), before) == ()


async def test_who_joins_a_call_that_was_set_up_anew_in_a_pause_is_paused_too() -> None:
    parked = ParkedPauses(Ports().clock)
    before, call = session_of(named("a"), Ports()), named("a", channels=1)
    before.pause((), *API)
    session = session_of(call, Ports())
    parked.go_on(session, (before,))
    session.update(replace(call, channels=(*call.channels, Channel(1, "2"))))
    assert [pause.channel for pause in session.call.pauses] == [0, 1]


async def test_only_the_channels_that_were_paused_are_and_all_where_the_new_call_has_not_these() -> None:
    parked = ParkedPauses(Ports().clock)
    before = session_of(named("a"), Ports())
    before.pause((1,), *API)
    assert anew(parked, named("a"), before) == (Pause(1, 0, None, *API),)
    assert anew(parked, named("a", channels=1), before) == (Pause(0, 0, None, *API),)


async def test_a_pause_that_was_ended_or_whose_end_was_asked_for_meanwhile_is_not_taken_up() -> None:
    parked = ParkedPauses(Ports().clock)
    first, second = (session_of(named("a"), Ports()) for _ in range(2))
    first.pause((), *API)
    parked.ended(first)
    assert anew(parked, named("a"), second) == ()
    parked.ended(second)
    assert anew(parked, named("a")) == ()
    parked.ended(first)
    parked.forget(("b",))
    assert anew(parked, named("a")) != ()
    parked.forget(("a",))
    assert anew(parked, named("a")) == ()


async def test_a_call_that_is_over_is_told_as_such_and_left_as_it_is() -> None:
    session = session_of(named("a", channels=1), Ports())
    await ended(session, 0, lambda: understood(session, 0, (0,)))
    assert carry_out(PauseRequest(("a",), "pause"), (session,)) == PauseAnswer((), (session.call.id,))
    assert session.call.pauses == ()
