"""Hold by SDP alone, then another port and a further m-line: nothing is lost, and the call's clock goes on."""

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.acceptance import siprec
from tests.acceptance.raw_sip import Asked, RawPeer
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import RATE, excerpt, mu_law
from tests.acceptance.transcripts import jobs_done, utterances
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

GREETING = "Thank you for calling Summit Telecom. My name is Daniel. How can I help you today?"
QUESTION = "Thank you. Are all the lights on your router green?"
ANSWER = "No. One of them is orange, and it blinks every few seconds."
HELD_S = 1.5
GREETING_S, QUESTION_S, LEAD_S, END_S = 5.4, 19.0, 0.07, 26.2
"""Places in the demo call: the greeting's end, the question before it begins, how long before, the answer's end."""


def test_after_a_hold_words_of_an_m_line_that_moved_and_of_one_that_came_have_their_times(
    service: RunningService,
) -> None:
    daniel, laura = excerpt(6).channels
    later = [channel[int(QUESTION_S * RATE) : int(END_S * RATE)] for channel in (daniel, laura)]
    first, second = RtpSender(1), RtpSender(2)
    with RawPeer("UDP", service.sip_port) as peer:
        asked = Asked(body=siprec.offer(first.ports, ("1",)), headers={"Require": "siprec"})
        reply = peer.establish(asked)
        first.start(reply.audio_ports, [mu_law(daniel[: int(GREETING_S * RATE)])])
        first.wait()
        held = siprec.offer(first.ports, ("1",)).replace("sendonly", "inactive").replace("1 1 IN", "1 2 IN")
        assert peer.establish(replace(asked.within(reply, "INVITE", 2), body=held)).status == 200
        time.sleep(HELD_S)
        back = siprec.offer(second.ports, ("1", "2")).replace("1 1 IN", "1 3 IN")
        moved = peer.establish(replace(asked.within(reply, "INVITE", 3), body=back))
        assert (moved.status, len(moved.audio_ports)) == (200, 2)
        second.start(moved.audio_ports, [mu_law(np.ascontiguousarray(channel)) for channel in later])
        second.wait()
        assert peer.ask(asked.within(reply, "BYE", 4)).status == 200
    gap_s = second.began_at - first.began_at
    first.close()
    second.close()
    call = service.wait_call(asked.call)
    said = utterances(service, call["id"])
    agent, customer = ([item for item in said if item["channel"] == channel] for channel in (0, 1))
    after = [item for item in agent if item["start_ms"] > GREETING_S * 1000]
    assert word_error_rate([GREETING], [" ".join(item["text"] for item in agent if item not in after)]) <= 0.2
    assert word_error_rate([QUESTION], [" ".join(item["text"] for item in after)]) <= 0.2
    assert word_error_rate([ANSWER], [" ".join(item["text"] for item in customer)]) <= 0.2
    assert after[0]["start_ms"] / 1000 == pytest.approx(gap_s + LEAD_S, abs=0.5)
    assert customer[0]["start_ms"] / 1000 == pytest.approx(gap_s + 21.9 - QUESTION_S, abs=0.5)
    assert call["pauses"] == []
    wait_for(lambda: jobs_done(service, call["id"]) or None, "the evaluation", seconds=180)
    measures = service.get(f"/api/v1/calls/{call['id']}/scores")["measures"]
    assert HELD_S - 0.3 <= measures["hold_ms"] / 1000 <= gap_s
    assert measures["longest_hold_ms"] == measures["hold_ms"]
    assert measures["longest_hold_start_ms"] / 1000 == pytest.approx(GREETING_S, abs=1.5)
