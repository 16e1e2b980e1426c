"""Calls that are sent on: what passes between both parties, what of it is transcribed, and what nobody can dial."""

import hashlib
import os
import re
import signal

import numpy as np
import pytest

from tests.acceptance.bridged import BRANCH_ADDRESS, dial, parties, ring, talk, wait_audio
from tests.acceptance.counting import counted
from tests.acceptance.raw_sip import Asked
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import RATE, excerpt, mu_law
from tests.acceptance.transcripts import assert_spoken

pytestmark = pytest.mark.acceptance

ENDINGS = [(486, 486), (404, 404), (603, 603), (500, 500), (302, 480), (401, 403)]
"""What the callee answers, and what the caller is told."""


def sound(frequency: int, seconds: float = 0.5) -> bytes:
    """A tone as mu-law."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    return mu_law((8000 * np.sin(2 * np.pi * frequency * time_s)).astype(np.int16))


def test_both_parties_hear_each_other_and_each_is_a_channel(service: RunningService) -> None:
    speech = excerpt(3)
    said = [mu_law(channel) for channel in speech.channels]
    with parties(service) as ends:
        attempt = ring(ends)
        assert attempt.invite.uri == f"sip:2001@127.0.0.1:{service.callee_port}"
        assert attempt.invite.header("Max-Forwards") == "69"
        assert "m=audio" in attempt.invite.body
        conversation = attempt.pick_up()
        caller, callee = ends[0].rtp, ends[1].rtp
        senders = [caller.say(conversation.ports[0], said[0]), callee.say(conversation.ports[1], said[1])]
        for sender in senders:
            sender.join()
        wait_audio(callee, said[0])
        wait_audio(caller, said[1])
        assert (callee.audio(), caller.audio()) == (said[0], said[1])
        conversation.hang_up()
    call = service.wait_call(attempt.asked.call)
    assert (call["dialect"], call["end_reason"], call["trunk"]) == ("plain", "bye", "bridged")
    assert [channel["role"] for channel in call["channels"]] == ["customer", "agent"]
    assert call["channels"][1]["party"]["address"] == "sip:2001@127.0.0.1"
    assert_spoken(service, call["id"], speech)
    # The callee's Call-ID finds the call too.
    assert service.wait_call(attempt.invite.header("Call-ID"))["id"] == call["id"]


def test_what_sounds_before_the_answer_is_heard(service: RunningService) -> None:
    with parties(service) as ends:
        attempt = ring(ends)
        attempt.callee.sip.answer(attempt.invite, 180)
        attempt.callee.sip.answer(attempt.invite, 183, ends[1].rtp.sdp())
        heard = [attempt.caller.sip.receive(20) for _ in range(3)]
        assert [reply.status if reply else None for reply in heard] == [100, 180, 183]
        announcement = sound(440)
        ends[1].rtp.say(attempt.invite.audio_port, announcement).join()
        wait_audio(ends[0].rtp, announcement)
        attempt.callee.sip.answer(attempt.invite, 486)
        assert attempt.caller.sip.final(attempt.asked.call).status == 486
    assert service.find_call(attempt.asked.call) is None


@pytest.mark.parametrize(("said", "told"), ENDINGS)
def test_how_the_callee_ends_it_passes_through(service: RunningService, said: int, told: int) -> None:
    with parties(service) as ends:
        attempt = ring(ends)
        elsewhere = f"<sip:elsewhere@127.0.0.1:{service.callee_port}>"
        challenge = {"WWW_Authenticate": 'Digest realm="x", nonce="y"'} if said == 401 else {}
        contact = {"Contact": elsewhere} if said == 302 else {}
        attempt.callee.sip.answer(attempt.invite, said, **challenge, **contact)
        attempt.callee.sip.take_request("ACK")
        reply = attempt.caller.sip.final(attempt.asked.call)
        assert reply.status == told
        assert elsewhere not in reply.head
        attempt.caller.sip.send(attempt.asked.acknowledgement(reply).data("UDP", attempt.caller.sip.port))
        with pytest.raises(AssertionError, match="no INVITE"):
            attempt.callee.sip.take_request("INVITE", 0.3)


def test_a_caller_who_gives_up_stops_the_ringing(service: RunningService) -> None:
    with parties(service) as ends:
        attempt = ring(ends)
        attempt.callee.sip.answer(attempt.invite, 180)
        cancel = Asked("CANCEL", call=attempt.asked.call, to=attempt.asked.to, branch="INVITE")
        attempt.caller.sip.send(cancel.data("UDP", attempt.caller.sip.port))
        attempt.callee.sip.answer(attempt.callee.sip.take_request("CANCEL"), 200)
        attempt.callee.sip.answer(attempt.invite, 487)
        attempt.callee.sip.take_request("ACK")
        answers = [attempt.caller.sip.final(attempt.asked.call).status for _ in range(2)]
        assert sorted(answers) == [200, 487]


def test_who_does_not_answer_rings_no_longer_than_is_set(service: RunningService) -> None:
    with parties(service) as ends:
        attempt = ring(ends, "brief")
        attempt.callee.sip.answer(attempt.invite, 180)
        assert attempt.caller.sip.final(attempt.asked.call).status == 480
        attempt.callee.sip.answer(attempt.callee.sip.take_request("CANCEL"), 200)
        # It picks up in the same moment: nobody is there any more.
        attempt.callee.sip.answer(attempt.invite, 200, ends[1].rtp.sdp())
        attempt.callee.sip.take_request("ACK")
        attempt.callee.sip.take_request("BYE")


def test_hold_and_keys_pass_and_the_callee_may_hang_up(service: RunningService) -> None:
    with parties(service) as ends:
        conversation = talk(ends)
        caller, callee = ends
        (to_caller, to_callee), attempt = conversation.ports, conversation.attempt
        # One codec is left of the answer, so that both send what the line hears.
        assert re.findall(r"m=audio \d+ RTP/AVP (.*?)\r", conversation.reply.body) == ["0 101"]

        pressed = caller.rtp.press(to_caller, "7")
        wait_for(lambda: callee.rtp.keys() == pressed or None, "the key")

        hold = attempt.asked.within(conversation.reply, "INVITE", 2)
        hold = Asked("INVITE", caller.rtp.sdp("sendonly", 2), call=hold.call, cseq=2, to=hold.to, start=hold.start)
        caller.sip.send(hold.data("UDP", caller.sip.port))
        asked = callee.sip.take_request("INVITE")
        assert "a=sendonly" in asked.body
        assert asked.audio_port == to_callee
        callee.sip.answer(asked, 200, callee.rtp.sdp("recvonly", 2))
        held = caller.sip.final(hold.call, 2)
        assert held.status == 200
        assert "a=recvonly" in held.body
        caller.sip.send(hold.acknowledgement(held).data("UDP", caller.sip.port))
        callee.sip.take_request("ACK")
        music = sound(660)
        caller.rtp.say(to_caller, music).join()
        wait_audio(callee.rtp, music)

        callee.sip.send(attempt.invite.within("BYE", 1).data("UDP", callee.sip.port))
        caller.sip.answer(caller.sip.take_request("BYE"), 200)
        assert callee.sip.final(attempt.invite.header("Call-ID")).status == 200
    assert service.wait_call(attempt.asked.call)["end_reason"] == "bye"


def test_the_callee_may_hold_and_come_back(service: RunningService) -> None:
    with parties(service) as ends:
        conversation = talk(ends)
        caller, callee = ends
        for cseq, (said, answered) in enumerate((("inactive", "inactive"), ("sendrecv", "sendrecv")), 2):
            hold = conversation.attempt.invite.within("INVITE", cseq, callee.rtp.sdp(said, cseq))
            callee.sip.send(hold.data("UDP", callee.sip.port))
            asked = caller.sip.take_request("INVITE")
            assert f"a={said}" in asked.body
            caller.sip.answer(asked, 200, caller.rtp.sdp(answered, cseq))
            reply = callee.sip.final(hold.call, cseq)
            assert f"a={answered}" in reply.body
            ack = conversation.attempt.invite.within("ACK", cseq)
            callee.sip.send(ack.data("UDP", callee.sip.port))
            caller.sip.take_request("ACK")
        tone = sound(880)
        callee.rtp.say(conversation.ports[1], tone).join()
        wait_audio(caller.rtp, tone)
        conversation.hang_up()


def test_the_callees_password_is_ours_to_prove(service: RunningService) -> None:
    with parties(service) as ends:
        attempt = ring(ends, "hotline")
        challenge = 'Digest realm="desk", nonce="n1", algorithm=MD5'
        attempt.callee.sip.answer(attempt.invite, 407, Proxy_Authenticate=challenge)
        attempt.callee.sip.take_request("ACK")
        attempt.invite = attempt.callee.sip.take_request("INVITE")
        proof = dict(re.findall(r'(\w+)="(.*?)"', attempt.invite.header("Proxy-Authorization")))
        parts = ("scribe:desk:secret", f"INVITE:{attempt.invite.uri}")
        secret, asked = (hashlib.md5(part.encode()).hexdigest() for part in parts)
        assert proof["response"] == hashlib.md5(f"{secret}:n1:{asked}".encode()).hexdigest()
        attempt.pick_up().hang_up()


@pytest.mark.parametrize(
    ("number", "status", "counter"),
    [
        ("900123456789", 404, "bridges_unknown"),
        ("2001%40127.0.0.2", 404, "bridges_unknown"),
        ("20011", 404, "bridges_unknown"),
        ("3001", 403, "bridges_forbidden"),
        ("circle", 482, "invites_looping"),
    ],
)
def test_nothing_but_the_routes_can_be_dialled(service: RunningService, number: str, status: int, counter: str) -> None:
    with parties(service) as ends, counted(service, **{counter: 1}):
        route = f"<sip:127.0.0.1:{service.callee_port};lr>"
        asked = dial(ends[0], number, Route=route)
        reply = ends[0].sip.final(asked.call)
        assert reply.status == status
        ends[0].sip.send(asked.acknowledgement(reply).data("UDP", ends[0].sip.port))
        with pytest.raises(AssertionError, match="no INVITE"):
            ends[1].sip.take_request("INVITE", 0.3)


def test_a_host_in_the_request_goes_nowhere_and_loops_end(service: RunningService) -> None:
    with parties(service) as ends:
        foreign = Asked(body=ends[0].rtp.sdp(), start="INVITE sip:2001@192.0.2.1:5099 SIP/2.0")
        ends[0].sip.send(foreign.data("UDP", ends[0].sip.port))
        invite = ends[1].sip.take_request("INVITE")
        assert invite.uri == f"sip:2001@127.0.0.1:{service.callee_port}"
        ends[1].sip.answer(invite, 486)
        assert ends[0].sip.final(foreign.call).status == 486
        last = dial(ends[0], "2001", Max_Forwards="1")
        assert ends[0].sip.final(last.call).status == 483


def test_a_transfer_is_refused_and_the_call_goes_on(service: RunningService) -> None:
    with parties(service, BRANCH_ADDRESS) as ends:
        conversation = talk(ends, "3001")
        refer = conversation.attempt.asked.within(conversation.reply, "REFER", 2)
        assert ends[0].sip.ask(refer).status == 405
        stray = conversation.attempt.asked.within(conversation.reply, "BYE", 3)
        stray = Asked("BYE", call=stray.call, cseq=3, to=f"{stray.to}x", start=stray.start)
        assert ends[0].sip.ask(stray).status == 481
        bye = conversation.attempt.asked.within(conversation.reply, "BYE", 4)
        assert ends[0].sip.ask(bye).status == 200


def test_a_bridged_call_outlives_its_line_and_its_relay(fragile: RunningService) -> None:
    with parties(fragile) as ends:
        conversation = talk(ends)
        caller, callee = ends[0].rtp, ends[1].rtp
        first = fragile.wait_call(conversation.attempt.asked.call, "active")
        for pid in (*fragile.line_pids(), *fragile.relay_pids()):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: fragile.relay_pids() or None, "another relay")
        for frequency in (440, 880):
            tone = sound(frequency)
            caller.say(conversation.ports[0], tone).join()
            callee.say(conversation.ports[1], tone).join()
        wait_audio(callee, tone)
        wait_audio(caller, tone)
        # A line that hears nothing would end the call.
        caller.say(conversation.ports[0], sound(440, 60))
        query = f"/api/v1/calls?state=active&outside_id={conversation.attempt.asked.call}"

        def heard_anew() -> list[str]:
            return [str(call["id"]) for call in fragile.get(query)["calls"] if call["id"] != first["id"]]

        rest = wait_for(heard_anew, "a line that hears the rest")
        conversation.hang_up()
    assert fragile.wait_call(rest[0])["end_reason"] == "bye"
    assert fragile.wait_call(first["id"], "interrupted")["end_reason"] == "line-lost"
