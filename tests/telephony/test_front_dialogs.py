"""Requests within calls, in both directions: what reaches the line, and where the caller is found."""

import pytest

from telephony.front.hops import Hop, Transport
from telephony.settings import TrunkSettings
from telephony.sip.message import Request, Response
from tests.telephony.proxy_bench import CALLER, SDP, Ask, Bench, line, line_hop, line_request


def test_a_bye_of_the_caller_goes_to_the_line_and_frees_it() -> None:
    bench = Bench(lines=[line(0, capacity=1)])
    invite = bench.answered()
    bench.ask(Ask("BYE", cseq=2, to_tag="line-tag"))
    (bye,) = bench.to_line()
    assert bye.headers.first("call-id") == invite.headers.first("call-id")
    assert bye.headers.first("to").endswith(";tag=line-tag")
    bench.line_says(bye, 200)
    (answer,) = bench.to_caller()
    assert (answer.status, answer.headers.first("call-id")) == (200, "call-1")
    bench.ask(Ask(call="call-2", body=SDP))
    assert len(bench.offers) == 2


def test_a_report_of_the_line_frees_it_too() -> None:
    bench = Bench(lines=[line(0, capacity=1)])
    bench.answered()
    bench.proxy.release(bench.offers[0].id)
    bench.ask(Ask(call="call-2", body=SDP))
    assert len(bench.offers) == 2


def test_a_bye_of_the_line_reaches_the_caller_also_after_the_lines_report() -> None:
    bench = Bench()
    routed = Ask(body=SDP, headers=(("Record-Route", "<sip:192.0.2.50:5070;lr>, <sip:inner.example.com;lr>"),))
    invite = bench.answered(routed)
    bench.proxy.release(bench.offers[0].id)
    bench.receive(line_request(invite, "BYE", 77), line_hop(invite))
    (sent,) = bench.taken()
    bye = sent.message
    assert isinstance(bye, Request)
    assert sent.hop == Hop(Transport.UDP, "192.0.2.50", 5070)
    assert bye.uri == "sip:ann@192.0.2.10:5062"
    assert bye.headers.all("route") == ("<sip:192.0.2.50:5070;lr>", "<sip:inner.example.com;lr>")
    assert bye.headers.first("from") == "<sip:scribe@example.com>;tag=line-tag"
    assert bye.headers.first("to") == '"Ann" <sip:ann@example.com>;tag=caller-tag'
    assert (bye.headers.first("call-id"), bye.headers.first("cseq")) == ("call-1", "77 BYE")
    bench.receive(_reply(bye, 200))
    (answer,) = bench.taken()
    assert answer.hop == line_hop(invite)
    assert answer.message.headers.first("via").endswith("branch=z9hG4bKlineBYE77")


@pytest.mark.parametrize(
    ("value", "paused"),
    [("pause", True), ("Pause-SIPREC;recording-ip-group=1", True), ("resume", False), ("resume-siprec", False)],
)
def test_an_info_that_pauses_or_resumes_is_told_and_answered_and_no_line_sees_it(value: str, paused: bool) -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask("INFO", cseq=2, to_tag="line-tag", headers=(("X-AC-Action", value),)))
    assert bench.pauses == [(bench.offers[0].id, paused)]
    (sent,) = bench.taken()
    assert isinstance(sent.message, Response)
    assert (sent.hop.transport, sent.message.status) == (Transport.UDP, 200)


def test_a_re_invite_that_pauses_is_told_before_its_line_answers() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask("INVITE", cseq=2, to_tag="line-tag", body=SDP, headers=(("X-AC-Action", "pause"),)))
    assert bench.pauses == [(bench.offers[0].id, True)]
    assert [request.method for request in bench.to_line()] == ["INVITE"]


def test_other_actions_and_those_of_strangers_pause_nothing() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask("INFO", cseq=2, to_tag="line-tag", headers=(("X-AC-Action", "start-siprec"),)))
    bench.ask(Ask("INFO", cseq=3, to_tag="another-tag", headers=(("X-AC-Action", "resume"),)))
    assert bench.pauses == []


def test_a_caller_behind_nat_is_reached_where_its_requests_come_from() -> None:
    bench = Bench(trunks=(TrunkSettings(name="any", allow=("0.0.0.0/0",)),))
    source = Hop(Transport.UDP, "8.8.4.4", 33333)
    invite = bench.answered(Ask(body=SDP, headers=(("Contact", "<sip:ann@10.0.0.5:5060>"),)), source)
    bench.receive(line_request(invite, "BYE", 5), line_hop(invite))
    (sent,) = bench.taken()
    assert sent.hop == source


def test_a_caller_behind_nat_is_reached_also_where_both_addresses_are_private() -> None:
    bench = Bench(trunks=(TrunkSettings(name="any", allow=("0.0.0.0/0",)),))
    source = Hop(Transport.UDP, "10.1.0.9", 33333)
    asked = Ask(body=SDP, headers=(("Contact", "<sip:ann@192.0.2.10:5062>"),))
    invite = bench.answered(asked, source)
    bench.receive(line_request(invite, "BYE", 5), line_hop(invite))
    (sent,) = bench.taken()
    assert sent.hop == source


def test_a_caller_behind_a_proxy_that_keeps_no_route_is_reached_at_its_contact() -> None:
    bench = Bench()
    asked = Ask(body=SDP, headers=(("Contact", "<sip:ann@192.0.2.77:5066>"),))
    invite = bench.answered(asked, Hop(Transport.UDP, "192.0.2.10", 5062))
    bench.receive(line_request(invite, "BYE", 5), line_hop(invite))
    (sent,) = bench.taken()
    assert sent.hop == Hop(Transport.UDP, "192.0.2.77", 5066)


def test_a_call_over_tcp_uses_the_callers_connection_and_its_contact_when_that_is_gone() -> None:
    bench = Bench()
    source = Hop(Transport.TCP, "192.0.2.10", 40123, connection=9)
    invite = bench.answered(Ask(body=SDP, transport="TCP"), source)
    bench.receive(line_request(invite, "BYE", 5), line_hop(invite))
    (sent,) = bench.taken()
    assert sent.hop == Hop(Transport.TCP, "192.0.2.10", 5062, connection=9)
    assert sent.message.headers.first("via").startswith("SIP/2.0/TCP 198.51.100.1:5060;")
    assert isinstance(sent.message, Request)
    bench.proxy.undeliverable(sent.message)
    (answer,) = bench.taken()
    assert isinstance(answer.message, Response)
    assert answer.message.status == 408


def test_a_strict_router_gets_the_contact_in_its_route() -> None:
    bench = Bench()
    invite = bench.answered(Ask(body=SDP, headers=(("Record-Route", "<sip:192.0.2.50>"),)))
    bench.receive(line_request(invite, "BYE", 5), line_hop(invite))
    (sent,) = bench.taken()
    assert isinstance(sent.message, Request)
    assert sent.message.uri == "sip:192.0.2.50"
    assert sent.message.headers.all("route") == ("<sip:ann@192.0.2.10:5062>",)


def test_requests_are_repeated_over_udp_until_they_are_answered() -> None:
    bench = Bench()
    invite = bench.answered()
    bench.receive(line_request(invite, "BYE", 5), line_hop(invite))
    bench.advance(3.6)
    byes = [sent for sent in bench.taken() if isinstance(sent.message, Request)]
    assert len(byes) == 4
    bench.advance(40)
    assert [s.message.status for s in bench.taken() if isinstance(s.message, Response)] == [408]


def test_session_timers_pass_through_in_both_directions() -> None:
    bench = Bench()
    timed = (("Session-Expires", "1800;refresher=uas"), ("Min-SE", "90"), ("Supported", "timer, replaces, gruu"))
    bench.ask(Ask(body=SDP, headers=timed))
    invite = bench.to_line()[0]
    assert invite.headers.first("session-expires") == "1800;refresher=uas"
    assert invite.headers.first("supported") == "timer"
    bench.line_says(invite, 200, SDP)
    bench.ask(Ask("ACK", to_tag="line-tag", branch="z9hG4bK-ack"))
    bench.taken()
    bench.receive(line_request(invite, "UPDATE", 6, (("session-expires", "1800;refresher=uac"),)), line_hop(invite))
    (sent,) = bench.taken()
    assert isinstance(sent.message, Request)
    assert sent.message.headers.first("session-expires") == "1800;refresher=uac"
    assert sent.message.headers.first("contact") == "<sip:callscribe@198.51.100.1:5060>"


def test_a_re_invite_is_told_at_once_that_it_came() -> None:
    bench = Bench()
    bench.answered()
    again = Ask(cseq=2, to_tag="line-tag", body=SDP)
    bench.ask(again)
    assert [sent.message.status for sent in bench.taken() if isinstance(sent.message, Response)] == [100]
    bench.ask(again)
    assert [sent.message.status for sent in bench.taken() if isinstance(sent.message, Response)] == [100]


def test_a_contact_of_the_other_ip_version_is_passed_over_for_where_the_caller_is() -> None:
    bench = Bench()
    invite = bench.answered(Ask(body=SDP, headers=(("Contact", "<sip:ann@[2001:db8::7]:5062>"),)))
    bench.receive(line_request(invite, "BYE", 77), line_hop(invite))
    (sent,) = bench.taken()
    assert sent.hop == CALLER


@pytest.mark.parametrize("contact", ["<not an address>", "*", "<sip:a b@c>", "<http://x>"])
def test_a_contact_that_cannot_be_used_does_not_move_the_caller(contact: str) -> None:
    bench = Bench()
    invite = bench.answered()
    bench.ask(Ask(cseq=2, to_tag="line-tag", body=SDP, headers=(("Contact", contact),)))
    bench.taken()
    bench.receive(line_request(invite, "BYE", 77), line_hop(invite))
    (sent,) = bench.taken()
    assert isinstance(sent.message, Request)
    assert sent.message.uri == "sip:ann@192.0.2.10:5062"


def _reply(request: Request, status: int) -> bytes:
    echoed = request.headers.only(("via", "from", "to", "call-id", "cseq"))
    return Response(status, "OK", echoed).to_bytes()


OFF = SDP.replace("m=audio 40000", "m=audio 0")
PAUSED = SDP.replace("40000", "9").replace("sendonly", "inactive")


def offered(bench: Bench, cseq: int, body: str, answer: str) -> str:
    """What the caller gets as SDP for an INVITE within its call."""
    bench.ask(Ask(cseq=cseq, to_tag="line-tag", body=body))
    bench.line_says(bench.to_line()[0], 200, answer)
    (response,) = bench.to_caller()
    return response.body.decode()


def test_an_offer_that_takes_all_audio_back_is_answered_so_for_every_m_line() -> None:
    bench = Bench()
    bench.answered()
    video = "m=video 5000 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\n"
    answer = offered(bench, 2, OFF + video, PAUSED + "m=video 0 RTP/AVP 96\r\n")
    assert [line for line in answer.splitlines() if line[0] == "m"] == [
        "m=audio 0 RTP/AVP 0 8",
        "m=video 0 RTP/AVP 96 97",
    ]


def test_a_call_without_audio_gets_it_back_by_an_invite_without_sdp() -> None:
    bench = Bench()
    bench.answered()
    assert "m=audio 0 " in offered(bench, 2, OFF, PAUSED)
    bench.ask(Ask("ACK", cseq=2, to_tag="line-tag", branch="z9hG4bK-ack-2"))
    bench.taken()
    assert "m=audio 10000 " in offered(bench, 3, "", SDP.replace("40000", "10000"))


FOUR = SDP + "".join(f"m=audio {port} RTP/AVP 0\r\n" for port in (41000, 41002, 41004))


def until_an_offer_waits() -> tuple[Bench, int]:
    """A call whose line has had as many offers as it may for now; gives the CSeq number of the one that waits."""
    bench = Bench()
    bench.answered()
    for cseq in range(2, 50):
        bench.ask(Ask(cseq=cseq, to_tag="line-tag", body=FOUR))
        passed = bench.to_line()
        if not passed:
            return bench, cseq
        bench.line_says(passed[0], 200, SDP)
        bench.ask(Ask("ACK", cseq=cseq, to_tag="line-tag", branch=f"z9hG4bK-ack-{cseq}"))
        bench.taken()
    raise AssertionError("no offer waited")


def press(cseq: int) -> Ask:
    return Ask("INFO", cseq=cseq, to_tag="line-tag", body="Signal=1", content_type="application/dtmf-relay")


def test_what_comes_behind_an_offer_that_waits_reaches_the_line_after_it() -> None:
    bench, cseq = until_an_offer_waits()
    bench.ask(press(cseq + 1))
    bench.ask(press(cseq + 2))
    assert bench.to_line() == []
    bench.advance(2.0)
    first_seen = dict.fromkeys(request.headers.first("cseq") for request in bench.to_line())
    assert list(first_seen) == [f"{cseq} INVITE", f"{cseq + 1} INFO", f"{cseq + 2} INFO"]


def test_another_offer_behind_one_that_waits_is_to_come_again() -> None:
    bench, cseq = until_an_offer_waits()
    bench.ask(Ask(cseq=cseq + 1, to_tag="line-tag", body=SDP))
    assert [response.status for response in bench.to_caller()] == [491]


def test_an_offer_that_is_canceled_while_it_waits_never_reaches_the_line() -> None:
    bench, cseq = until_an_offer_waits()
    bench.ask(press(cseq + 1))
    branch = f"z9hG4bK-call-1-{cseq}-INVITE"
    bench.ask(Ask("CANCEL", cseq=cseq, to_tag="line-tag", branch=branch))
    bench.ask(Ask("ACK", cseq=cseq, to_tag="line-tag", branch=branch))
    sent = [entry.message for entry in bench.taken()]
    answers = [message.status for message in sent if isinstance(message, Response)]
    assert (answers, [message.method for message in sent if isinstance(message, Request)]) == ([200, 487], ["INFO"])
    bench.advance(0.4)
    assert {request.method for request in bench.to_line()} <= {"INFO"}


def test_a_bye_does_not_wait_behind_an_offer() -> None:
    bench, cseq = until_an_offer_waits()
    bench.ask(press(cseq + 1))
    bench.ask(Ask("BYE", cseq=cseq + 2, to_tag="line-tag"))
    (bye,) = bench.to_line()
    assert bye.method == "BYE"
    bench.line_says(bye, 200)
    bench.taken()
    bench.advance(0.3)
    assert [response.status for response in bench.to_caller()] == [481, 481]


def test_a_caller_that_mixes_a_conference_says_so_in_its_contact() -> None:
    bench = Bench()
    bench.answered(Ask(body=SDP))
    assert not bench.offers[0].description.mixed
    focus = (("Contact", "<sip:conference@192.0.2.10:5062>;isfocus"),)
    bench.ask(Ask(cseq=2, to_tag="line-tag", body=SDP, headers=focus))
    assert [description.mixed for description in bench.described] == [True]
