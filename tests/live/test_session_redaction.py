"""A session whose trunk has redaction: what it tells, keeps and holds back."""

from asr.wire.client import ChannelOptions
from callscribe.domain.transcript import Final, Partial
from callscribe.events.schema import UtteranceFinal, UtterancePartial
from callscribe.live.journal import FinalSaved
from callscribe.live.session import CallSession, TextPolicy
from callscribe.text.redaction.conversation import HOLD_S
from callscribe.text.redaction.masking import RedactionPolicy
from tests.live.calls import Follower, make_call, make_final
from tests.live.test_session import RATE, Ports

HALVES = ("five four two five two three three four", "three zero one zero nine nine zero three")


def redacting(ports: Ports, *, figures: bool = False, follower: Follower | None = None) -> CallSession:
    call = make_call()
    texts = TextPolicy(figures, RedactionPolicy.of(["payment"]))
    return CallSession(
        call, ports, lambda index: ChannelOptions(index, call.sample_rate), texts=texts, follower=follower
    )


def told(ports: Ports) -> list[str]:
    return [event.text for event in ports.events if isinstance(event, UtteranceFinal)]


def kept(ports: Ports) -> list[Final]:
    return [entry.final for entry in ports.entries if isinstance(entry, FinalSaved)]


async def test_a_number_over_two_finals_is_masked_in_events_journal_and_for_the_follower() -> None:
    ports, follower = Ports(), Follower()
    session = redacting(ports, figures=True, follower=follower)
    session.final(make_final(0, HALVES[0]))
    assert told(ports) == []
    session.final(make_final(16000, HALVES[1]))
    assert told(ports) == ["[card]", "[card]"]
    assert [final.text for final in kept(ports)] == ["[card]", "[card]"]
    assert [final.text for final in follower.finals] == ["[card]", "[card]"]
    assert all(final.spoken == "" and final.redactions for final in kept(ports))


async def test_a_partial_shows_no_digits_that_may_become_a_number() -> None:
    ports, follower = Ports(), Follower()
    session = redacting(ports, follower=follower)
    session.partial(Partial(0, 0, 8000, "it's five", "four two", 1))
    (event,) = [event for event in ports.events if isinstance(event, UtterancePartial)]
    assert (event.text, event.committed, event.tentative) == ("it's …", "it's", "…")
    assert follower.partials[0].tentative == "…"


async def test_audio_of_a_held_final_is_kept_for_replay_until_the_final_is_on_disk() -> None:
    ports = Ports(disk_is_full=True)
    session = redacting(ports)
    session.final(make_final(0, HALVES[0]))
    session.acknowledged(0, 9000)
    assert ports.released == []
    session.final(make_final(16000, HALVES[1]))
    assert ports.released == []
    ports.writes[-1].set_result(None)
    session.acknowledged(0, 24000)
    assert ports.released[-1] == (100, 24000)


async def test_a_held_final_is_told_when_nothing_follows_it() -> None:
    ports = Ports()
    session = redacting(ports)
    session.final(make_final(0, "seven two three"))
    (wait_s, look), ports.time = ports.timers.pop(), HOLD_S
    assert wait_s == HOLD_S
    look()
    assert told(ports) == ["seven two three"]
    assert ports.timers == []


async def test_a_held_final_that_somebody_goes_on_from_waits_longer() -> None:
    ports = Ports()
    session = redacting(ports)
    session.final(make_final(0, HALVES[0]))
    ports.time = 5.0
    session.partial(Partial(0, 16000, 3 * RATE, "", "three zero", 1))
    (_, look), ports.time = ports.timers.pop(), HOLD_S
    look()
    assert told(ports) == []
    assert [wait_s for wait_s, _ in ports.timers] == [5.0]


async def test_what_is_held_when_its_channel_closes_is_told_before_that_is_told() -> None:
    ports, follower = Ports(), Follower()
    session = redacting(ports, follower=follower)
    session.final(make_final(0, "seven two three"))
    session.closed(0, 9000, ())
    assert told(ports) == ["seven two three"]
    assert [final.text for final in follower.finals] == ["seven two three"]
    assert follower.ends == [(0, 9000, ())]
