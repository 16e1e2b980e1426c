"""Plain calls through the proxy: admission, lines, answers, repeats, cancellation, ends."""

from uuid import UUID

import pytest

from callscribe.domain.call import Dialect
from telephony.front.hops import Hop, Transport
from telephony.sip.message import Request, Response
from tests.telephony.proxy_bench import CALLER, SDP, Ask, Bench, line


def test_an_invite_reaches_a_line_as_a_message_of_our_own() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP, headers=(("X-Callscribe-Call", "forged"), ("X-Pad", "p" * 5000))))
    trying, forwarded = bench.taken()
    assert isinstance(trying.message, Response)
    assert trying.message.status == 100
    assert trying.hop == CALLER
    invite = forwarded.message
    assert isinstance(invite, Request)
    assert forwarded.hop == Hop(Transport.LINE, "127.0.0.1", 7000)
    assert invite.headers.first("x-callscribe-call") == str(bench.offers[0].id)
    assert invite.headers.first("x-callscribe-dialect") == "plain"
    assert invite.headers.first("contact") == "<sip:caller@127.0.0.1:6000>"
    assert invite.headers.first("cseq") == "1 INVITE"
    assert invite.headers.all("via")[0].startswith("SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK")
    assert len(invite.headers.all("via")) == 1
    assert invite.body == SDP.encode()
    assert "x-pad" not in invite.headers


def test_the_offer_tells_who_calls_and_how() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP, headers=(("Cisco-Guid", "1-2-3-4"),)))
    offer = bench.offers[0]
    assert (offer.trunk, offer.dialect, offer.line) == ("pbx", Dialect.PLAIN, 0)
    assert (offer.caller.address, offer.caller.name) == ("sip:ann@example.com", "Ann")
    assert offer.callee.address == "sip:scribe@example.com"
    assert offer.outside_ids.pairs() == (("sip-call-id", "call-1"), ("cisco-guid", "1-2-3-4"))
    assert offer.description.metadata is None


def test_the_answer_comes_back_in_the_callers_own_words() -> None:
    bench = Bench()
    routes = "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>"
    via = "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKtop;rport, SIP/2.0/TCP 192.0.2.10;branch=z9hG4bKlow"
    bench.ask(Ask(body=SDP, headers=(("Record-Route", routes), ("Via", via))))
    bench.line_says(bench.to_line()[0], 200, SDP)
    (answer,) = bench.to_caller()
    assert answer.status == 200
    assert answer.headers.all("via") == (
        "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKtop;received=192.0.2.10;rport=5062",
        "SIP/2.0/TCP 192.0.2.10;branch=z9hG4bKlow",
    )
    assert answer.headers.all("record-route") == ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    assert answer.headers.first("from") == '"Ann" <sip:ann@example.com>;tag=caller-tag'
    assert answer.headers.first("to") == "<sip:scribe@example.com>;tag=line-tag"
    assert answer.headers.first("call-id") == "call-1"
    assert answer.headers.first("contact") == "<sip:callscribe@198.51.100.1:5060>"
    assert answer.body == SDP.encode()


def test_a_response_goes_to_the_sent_by_port_where_rport_is_not_asked_for() -> None:
    bench = Bench()
    bench.ask(Ask("OPTIONS", headers=(("Via", "SIP/2.0/UDP host.example.com;branch=z9hG4bKx"),)))
    (sent,) = bench.taken()
    assert sent.hop == Hop(Transport.UDP, "192.0.2.10", 5060)
    assert sent.message.headers.first("via").endswith(";branch=z9hG4bKx;received=192.0.2.10")


def test_the_least_loaded_line_gets_the_call() -> None:
    bench = Bench(lines=[line(0, calls=2), line(1, calls=1), line(2, ready=False)])
    for number in range(3):
        bench.ask(Ask(call=f"c{number}", body=SDP))
        bench.line_says(bench.to_line()[0], 200, SDP)
    # Line 1 with its two calls here is as loaded as line 0, whose two calls the pool tells of.
    assert [offer.line for offer in bench.offers] == [1, 1, 0]


def test_beyond_capacity_a_caller_gets_503_with_retry_after() -> None:
    bench = Bench(lines=[line(0, capacity=1)])
    bench.answered()
    bench.ask(Ask(call="call-2", body=SDP))
    (refusal,) = bench.to_caller()
    assert (refusal.status, refusal.headers.first("retry-after")) == (503, "2")
    assert bench.exchange.tally.counts["invites_refused_busy"] == 1
    assert len(bench.offers) == 1


def test_a_line_gets_no_more_than_eight_invites_a_second() -> None:
    bench = Bench(lines=[line(0, capacity=40)])
    for number in range(12):
        bench.ask(Ask(call=f"c{number}", body=SDP))
    assert len(bench.offers) == 8
    assert [response.status for response in bench.to_caller()] == [503] * 4
    bench.advance(1.0)
    bench.ask(Ask(call="later", body=SDP))
    assert len(bench.offers) == 9


def test_a_flood_beyond_invites_per_second_is_refused() -> None:
    bench = Bench(lines=[line(index, capacity=40) for index in range(20)], rate=30.0)
    for number in range(100):
        bench.ask(Ask(call=f"c{number}", body=SDP))
    assert len(bench.offers) == 30
    assert bench.exchange.tally.counts["invites_refused_rate"] == 70


def test_while_draining_new_calls_get_503_and_old_ones_go_on() -> None:
    bench = Bench()
    bench.answered()
    bench.exchange.draining = True
    bench.ask(Ask(call="call-2", body=SDP))
    bench.ask(Ask("OPTIONS", call="ping"))
    assert [response.status for response in bench.to_caller()] == [503, 503]
    bench.ask(Ask("BYE", cseq=2, to_tag="line-tag"))
    assert [request.method for request in bench.to_line()] == ["BYE"]


@pytest.mark.parametrize("status", [486, 500, 503])
def test_a_line_that_refuses_is_passed_over_for_another(status: int) -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    first = bench.to_line()[0]
    bench.line_says(first, status)
    ack, second = bench.to_line()
    assert (ack.method, ack.headers.first("via")) == ("ACK", first.headers.first("via"))
    assert (second.method, second.uri) == ("INVITE", "sip:callscribe@127.0.0.1:7001")
    assert [offer.line for offer in bench.offers] == [0, 1]
    assert bench.offers[0].id != bench.offers[1].id
    assert bench.abandoned == [bench.offers[0].id]
    bench.line_says(second, 200, SDP)
    assert [response.status for response in bench.to_caller()] == [200]


def test_a_line_that_is_silent_for_400_ms_is_passed_over() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    first = bench.to_line()[0]
    bench.advance(0.39)
    assert bench.to_line() == []
    bench.advance(0.02)
    cancel, second = bench.to_line()
    assert (cancel.method, cancel.uri) == ("CANCEL", first.uri)
    assert second.uri.endswith(":7001")


def test_a_line_that_answers_too_late_is_told_to_end_its_dialog() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    first = bench.to_line()[0]
    bench.advance(0.45)
    second = bench.to_line()[1]
    bench.line_says(second, 200, SDP)
    bench.taken()
    bench.line_says(first, 200, SDP, tag="late-tag")
    ack, bye = bench.to_line()
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert bye.headers.first("to").endswith(";tag=late-tag")
    assert bye.headers.first("call-id") == str(bench.offers[0].id)
    assert bench.to_caller() == []


def test_the_only_line_is_waited_for_longer() -> None:
    bench = Bench(lines=[line(0)])
    bench.ask(Ask(body=SDP))
    bench.taken()
    bench.advance(0.45)
    (again,) = bench.to_line()
    bench.line_says(again, 200, SDP)
    assert [response.status for response in bench.to_caller()] == [200]
    assert len(bench.offers) == 1


def test_a_late_answer_after_the_last_line_was_given_up_is_ended_too() -> None:
    bench = Bench(lines=[line(0)])
    bench.ask(Ask(body=SDP))
    invite = bench.to_line()[0]
    bench.advance(4.5)
    assert [response.status for response in bench.to_caller()] == [503]
    bench.line_says(invite, 200, SDP)
    assert [request.method for request in bench.to_line()] == ["ACK", "BYE"]


def test_a_refusal_that_every_line_would_give_reaches_the_caller() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    bench.line_says(bench.to_line()[0], 420)
    assert [response.status for response in bench.to_caller()] == [420]
    assert bench.abandoned == [bench.offers[0].id]


def test_copies_of_an_invite_open_no_second_call() -> None:
    bench = Bench()
    ask = Ask(body=SDP)
    bench.ask(ask)
    invite = bench.to_line()[0]
    bench.ask(ask)
    assert [sent.message.status for sent in bench.taken() if isinstance(sent.message, Response)] == [100]
    bench.line_says(invite, 200, SDP)
    bench.taken()
    bench.ask(ask)
    bench.ask(Ask("ACK", to_tag="line-tag", branch="z9hG4bK-ack"))
    bench.ask(ask)
    assert [request.method for request in bench.to_line()] == ["ACK"]
    bench.advance(60)
    bench.taken()
    bench.ask(ask)
    assert bench.taken() == []
    assert len(bench.offers) == 1


def test_an_invite_without_to_tag_within_a_call_is_a_loop() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask(cseq=2, body=SDP))
    assert [response.status for response in bench.to_caller()] == [482]


def test_an_invite_that_comes_by_two_ways_is_refused_on_the_second() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    bench.line_says(bench.to_line()[0], 200, SDP)
    bench.taken()
    bench.ask(Ask(body=SDP, branch="z9hG4bK-other-way"))
    assert [response.status for response in bench.to_caller()] == [482]
    assert len(bench.offers) == 1


def test_a_response_over_tls_falls_back_on_its_own_port() -> None:
    bench = Bench()
    source = Hop(Transport.TLS, "192.0.2.10", 40123, 7)
    bench.ask(Ask("OPTIONS", headers=(("Via", "SIP/2.0/TLS 192.0.2.10;branch=z9hG4bKx"),)), source)
    assert bench.taken()[0].hop == Hop(Transport.TLS, "192.0.2.10", 5061, 7)


def test_a_lines_repeated_200_is_passed_on_each_time() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    invite = bench.to_line()[0]
    for _ in range(3):
        bench.line_says(invite, 200, SDP)
    assert [response.status for response in bench.to_caller()] == [200, 200, 200]


def test_a_cancelled_call_ends_with_487_everywhere() -> None:
    bench = Bench()
    ask = Ask(body=SDP)
    bench.ask(ask)
    invite = bench.to_line()[0]
    bench.line_says(invite, 100)
    bench.ask(Ask("CANCEL", branch="z9hG4bK-call-1-1-INVITE"))
    sent = bench.taken()
    assert [m.message.status for m in sent if isinstance(m.message, Response)] == [200]
    (cancel,) = [m.message for m in sent if isinstance(m.message, Request)]
    assert cancel.headers.first("via") == invite.headers.first("via")
    bench.line_says(cancel, 200)
    bench.line_says(invite, 487)
    assert [response.status for response in bench.to_caller()] == [487]
    assert bench.abandoned == [bench.offers[0].id]


def test_a_cancel_stops_the_search_for_a_line() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP))
    bench.taken()
    bench.ask(Ask("CANCEL", branch="z9hG4bK-call-1-1-INVITE"))
    bench.taken()
    bench.advance(0.45)
    assert [response.status for response in bench.to_caller()] == [487]


def test_a_refusal_over_udp_is_repeated_until_its_ack() -> None:
    bench = Bench(lines=[])
    bench.ask(Ask(body=SDP))
    assert len(bench.to_caller()) == 1
    bench.advance(1.6)
    assert [response.status for response in bench.to_caller()] == [503, 503]
    bench.ask(Ask("ACK", branch="z9hG4bK-call-1-1-INVITE"))
    bench.advance(30)
    assert bench.taken() == []


def test_a_line_that_dies_costs_the_caller_a_bye_and_a_waiting_call_another_line() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask(call="call-2", body=SDP))
    assert bench.to_line()[0].uri.endswith(":7001")
    bench.lines[0], bench.lines[1] = line(0, ready=False), line(1, ready=False)
    bench.proxy.line_lost(0)
    (bye,) = [sent.message for sent in bench.taken()]
    assert isinstance(bye, Request)
    assert (bye.method, bye.headers.first("call-id"), bye.headers.first("cseq")) == ("BYE", "call-1", "1 BYE")
    bench.lines[0] = line(0)
    bench.proxy.line_lost(1)
    assert [request.uri[-5:] for request in bench.to_line()] == [":7000"]
    assert [offer.line for offer in bench.offers] == [0, 1, 0]


def test_nothing_is_remembered_once_all_calls_are_over() -> None:
    bench = Bench(lines=[line(index) for index in range(8)])
    for number in range(10):
        bench.answered(Ask(call=f"c{number}", body=SDP))
        bench.ask(Ask("BYE", call=f"c{number}", cseq=2, to_tag="line-tag"))
        bench.line_says(bench.to_line()[0], 200)
    bench.ask(Ask(call="refused", body=SDP.replace("audio", "video")))
    bench.ask(Ask(call="silent", body=SDP))
    bench.advance(200)
    exchange = bench.exchange
    assert (len(exchange.calls), len(exchange.servers), len(exchange.clients), len(exchange.timers)) == (0, 0, 0, 0)


def test_the_calls_id_names_it_to_the_line() -> None:
    bench = Bench()
    invite = bench.answered()
    assert UUID(invite.headers.first("call-id")) == bench.offers[0].id
