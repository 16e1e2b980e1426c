"""What PBXs do with the leg of a plain call: directions, session timers, provisional responses, conferences."""

import pytest

from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.service import RunningService

pytestmark = pytest.mark.acceptance

OFFER = AUDIO_OFFER.format(port=40000)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("", "sendrecv"),
        ("a=sendrecv\r\n", "sendrecv"),
        ("a=sendonly\r\n", "recvonly"),
        ("a=recvonly\r\n", "sendonly"),
        ("a=inactive\r\n", "inactive"),
    ],
)
def test_a_leg_of_any_direction_is_answered(service: RunningService, offered: str, answered: str) -> None:
    with RawPeer("UDP", service.sip_port) as peer:
        asked = Asked(body=OFFER + offered)
        reply = peer.establish(asked)
        assert reply.status == 200
        assert f"a={answered}" in reply.body
        assert peer.hang_up(asked, reply).status == 200


def test_a_session_timer_is_agreed_on_and_refreshed_without_sdp(service: RunningService) -> None:
    timed = {"Supported": "timer", "Session-Expires": "1800;refresher=uac"}
    with RawPeer("TCP", service.sip_port) as peer:
        asked = Asked(body=OFFER, headers=timed)
        reply = peer.establish(asked)
        assert (reply.header("Session-Expires"), reply.header("Require")) == ("1800;refresher=uac", "timer")
        within = asked.within(reply, "UPDATE", 2)
        refresh = Asked("UPDATE", call=asked.call, cseq=2, to=within.to, start=within.start, headers=timed)
        refreshed = peer.ask(refresh)
        assert (refreshed.status, refreshed.header("Session-Expires")) == (200, "1800;refresher=uac")
        assert refreshed.body == ""
        assert peer.hang_up(Asked("BYE", call=asked.call, cseq=2), reply).status == 200


def test_a_session_timer_that_is_too_short_is_refused_with_the_least(service: RunningService) -> None:
    with RawPeer("UDP", service.sip_port) as peer:
        reply = peer.establish(Asked(body=OFFER, headers={"Supported": "timer", "Session-Expires": "30"}))
        assert (reply.status, reply.header("Min-SE")) == (422, "90")


def test_a_caller_that_wants_provisional_responses_acknowledged_is_answered(service: RunningService) -> None:
    with RawPeer("UDP", service.sip_port) as peer:
        asked = Asked(body=OFFER, headers={"Require": "100rel", "Supported": "100rel"})
        reply = peer.establish(asked)
        assert reply.status == 200
        # There was none to acknowledge: who does so nevertheless harms nothing.
        peer.ask(asked.within(reply, "PRACK", 2))
        assert peer.hang_up(Asked("BYE", call=asked.call, cseq=2), reply).status == 200


def test_a_call_that_becomes_a_conference_is_mixed(service: RunningService) -> None:
    with RawPeer("UDP", service.sip_port) as peer:
        asked = Asked(body=OFFER)
        reply = peer.establish(asked)
        assert [channel["role"] for channel in service.wait_call(asked.call, "active")["channels"]] == ["unknown"]
        within = asked.within(reply, "INVITE", 2)
        focus = {"Contact": f"<sip:raw@127.0.0.1:{peer.port}>;isfocus"}
        again = Asked(body=OFFER, call=asked.call, cseq=2, to=within.to, start=within.start, headers=focus)
        assert peer.establish(again).status == 200
        assert peer.hang_up(again, reply).status == 200
    assert [channel["role"] for channel in service.wait_call(asked.call)["channels"]] == ["mixed"]
