"""Many calls: at once, beyond what there is room for, and one after the other at a rate that wears lines out."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import siprec
from tests.acceptance.counting import counted, nobody_dies
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer, Reply
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.sipp import Scenario, plain_sdp, start_sipp, write_capture
from tests.acceptance.speech import excerpt, mu_law
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken, spoken, utterances
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

CALLS_A_LINE = 4
LINES = 5
CHURN_CALLS = 300
CHURN_A_SECOND = 10
PLACED_A_SECOND = 20
"""Calls placed by hand, well below what the front takes."""


@pytest.fixture(scope="module")
def busy(open_folder: Path) -> Iterator[RunningService]:
    """A service of its own, whose lines no other test occupies."""
    sip = f"lines = {LINES}\n"
    with running(RunningService(open_folder / "busy", {"sip": sip})) as started:
        yield started


def test_four_conversations_at_once_are_all_understood(busy: RunningService, tmp_path: Path) -> None:
    speech = excerpt(3)
    sessions = [start_session(busy, tmp_path, speech) for _ in range(4)]
    for session in sessions:
        session.finish()
    for session in sessions:
        call = busy.wait_call(session.sip_call_id)
        assert_spoken(busy, call["id"], speech)
        assert_nothing_twice(busy, call["id"])


def test_more_calls_at_once_than_any_line_carries_are_all_understood(busy: RunningService, tmp_path: Path) -> None:
    speech = excerpt(1)
    capture = write_capture(tmp_path / "speech.pcap", mu_law(speech.channels[0]))
    during = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    during += f'<pause milliseconds="{int(speech.seconds * 1000)}"/>'
    caller = start_sipp(Scenario(plain_sdp(), during=during), busy.sip_port, tmp_path, calls=2 * LINES, rate=20)
    wait_for(lambda: busy.counter("callscribe_calls_active{") == 2 * LINES, "all calls at once")
    assert caller.wait(60) == 0, caller.errors
    assert len(caller.call_ids) == 2 * LINES
    for sip_call_id in caller.call_ids:
        call = busy.wait_call(sip_call_id)
        assert abs(call["duration_ms"] / 1000 - speech.seconds) < 1.0
        assert word_error_rate([speech.texts[0]], [spoken(busy, call["id"])]) <= 0.15


def test_calls_beyond_the_capacity_are_told_to_come_again_and_taken_when_there_is_room(busy: RunningService) -> None:
    capacity = LINES * CALLS_A_LINE
    with RawPeer("UDP", busy.sip_port) as peer, counted(busy, invites_refused_busy=1, calls_answered=capacity + 1):
        standing = [place(peer) for _ in range(capacity)]
        assert [reply.status for _, reply in standing] == [200] * capacity
        _, refused = place(peer)
        assert refused.status == 503
        assert refused.header("Retry-After") == "2"
        hang_up(peer, *standing.pop())
        time.sleep(2)
        again = place(peer)
        assert again[1].status == 200
        for asked, reply in (*standing, again):
            hang_up(peer, asked, reply)


def place(peer: RawPeer) -> tuple[Asked, Reply]:
    """A call by hand, and how it was answered."""
    time.sleep(1 / PLACED_A_SECOND)
    asked = Asked(body=AUDIO_OFFER.format(port=40000))
    return asked, peer.establish(asked)


def hang_up(peer: RawPeer, asked: Asked, reply: Reply) -> None:
    assert peer.hang_up(asked, reply).status == 200


def test_a_call_without_rtp_ends_on_bye_with_its_length_and_no_words(busy: RunningService) -> None:
    with RawPeer("TCP", busy.sip_port) as peer:
        asked, reply = place(peer)
        time.sleep(2)
        hang_up(peer, asked, reply)
    call = busy.wait_call(asked.call)
    assert call["end_reason"] == "bye"
    assert abs(call["duration_ms"] / 1000 - 2) < 0.5
    assert utterances(busy, call["id"]) == []


def test_three_hundred_calls_at_ten_a_second_break_none(busy: RunningService, tmp_path: Path) -> None:
    before = {call["id"] for call in all_calls(busy)}
    silence = write_capture(tmp_path / "silence.pcap", b"\xff" * 4000)
    during = f'<nop><action><exec play_pcap_audio="{silence}"/></action></nop><pause milliseconds="600"/>'
    offer = siprec.offer((40000, 40002)).replace("40000", "[auto_media_port]").replace("40002", "[auto_media_port+2]")
    scenario = Scenario(siprec.multipart(offer), siprec.CONTENT_TYPE, siprec.HEADERS, during)
    with counted(busy, calls_answered=CHURN_CALLS), nobody_dies(busy):
        caller = start_sipp(scenario, busy.sip_port, tmp_path, calls=CHURN_CALLS, rate=CHURN_A_SECOND)
        assert caller.wait(60) == 0, caller.errors

    def over() -> list[Json] | None:
        made = [call for call in all_calls(busy) if call["id"] not in before and call["state"] != "active"]
        return made if len(made) >= CHURN_CALLS else None

    made = wait_for(over, "the end of every call")
    assert len(made) == CHURN_CALLS
    assert {(call["state"], call["end_reason"], len(call["channels"])) for call in made} == {("ended", "bye", 2)}
    lengths = sorted(call["duration_ms"] for call in made)
    assert lengths[0] >= 300
    assert lengths[-1] <= 2500
    wait_for(lambda: busy.counter("callscribe_calls_active{") == 0, "the end of every call at the node")
    assert busy.counter("callscribe_lines_lost{") == 0
    assert not re.search(r"callback-failed|Assertion", busy.log)


def all_calls(service: RunningService) -> list[Json]:
    """Every call of the service, newest first."""
    found: list[Json] = []
    cursor = ""
    while True:
        page = service.get(f"/api/v1/calls?limit=100{cursor}")
        found += page["calls"]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"
