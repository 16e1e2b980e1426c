"""Bridged calls on the bench: what reaches whom, who may not, and that a line is never needed."""

from dataclasses import replace
from uuid import UUID

import pytest

from telephony.bridge.bridging import Bridging
from telephony.front.hops import Hop, Transport
from telephony.front.proxy import Proxy
from telephony.relay.ports import RelayPorts
from telephony.relay.wire import Aim, Copy
from telephony.routes import Routes, RouteSettings
from telephony.settings import RegisterSettings, TrunkSettings
from telephony.sip.address import parse_name_addr
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.trunks import contact_user
from tests.telephony.proxy_bench import CALLER, SDP, Ask, Bench, Sent, line

CALLEE = Hop(Transport.UDP, "203.0.113.7", 5080)
"""No trunk allows it."""
ANSWER = SDP.replace("192.0.2.10", "203.0.113.7").replace("40000", "50000").replace("sendonly", "sendrecv")
OFFER = SDP.replace("sendonly", "sendrecv")
ROUTE = RouteSettings("2[0-9]{3}", f"sip:{{user}}@{CALLEE.host}:{CALLEE.port}", ("pbx",), ring_s=40)


class FakeRelay:
    """Keeps what it is told."""

    local_address = "127.0.0.1"

    def __init__(self) -> None:
        self.aims: list[Aim] = []
        self.copies: list[Copy] = []
        self.closed: list[UUID] = []
        self.full = False

    def open(self, bridge: UUID) -> RelayPorts | None:
        return None if self.full else RelayPorts(30000, 30004)

    def aim(self, aim: Aim) -> None:
        self.aims.append(aim)

    def copy(self, copy: Copy) -> None:
        self.copies.append(copy)

    def close(self, bridge: UUID) -> None:
        self.closed.append(bridge)


class Switched(Bench):
    """A bench with a route."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.relay = FakeRelay()
        self.take_route(ROUTE)

    def take_route(self, route: RouteSettings) -> None:
        """Send calls on by this one."""
        self.exchange.bridging = Bridging(Routes((route,)), self.relay)
        self.proxy = Proxy(self.exchange)

    def call(self, body: str = OFFER) -> Request:
        """Call 2001; the INVITE that the callee gets."""
        self.ask(Ask(body=body, uri="sip:2001@anything.example.com"))
        return self.to_callee("INVITE")

    def to_callee(self, method: str) -> Request:
        (found,) = [m for m in self.requests(CALLEE.host) if m.method == method]
        return found

    def requests(self, host: str) -> list[Request]:
        return [s.message for s in self.taken() if s.hop.host == host and isinstance(s.message, Request)]

    def callee_says(
        self,
        request: Request,
        status: int,
        sdp: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        source: Hop = CALLEE,
    ) -> None:
        to = request.headers.first("to")
        to = to if "tag=" in to or status == 100 else f"{to};tag=callee-tag"
        fields = (*request.headers.only(("via", "from", "call-id", "cseq")), ("to", to), *headers)
        more = (("contact", f"<sip:desk@{CALLEE.host}:5090>"), *((("content-type", "application/sdp"),) if sdp else ()))
        self.receive(Response(status, "Said", Headers((*fields, *more)), sdp.encode()).to_bytes(), source)

    def answered(self, ask: Ask | None = None, source: Hop = CALLER) -> Request:
        """Bring a call to the point where both parties talk; gives the INVITE that the callee got."""
        invite = self.call()
        self.callee_says(invite, 200, ANSWER)
        return invite


def statuses(sent: list[Sent]) -> list[int]:
    return [s.message.status for s in sent if s.hop == CALLER and isinstance(s.message, Response)]


def test_the_callee_sees_nothing_of_the_caller_but_the_number() -> None:
    bench = Switched()
    invite = bench.call()
    assert invite.uri == "sip:2001@203.0.113.7:5080"
    assert invite.headers.first("from").startswith("<sip:ann@198.51.100.1>;tag=")
    assert invite.headers.first("contact") == "<sip:callscribe@198.51.100.1:5060>"
    assert invite.headers.first("max-forwards") == "69"
    text = invite.to_bytes().decode()
    assert not any(word in text for word in ("call-1", "caller-tag", "192.0.2.10", "anything.example.com"))
    assert "m=audio 30004 RTP/AVP 0 8\r\n" in text


def test_each_party_is_aimed_at_and_a_line_hears_both() -> None:
    bench = Switched()
    invite = bench.call()
    assert [(aim.side, aim.host, aim.port) for aim in bench.relay.aims] == [(0, "192.0.2.10", 40000)]
    bench.callee_says(invite, 200, ANSWER)
    assert [(aim.side, aim.host, aim.port) for aim in bench.relay.aims[1:]] == [(1, "203.0.113.7", 50000)]
    (asked,) = bench.to_line()
    assert asked.headers.first("x-callscribe-dialect") == "siprec"
    assert asked.headers.first("x-callscribe-call") == str(bench.offers[0].id)
    assert b"m=audio 30000 RTP/AVP 0\r\n" in asked.body
    assert b"m=audio 30004 RTP/AVP 0\r\n" in asked.body
    assert (bench.offers[0].bridged, bench.offers[0].caller.address) == (True, "sip:ann@example.com")
    bench.line_says(asked, 200, SDP + "m=audio 40002 RTP/AVP 0\r\n")
    assert [(copy.caller_port, copy.callee_port) for copy in bench.relay.copies] == [(40000, 40002)]


def test_no_line_is_needed() -> None:
    bench = Switched(lines=[])
    bench.answered()
    assert bench.exchange.tally.counts["bridges_unheard"] == 1
    assert statuses(bench.taken()) == [200]
    assert bench.exchange.tally.counts["bridges_answered"] == 1


def test_a_line_that_refuses_or_dies_is_replaced_and_the_parties_hear_nothing_of_it() -> None:
    bench = Switched()
    bench.answered()
    first = bench.to_line()[0]
    bench.line_says(first, 486)
    second = next(request for request in bench.to_line() if request.method == "INVITE")
    assert [offer.line for offer in bench.offers] == [0, 1]
    assert bench.abandoned == [bench.offers[0].id]
    bench.line_says(second, 200, SDP + "m=audio 40002 RTP/AVP 0\r\n")
    bench.taken()
    bench.proxy.line_lost(1)
    assert [s for s in bench.taken() if s.hop.transport is not Transport.LINE] == []
    assert bench.relay.copies[-1].host == ""


def test_lines_are_tried_anew_and_a_dead_ones_successor_is_as_good_as_any() -> None:
    bench = Switched(lines=[line(0)])
    bench.answered()
    for _ in range(2):
        (asked,) = (request for request in bench.to_line() if request.method == "INVITE")
        bench.line_says(asked, 200, SDP + "m=audio 40002 RTP/AVP 0\r\n")
        bench.lines = []
        bench.proxy.line_lost(0)
        bench.advance(4)
        bench.lines = [line(0)]
        bench.taken()
        bench.advance(1.2)
    assert [request.method for request in bench.to_line()] == ["INVITE"]
    assert bench.exchange.tally.counts["bridges_unheard"] == 2


def test_a_call_that_lines_die_of_is_given_to_no_more_of_them() -> None:
    bench = Switched(lines=[line(0)])
    bench.answered()
    for _ in range(8):
        bench.proxy.line_lost(0)
    bench.advance(60)
    assert len(bench.offers) == 4


@pytest.mark.parametrize(("said", "left"), [(200, 1), (481, 0), (408, 0), (0, 0)])
def test_parties_that_nobody_hears_are_asked_whether_they_are_there(said: int, left: int) -> None:
    bench = Switched(lines=[])
    bench.answered()
    bench.taken()
    bench.advance(300.2)
    asked = [s for s in bench.taken() if isinstance(s.message, Request) and s.message.method == "OPTIONS"]
    assert {s.hop.host for s in asked} == {CALLER.host, CALLEE.host}
    (ping,) = (s.message for s in asked if s.hop.host == CALLEE.host and isinstance(s.message, Request))
    if said:
        bench.callee_says(ping, said)
    else:
        bench.advance(33)
    assert len(bench.proxy.bridges) == left


def test_a_party_that_answers_no_question_is_left_to_the_line_that_hears_it_by_then() -> None:
    bench = Switched(lines=[])
    bench.answered()
    bench.advance(300.2)
    bench.lines = [line(0)]
    bench.taken()
    bench.advance(5)
    bench.line_says(bench.to_line()[0], 200, SDP + "m=audio 40002 RTP/AVP 0\r\n")
    bench.advance(60)
    assert len(bench.proxy.bridges) == 1


@pytest.mark.parametrize("party", ["caller", "callee", "line"])
def test_whoever_hangs_up_ends_it_for_all(party: str) -> None:
    bench = Switched()
    invite = bench.answered()
    sent = bench.taken()
    tag = next(s.message.headers.first("to") for s in sent if s.hop == CALLER and isinstance(s.message, Response))
    asked = next(s.message for s in sent if s.hop.transport is Transport.LINE and isinstance(s.message, Request))
    bench.line_says(asked, 200, SDP + "m=audio 40002 RTP/AVP 0\r\n")
    bench.taken()
    if party == "caller":
        bench.ask(Ask("BYE", cseq=2, to_tag=tag.partition("tag=")[2]))
    elif party == "callee":
        bench.receive(within(invite, "BYE", 1).to_bytes(), CALLEE)
    else:
        bench.receive(within(asked, "BYE", 1, "line-tag").to_bytes(), Hop(Transport.LINE, "127.0.0.1", 7000))
    ended = {s.hop.host for s in bench.taken() if isinstance(s.message, Request) and s.message.method == "BYE"}
    everybody = {"caller": "192.0.2.10", "callee": "203.0.113.7", "line": "127.0.0.1"}
    assert ended == {host for name, host in everybody.items() if name != party}
    assert len(bench.relay.closed) == 1
    assert len(bench.proxy.bridges) == 0


def within(invite: Request, method: str, cseq: int, tag: str = "callee-tag") -> Request:
    """A request of whoever got `invite`."""
    fields = (
        ("via", f"SIP/2.0/UDP 203.0.113.7:5080;branch=z9hG4bK-{method}-{cseq}-{tag}"),
        ("from", f"{invite.headers.first('to')};tag={tag}"),
        ("to", invite.headers.first("from")),
        ("call-id", invite.headers.first("call-id")),
        ("cseq", f"{cseq} {method}"),
    )
    return Request(method, "sip:callscribe@198.51.100.1", Headers(fields))


def test_a_stranger_who_does_not_know_the_tags_is_refused() -> None:
    bench = Switched()
    invite = bench.answered()
    bench.taken()
    untagged, other = within(invite, "BYE", 2), within(invite, "BYE", 3)
    forged = (
        within(invite, "BYE", 1, "other"),
        untagged.with_headers(untagged.headers.set("to", invite.headers.first("from").partition(";tag=")[0])),
        other.with_headers(other.headers.set("to", f"{invite.headers.first('from')}x")),
    )
    for request in forged:
        bench.receive(request.to_bytes(), CALLEE)
        assert [s.message.status for s in bench.taken() if isinstance(s.message, Response)] == [403]
    assert len(bench.proxy.bridges) == 1
    # Whoever knows them is heard.
    bench.receive(within(invite, "BYE", 4).to_bytes(), CALLEE)
    assert len(bench.proxy.bridges) == 0


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_a_hang_up_that_the_target_challenges_is_proved_once(status: int, header: str) -> None:
    bench = Switched()
    bench.take_route(replace(ROUTE, username="scribe", password="s3cret"))
    bench.answered()
    bench.taken()
    bench.proxy.bridges.end_all()
    first = bench.to_callee("BYE")
    name = "www-authenticate" if status == 401 else "proxy-authenticate"
    bench.callee_says(first, status, headers=((name, 'Digest realm="desk", nonce="n1"'),))
    second = bench.to_callee("BYE")
    assert second.cseq == first.cseq + 1
    assert 'username="scribe"' in second.headers.first(header.lower())
    bench.callee_says(second, status, headers=((name, 'Digest realm="desk", nonce="n2"'),))
    assert bench.requests(CALLEE.host) == []


def test_a_target_that_redirects_is_not_followed() -> None:
    bench = Switched()
    bench.callee_says(bench.call(), 302)
    sent = bench.taken()
    assert statuses(sent) == [480]
    assert [s.message.method for s in sent if isinstance(s.message, Request)] == ["ACK"]


def test_a_target_may_ring_as_long_as_is_set_and_no_longer() -> None:
    bench = Switched()
    bench.callee_says(bench.call(), 180)
    bench.taken()
    bench.advance(39)
    assert statuses(bench.taken()) == []
    bench.advance(2)
    sent = bench.taken()
    assert statuses(sent)[0] == 480
    assert "CANCEL" in [s.message.method for s in sent if isinstance(s.message, Request)]


def test_a_cancel_waits_until_the_target_has_said_something() -> None:
    bench = Switched()
    invite = bench.call()
    bench.ask(Ask("CANCEL", branch="z9hG4bK-call-1-1-INVITE"))
    assert bench.requests(CALLEE.host) == []
    bench.callee_says(invite, 100)
    assert [request.method for request in bench.requests(CALLEE.host)] == ["CANCEL"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"uri": "sip:900123@x"}, 404),
        ({"headers": (("Max-Forwards", "1"),)}, 483),
        ({"headers": (("Require", "100rel"),)}, 420),
        ({"body": OFFER.replace("RTP/AVP", "RTP/SAVP")}, 488),
    ],
)
def test_what_cannot_be_sent_on_is_refused(change: dict[str, object], status: int) -> None:
    bench = Switched()
    usual: dict[str, object] = {"body": OFFER, "uri": "sip:2001@x"}
    bench.ask(Ask(**{**usual, **change}))  # type: ignore[arg-type]  # fields by name
    assert statuses(bench.taken()) == [status]


ACCOUNT = RegisterSettings("provider.example.com", "2999", password="s3cret")
CONTACT = f"sip:{contact_user(ACCOUNT)}@198.51.100.1:5060"


def extension(route: RouteSettings = ROUTE) -> Switched:
    """A bench whose trunk with the route registers, beside one without routes."""
    bench = Switched(trunks=(TrunkSettings("pbx", (), register=ACCOUNT), TrunkSettings("office", ("192.0.2.0/24",))))
    bench.take_route(route)
    return bench


@pytest.mark.parametrize(
    ("to", "number"),
    [
        ("<sip:2001@provider.example.com>", "2001"),
        ('"Desk" <sip:%32001;phone-context=x@any.example.com;user=phone>', "2001"),
        ("<tel:2001>", "2001"),
        ("<sip:provider.example.com>", "2999"),
        (f"<{CONTACT}>", "2999"),
    ],
)
def test_a_call_to_a_registered_contact_is_for_whom_to_names_or_for_the_extension(to: str, number: str) -> None:
    bench = extension(replace(ROUTE, user_from_to=True))
    bench.ask(Ask(body=OFFER, uri=CONTACT, headers=(("To", to),)))
    assert bench.to_callee("INVITE").uri == f"sip:{number}@203.0.113.7:5080"
    assert bench.offers == []


def test_what_to_names_is_dialled_only_where_the_route_says_so() -> None:
    bench = extension()
    bench.ask(Ask(body=OFFER, uri=CONTACT, headers=(("To", "<sip:2001@provider.example.com>"),)))
    assert bench.to_callee("INVITE").uri == "sip:2999@203.0.113.7:5080"


def test_to_chooses_among_targets_that_stand_in_the_settings() -> None:
    bench = extension(RouteSettings("2001", f"sip:desk@{CALLEE.host}:{CALLEE.port}", ("pbx",)))
    bench.ask(Ask(body=OFFER, uri=CONTACT, headers=(("To", "<sip:2001@provider.example.com>"),)))
    assert bench.to_callee("INVITE").uri == "sip:desk@203.0.113.7:5080"


@pytest.mark.parametrize(
    "to", ["900123", "20011", "2001@evil.example.com", "2001%40evil.example.com", "2001%3Bx", "2%2A01", "2" * 70]
)
def test_to_leads_a_call_nowhere_that_no_route_of_its_trunk_leads(to: str) -> None:
    bench = extension()
    bench.ask(Ask(body=OFFER, uri=CONTACT, headers=(("To", f"<sip:{to}@provider.example.com>"),)))
    sent = bench.taken()
    assert statuses(sent) == [404]
    assert [s.hop.host for s in sent if isinstance(s.message, Request)] == []


def test_to_says_nothing_where_a_number_is_called() -> None:
    bench = Switched()
    bench.ask(Ask(body=OFFER, uri="sip:900123@x", headers=(("To", "<sip:2001@x>"),)))
    assert statuses(bench.taken()) == [404]


def test_another_attempt_with_the_same_call_id_is_sent_on_and_a_copy_is_not() -> None:
    bench = Switched()
    bench.callee_says(bench.call(), 422, headers=(("min-se", "1800"),))
    bench.taken()
    bench.ask(Ask(body=OFFER, uri="sip:2001@x", cseq=2))
    assert bench.to_callee("INVITE").headers.first("call-id")
    for cseq in (1, 2, 3):
        bench.ask(Ask(body=OFFER, uri="sip:2001@x", cseq=cseq, branch=f"z9hG4bK-merged-{cseq}"))
        assert statuses(bench.taken()) == [482]


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
def test_what_follows_an_answer_goes_over_the_connection_that_it_came_by(transport: Transport) -> None:
    bench = Switched()
    bench.take_route(replace(ROUTE, target=f"{ROUTE.target};transport={transport}"))
    invite = bench.call()
    # Its Contact is where nobody reaches it from here.
    bench.callee_says(invite, 200, ANSWER, source=replace(CALLEE, transport=transport, connection=7))
    answer = next(s.message for s in bench.taken() if s.hop == CALLER and isinstance(s.message, Response))
    bench.ask(Ask("ACK", to_tag=parse_name_addr(answer.headers.first("to")).param("tag") or ""))
    bench.proxy.bridges.end_all()
    sent = [(s.message.method, s.hop.connection) for s in bench.taken() if s.hop.host == CALLEE.host]
    assert sent == [("ACK", 7), ("BYE", 7)]


def test_an_answer_that_comes_too_late_is_ended_over_its_connection() -> None:
    bench = Switched()
    bench.take_route(replace(ROUTE, target=f"{ROUTE.target};transport=tcp"))
    invite = bench.call()
    source = replace(CALLEE, transport=Transport.TCP, connection=7)
    bench.callee_says(invite, 180, source=source)
    bench.ask(Ask("CANCEL", branch="z9hG4bK-call-1-1-INVITE"))
    bench.callee_says(invite, 200, ANSWER, source=source)
    sent = [(s.message.method, s.hop.connection) for s in bench.taken() if s.hop.host == CALLEE.host]
    assert sent == [("CANCEL", 7), ("ACK", 7), ("BYE", 7)]


def test_without_a_port_for_its_media_a_call_is_refused() -> None:
    bench = Switched()
    bench.relay.full = True
    bench.ask(Ask(body=OFFER, uri="sip:2001@x"))
    assert statuses(bench.taken()) == [503]
