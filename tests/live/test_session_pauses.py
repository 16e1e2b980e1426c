"""Pauses of a call's life on its node: nothing that is said in one gets anywhere."""

from dataclasses import replace

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Channel, Dialect, DtmfDigit
from callscribe.domain.pause import Pause
from callscribe.events.schema import CallPaused, CallResumed, DtmfPressed
from callscribe.live.journal import CallSaved
from callscribe.live.session import UNDERWAY_MS, CallSession
from tests.live.calls import make_call
from tests.live.test_session import RATE, Ports, ended, session_of, understood

SECRET = b"\x34\x12"
UNDERWAY = UNDERWAY_MS * RATE // 1000


def say(session: CallSession, ports: Ports, second: int, channel: int = 0) -> bytes:
    """A second of speech that comes just when it has been said; what of it was recorded, and sent to a recogniser."""
    ports.time = second + 1.0
    session.audio(AudioChunk(channel, second * RATE, SECRET * RATE))
    kept = ports.recorded[-1]
    assert ports.sent[-1][1] == kept
    assert (kept.channel, kept.offset, kept.samples) == (channel, second * RATE, RATE)
    return kept.pcm


async def test_a_paused_channel_is_silent_in_recording_and_recogniser_and_keeps_its_time() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    assert say(session, ports, 0) == SECRET * RATE
    session.pause((), "api")
    assert say(session, ports, 1) == say(session, ports, 2) == bytes(2 * RATE)
    session.resume((), "api")
    assert say(session, ports, 3) == bytes(2 * UNDERWAY) + SECRET * (RATE - UNDERWAY)
    assert say(session, ports, 4) == SECRET * RATE


async def test_what_was_said_in_a_pause_is_silent_when_it_comes_after_it() -> None:
    ports = Ports()
    session = session_of(make_call(channels=1), ports)
    say(session, ports, 0)
    session.pause((), "api")
    ports.time = 10.0
    session.resume((), "api")
    session.audio(AudioChunk(0, RATE, SECRET * RATE * 11))
    assert ports.recorded[-1].pcm == bytes(2 * (9 * RATE + UNDERWAY)) + SECRET * (2 * RATE - UNDERWAY)


async def test_audio_that_was_perhaps_said_in_a_pause_is_silent_wherever_it_is_placed() -> None:
    ports = Ports()
    session = session_of(make_call(channels=1), ports)
    say(session, ports, 0)
    session.pause((), "api")
    session.resume((), "api")
    ports.time = 4.0
    session.audio(AudioChunk(0, 3 * RATE, SECRET * RATE), said_from=RATE)
    assert ports.recorded[-1].pcm == ports.sent[-1][1].pcm == bytes(2 * RATE)
    session.audio(AudioChunk(0, 4 * RATE, SECRET * RATE), said_from=3 * RATE)
    assert ports.recorded[-1].pcm == SECRET * RATE


async def test_a_call_that_was_told_late_is_resumed_by_when_its_audio_came() -> None:
    ports = Ports(time=100.0)
    session = session_of(make_call(channels=1), ports)
    session.audio(AudioChunk(0, 0, SECRET * RATE))
    session.pause((), "api")
    ports.time = 105.0
    session.resume((), "api")
    assert session.call.pauses == (Pause(0, RATE, 6 * RATE + UNDERWAY, "api"),)


async def test_a_sender_with_a_pace_of_its_own_is_resumed_where_it_is() -> None:
    ports = Ports()
    session = session_of(replace(make_call(channels=1), dialect=Dialect.FUNASR), ports)
    session.pause((), "api")
    session.audio(AudioChunk(0, 0, SECRET * RATE))
    ports.time = 60.0
    session.resume((), "api")
    assert say(session, ports, 1) == bytes(2 * UNDERWAY) + SECRET * (RATE - UNDERWAY)


async def test_of_a_sender_that_keeps_time_what_is_still_on_its_way_at_a_pauses_end_is_silent() -> None:
    ports = Ports()
    session = session_of(replace(make_call(channels=1), dialect=Dialect.FUNASR), ports)
    say(session, ports, 0)
    session.pause((), "api")
    ports.time = 1.5
    session.resume((), "api")
    assert session.call.pauses == (Pause(0, RATE, RATE + RATE // 2 + UNDERWAY, "api"),)


async def test_a_pause_and_its_end_are_told_and_kept_with_who_wanted_them() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    say(session, ports, 0)
    session.pause((0,), "api", "card payment")
    open_pause = Pause(0, RATE, None, "api", "card payment")
    assert ports.entries[-1] == CallSaved(replace(call, pauses=(open_pause,)), "node-1")
    session.resume((0,), "sip")
    over = replace(open_pause, end=RATE + UNDERWAY)
    assert ports.entries[-1] == CallSaved(replace(call, pauses=(over,)), "node-1")
    paused, resumed = ports.events[1:]
    assert isinstance(paused, CallPaused)
    assert isinstance(resumed, CallResumed)
    assert (paused.by, [(p.channel, p.start_ms, p.end_ms) for p in paused.pauses]) == ("api", [(0, 1000, None)])
    assert (resumed.by, [(p.channel, p.end_ms) for p in resumed.pauses]) == ("sip", [(0, 1000 + UNDERWAY_MS)])


async def test_a_later_description_of_the_call_loses_no_pause() -> None:
    ports, call = Ports(), make_call()
    session = session_of(call, ports)
    session.pause((1,), "api")
    session.update(replace(call, quirks=("contact",)))
    assert ports.entries[-1] == CallSaved(replace(call, quirks=("contact",), pauses=session.call.pauses), "node-1")
    assert session.call.pauses == (Pause(1, 0, None, "api"),)


async def test_only_the_channels_that_are_named_are_paused() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    session.pause((1,), "api")
    assert say(session, ports, 0, channel=0) == SECRET * RATE
    assert say(session, ports, 0, channel=1) == bytes(2 * RATE)
    session.resume((0,), "api")
    assert say(session, ports, 1, channel=1) == bytes(2 * RATE)


async def test_who_joins_a_paused_call_is_paused_until_the_call_goes_on() -> None:
    ports, call = Ports(), make_call(channels=1)
    session = session_of(call, ports)
    session.pause((), "api")
    session.update(replace(call, channels=(*call.channels, Channel(1, "2"))))
    assert say(session, ports, 0, channel=1) == bytes(2 * RATE)
    session.resume((), "api")
    session.update(replace(call, channels=(*call.channels, Channel(1, "2"), Channel(2, "3"))))
    assert say(session, ports, 2, channel=2) == SECRET * RATE


async def test_who_joins_after_all_pauses_have_ended_one_by_one_or_by_their_limit_is_heard() -> None:
    for one_by_one in (True, False):
        ports, call = Ports(pause_limit_s=30), make_call()
        session = session_of(call, ports)
        session.pause((), "api")
        if one_by_one:
            session.resume((0,), "api")
            session.resume((1,), "api")
        else:
            ports.timers[-1][1]()
        session.update(replace(call, channels=(*call.channels, Channel(2, "3"))))
        assert say(session, ports, 2, channel=2) == SECRET * RATE


async def test_a_second_pause_or_end_changes_and_tells_nothing() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    session.resume((), "api")
    session.pause((), "api")
    session.pause((), "sip")
    session.resume((), "api")
    session.resume((), "api")
    assert ports.told()[1:] == [CallPaused, CallResumed]
    assert {pause.by for pause in session.call.pauses} == {"api"}


async def test_keys_of_a_pause_are_not_told_also_when_they_come_after_it() -> None:
    ports = Ports()
    session = session_of(make_call(), ports)
    session.dtmf(DtmfDigit(0, 0, "1"))
    say(session, ports, 0)
    session.pause((0,), "api")
    session.dtmf(DtmfDigit(0, RATE + 80, "4"))
    session.dtmf(DtmfDigit(0, RATE - 80, "3"))
    session.dtmf(DtmfDigit(1, RATE, "2"))
    ports.time = 3.0
    session.resume((), "api")
    session.dtmf(DtmfDigit(0, 3 * RATE, "5"))
    session.dtmf(DtmfDigit(0, 3 * RATE + UNDERWAY, "6"))
    assert [event.digit for event in ports.events if isinstance(event, DtmfPressed)] == ["1", "2", "6"]


async def test_a_pause_ends_by_itself_where_it_has_a_limit_and_a_new_one_has_its_own() -> None:
    ports = Ports(pause_limit_s=30)
    session = session_of(make_call(), ports)
    session.pause((), "api")
    (_, end_first), *_ = ports.timers
    session.resume((), "api")
    session.pause((), "api")
    end_first()
    assert ports.told()[1:] == [CallPaused, CallResumed, CallPaused]
    seconds, end_second = ports.timers[-1]
    end_second()
    resumed = ports.events[-1]
    assert isinstance(resumed, CallResumed)
    assert (seconds, resumed.by) == (30, "limit")


async def test_what_was_paused_is_not_left_for_recovery_beyond_what_was_decoded() -> None:
    ports = Ports()
    session = session_of(make_call(channels=1), ports)
    say(session, ports, 0)
    session.pause((), "api")
    say(session, ports, 1)
    await ended(session, 2, lambda: understood(session, 2 * RATE, (0,)))
    assert [job.kind for job in ports.jobs] == ["second-pass"]
    assert session.call.pauses == (Pause(0, RATE, None, "api"),)
