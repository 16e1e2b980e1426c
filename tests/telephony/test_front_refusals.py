"""What the proxy answers itself: requests it does not take, and noise that must harm nobody."""

import random
from collections import Counter

import pytest

from telephony.front import transactions
from telephony.front.hops import Hop, Transport
from telephony.lines import LineStatus
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from tests.telephony.proxy_bench import MULTIPART_TYPE, SDP, Ask, Bench, line, line_hop, line_request, multipart

STRANGER = Hop(Transport.UDP, "203.0.113.9", 5060)


def refusal_of(ask: Ask, source: Hop | None = None) -> Response:
    """The one answer to a request that reaches no line."""
    bench = Bench()
    if source:
        bench.ask(ask, source)
    else:
        bench.ask(ask)
    (sent,) = bench.taken()
    assert isinstance(sent.message, Response)
    assert bench.offers == []
    return sent.message


def test_a_stranger_gets_403_for_everything() -> None:
    for method in ("INVITE", "OPTIONS", "BYE"):
        answer = refusal_of(Ask(method), STRANGER)
        assert (answer.status, answer.reason) == (403, "No trunk allows this address")


def test_options_tells_what_is_taken() -> None:
    answer = refusal_of(Ask("OPTIONS"))
    assert answer.status == 200
    assert answer.headers.all("allow") == ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "PRACK")
    assert "application/rs-metadata+xml" in answer.headers.first("accept")
    assert "siprec" in answer.headers.all("supported")


def test_options_within_a_call_keep_it_alive_and_reach_no_line() -> None:
    bench = Bench()
    bench.answered()
    bench.exchange.draining = True
    bench.ask(Ask("OPTIONS", cseq=2, to_tag="line-tag"))
    (sent,) = bench.taken()
    assert isinstance(sent.message, Response)
    assert (sent.message.status, "INVITE" in sent.message.headers.all("allow")) == (200, True)


@pytest.mark.parametrize("lines", [[], [line(0, ready=False)]])
def test_options_get_503_while_no_line_stands(lines: list[LineStatus]) -> None:
    bench = Bench(lines=lines)
    bench.ask(Ask("OPTIONS"))
    assert [response.status for response in bench.to_caller()] == [503]


def test_options_get_200_while_all_lines_are_busy() -> None:
    bench = Bench(lines=[line(0, calls=4)])
    bench.ask(Ask("OPTIONS"))
    assert [response.status for response in bench.to_caller()] == [200]


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "MESSAGE", "REFER", "PUBLISH", "NOTIFY", "FOO"])
def test_methods_of_other_services_get_405_with_allow(method: str) -> None:
    answer = refusal_of(Ask(method))
    assert (answer.status, "INVITE" in answer.headers.all("allow")) == (405, True)


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INFO", "PRACK", "INVITE"])
def test_a_dialog_that_is_not_known_gets_481(method: str) -> None:
    assert refusal_of(Ask(method, to_tag="unknown")).status == 481


def test_a_cancel_of_nothing_gets_481() -> None:
    assert refusal_of(Ask("CANCEL")).status == 481


def test_a_wrong_to_tag_gets_481_and_reaches_no_line() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask("BYE", cseq=2, to_tag="guessed"))
    assert [response.status for response in bench.to_caller()] == [481]


def test_a_refer_within_a_call_gets_405() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask("REFER", cseq=2, to_tag="line-tag", headers=(("Refer-To", "<sip:x@y>"),)))
    assert [response.status for response in bench.to_caller()] == [405]


@pytest.mark.parametrize(
    ("ask", "status", "reason"),
    [
        (Ask(headers=(("Max-Forwards", "0"),)), 483, "Too Many Hops"),
        (Ask(headers=(("Max-Forwards", "9" * 5000),)), 400, "Bad Max-Forwards header"),
        (Ask(headers=(("Call-ID", None),)), 400, "Missing Call-ID header"),
        (Ask(headers=(("CSeq", "1 BYE"),)), 400, "CSeq method differs from the request's"),
        (Ask(headers=(("CSeq", "36893488147419103232 INVITE"),)), 400, "Bad CSeq header"),
        (Ask(headers=(("Content-Length", "-999"),), body=SDP), 400, "Bad Content-Length header"),
        (Ask(headers=(("Content-Length", "9999"),), body=SDP), 400, "Body shorter than Content-Length"),
        (Ask(headers=(("Via", "nonsense"),)), 400, "Bad Via header"),
        (Ask(uri="<sip:user@example.com>"), 400, "Bad Request-URI"),
        (Ask(uri="nobodyKnowsThisScheme:totallyopaque"), 416, "Unsupported URI Scheme"),
        (Ask(headers=(("Proxy-Require", "nothingSupportsThis"),)), 420, "Bad Extension"),
        (Ask(body="hello", content_type="text/plain"), 415, "Unsupported Media Type"),
        (Ask(body="\x1f\x8b", headers=(("Content-Encoding", "gzip"),)), 415, "Unsupported Media Type"),
        (Ask(body="--part--\r\n", content_type=MULTIPART_TYPE), 400, "Multipart body without parts"),
        (Ask(body=SDP + "a=crypto:" + "y" * 4000 + "\r\n"), 513, "Message Too Large"),
    ],
)
def test_a_request_that_cannot_be_taken_is_told_why(ask: Ask, status: int, reason: str) -> None:
    bench = Bench()
    bench.ask(ask)
    assert bench.offers == []
    assert [(answer.status, answer.reason) for answer in bench.to_caller()] == [(status, reason)]


@pytest.mark.parametrize(
    ("sdp", "text"),
    [
        (SDP.replace("m=audio", "m=video"), "The offer has no audio m-line: offer at least one m=audio with a port"),
        (SDP.replace("40000", "0"), "The offer has no audio m-line: offer at least one m=audio with a port"),
        (SDP.replace(" 0 8", " 18 101"), "No m=audio of the offer has a usable codec: offer PCMU or PCMA"),
        (SDP + "m=audio 5 RTP/AVP 0\r\n" * 16, "The offer has 17 m-lines: offer at most 16"),
    ],
)
def test_an_offer_that_cannot_be_recorded_gets_488_naming_the_cure(sdp: str, text: str) -> None:
    answer = refusal_of(Ask(body=sdp))
    assert answer.status == 488
    assert answer.headers.first("warning").partition(" ")[2] == f'198.51.100.1 "{text}"'


def test_an_offer_within_a_call_that_cannot_be_recorded_gets_488_and_reaches_no_line() -> None:
    bench = Bench()
    bench.answered()
    bench.ask(Ask(cseq=2, to_tag="line-tag", body=SDP + "m=audio 5 RTP/AVP 0\r\n" * 16))
    (answer,) = bench.to_caller()
    assert (answer.status, "at most 16" in answer.headers.first("warning")) == (488, True)


def test_offers_within_calls_are_paced_by_the_sockets_they_take_of_a_line() -> None:
    bench = Bench(lines=[line(0)])
    bench.answered()
    four = SDP + "m=audio 5 RTP/AVP 0\r\n" * 3
    for number in range(4):
        bench.ask(Ask(cseq=2 + number, to_tag="line-tag", body=four))
    assert [response.status for response in bench.to_caller()] == [491]
    bench.ask(Ask("BYE", cseq=6, to_tag="line-tag"))
    assert [request.method for request in bench.to_line()] == ["BYE"]
    bench.advance(1.0)
    bench.taken()
    bench.ask(Ask(call="call-2", body=four))
    assert [request.method for request in bench.to_line()] == ["INVITE"]


def test_an_offer_within_a_call_waits_for_room_on_its_line() -> None:
    bench = Bench(lines=[line(0)])
    bench.answered()
    four = SDP + "m=audio 5 RTP/AVP 0\r\n" * 3
    for number in range(3):
        bench.ask(Ask(cseq=2 + number, to_tag="line-tag", body=four))
    assert [request.headers.first("cseq") for request in bench.to_line()] == ["2 INVITE", "3 INVITE"]
    bench.advance(1.1)
    assert "4 INVITE" in [request.headers.first("cseq") for request in bench.to_line()]


def test_an_offer_that_waits_in_vain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(lines=[line(0)])
    bench.answered()
    monkeypatch.setattr(bench.exchange.desk, "may_offer", lambda line, streams: False)
    for number in range(2):
        bench.ask(Ask("UPDATE", cseq=2 + number, to_tag="line-tag", body=SDP))
        bench.advance(1.4)
        assert bench.taken() == []
        bench.advance(0.2)
        assert [response.status for response in bench.to_caller()] == [491]


def test_an_offer_that_waits_ends_with_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(lines=[line(0)])
    bench.answered()
    with monkeypatch.context() as crowded:
        crowded.setattr(bench.exchange.desk, "may_offer", lambda line, streams: False)
        bench.ask(Ask("UPDATE", cseq=2, to_tag="line-tag", body=SDP))
    bench.ask(Ask("BYE", cseq=3, to_tag="line-tag"))
    bench.line_says(bench.to_line()[0], 200)
    assert [response.status for response in bench.to_caller()] == [200]
    bench.advance(0.3)
    assert [response.status for response in bench.to_caller()] == [481]


def test_a_codec_with_a_dynamic_number_is_usable() -> None:
    bench = Bench()
    bench.ask(Ask(body=SDP.replace(" 0 8", " 97") + "a=rtpmap:97 PCMA/8000\r\n"))
    assert len(bench.offers) == 1


def test_another_sip_version_gets_505() -> None:
    bench = Bench()
    bench.receive(Ask().data().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1))
    assert [response.status for response in bench.to_caller()] == [505]


def test_a_body_too_large_to_be_read_gets_413() -> None:
    bench = Bench()
    bench.proxy.refuse_oversized(Request("INVITE", "sip:x@y", _headers()), Hop(Transport.TCP, "192.0.2.10", 4000, 1))
    assert [response.status for response in bench.to_caller()] == [413]


def test_a_refusal_has_the_same_to_tag_for_every_copy() -> None:
    bench = Bench(lines=[])
    for _ in range(3):
        bench.ask(Ask(body=SDP))
    tags = {response.headers.first("to") for response in bench.to_caller()}
    assert len(tags) == 1
    assert ";tag=" in tags.pop()


def test_a_flood_takes_no_room_from_calls_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "MAX_TRANSACTIONS", 200)
    bench = Bench(lines=[line(0, capacity=1)])
    bench.answered()
    for number in range(200):
        bench.ask(Ask(call=f"c{number}", body=SDP))
    for number in range(200):
        bench.ask(Ask("OPTIONS", call=f"o{number}"))
        bench.ask(Ask("BYE", call=f"b{number}", to_tag="x"))
        bench.ask(Ask(call=f"s{number}", body=SDP), STRANGER)
    assert len(bench.exchange.servers) == 100
    counted = Counter(response.status for response in bench.to_caller())
    assert counted == {200: 200, 403: 4, 481: 200, 503: 200}
    bench.ask(Ask("BYE", cseq=2, to_tag="line-tag"))
    assert [request.method for request in bench.to_line()] == ["BYE"]


def test_when_the_table_is_full_a_request_gets_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "MAX_TRANSACTIONS", 200)
    bench = Bench()
    bench.answered()
    for number in range(200 + 3):
        bench.ask(Ask("INFO", cseq=number + 2, to_tag="line-tag", body="x", content_type="a/b"))
    assert len(bench.exchange.servers) == 200
    assert [response.status for response in bench.to_caller()] == [503] * 4


def test_responses_and_acks_that_belong_to_nothing_are_counted() -> None:
    bench = Bench()
    bench.receive(Response(200, "OK", _headers()).to_bytes())
    bench.ask(Ask("ACK", to_tag="x"))
    assert bench.taken() == []
    assert bench.exchange.tally.counts["responses_stray"] == 1
    assert bench.exchange.tally.counts["acks_stray"] == 1


def test_a_line_that_speaks_of_no_call_gets_481() -> None:
    bench = Bench()
    invite = bench.answered()
    stray = line_request(invite, "BYE", 3).replace(invite.headers.first("call-id").encode(), b"who-knows")
    bench.receive(stray, line_hop(invite))
    (sent,) = bench.taken()
    assert isinstance(sent.message, Response)
    assert sent.message.status == 481


@pytest.mark.parametrize("seed", range(4))
def test_random_noise_raises_nothing_and_leaves_nothing_behind(seed: int) -> None:
    chance = random.Random(seed)
    bench = Bench(lines=[line(index) for index in range(3)])
    seeds = [
        Ask(body=SDP).data(),
        Ask(body=multipart(), content_type=MULTIPART_TYPE, headers=(("Require", "siprec"),)).data(),
        Ask("BYE", cseq=2, to_tag="line-tag").data(),
        Ask("CANCEL").data(),
        Ask("ACK", to_tag="line-tag", body=SDP).data(),
        Ask("UPDATE", cseq=3, to_tag="line-tag", body="<r/>", content_type="application/rs-metadata").data(),
    ]
    for number in range(800):
        bench.receive(_mutated(chance, chance.choice(seeds)))
        for request in bench.to_line():
            assert len(request.to_bytes()) <= 4000
            if request.method in ("INVITE", "BYE") and chance.random() < 0.5:
                bench.line_says(request, chance.choice((100, 180, 200, 486, 488)), SDP)
        if number % 10 == 0:
            bench.advance(chance.random())
    bench.proxy.line_lost(0)
    for call in list(bench.exchange.calls):
        bench.proxy.release(call.id)
    bench.advance(300)
    exchange = bench.exchange
    assert (len(exchange.calls), len(exchange.servers), len(exchange.clients), len(exchange.timers)) == (0, 0, 0, 0)


def _mutated(chance: random.Random, data: bytes) -> bytes:
    raw = bytearray(data)
    for _ in range(chance.choice((0, 1, 1, 2, 5, 20))):
        place = chance.randrange(len(raw))
        match chance.randrange(4):
            case 0:
                raw[place] = chance.randrange(256)
            case 1:
                del raw[place : place + chance.randint(1, 30)]
            case 2:
                raw[place:place] = raw[place : place + chance.randint(1, 60)]
            case _:
                raw[place:place] = chance.choice((b'"', b"<", b";", b"\r\n", b":", b",", b"\0", b"\xff"))
        if not raw:
            return b""
    return bytes(raw)


def _headers() -> Headers:
    return Headers(
        (
            ("via", "SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bKstray"),
            ("from", "<sip:a@b>;tag=1"),
            ("to", "<sip:c@d>"),
            ("call-id", "stray"),
            ("cseq", "1 INVITE"),
        )
    )
