"""An extension at its registrar: messages, time and connections go in by hand."""

from dataclasses import replace

import pytest

from telephony.front.hops import Addresses, Hop, Transport
from telephony.front.registration import LONGEST_WAIT_REFUSED_S, LONGEST_WAIT_S, Registration, RegistrationPlan
from telephony.front.timers import Timers
from telephony.front.transactions import LIFE_S, ClientTransactions
from telephony.registration import RegistrationState, RegistrationStatus, explain
from telephony.settings import RegisterSettings
from telephony.sip.digest import read_parameters
from telephony.sip.framing import parse_datagram
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

PBX = Hop(Transport.UDP, "192.0.2.5", 5060)
PBX_TCP = Hop(Transport.TCP, "192.0.2.5", 5060, 7)
ACCOUNT = RegisterSettings("pbx.example.com", "4711", password="s3cret", expires_s=300)
CHALLENGE = ("www-authenticate", 'Digest realm="pbx", nonce="n1", qop="auth", algorithm=SHA-256')
STALE = ("www-authenticate", 'Digest realm="pbx", nonce="n2", qop="auth", algorithm=SHA-256, stale=true')
OURS = "<sip:cs-1@198.51.100.1:5060>"


class Desk:
    """Plays registrar, network and clock."""

    def __init__(self, account: RegisterSettings = ACCOUNT, hop: Hop = PBX) -> None:
        self.now = 1000.0
        self.hop = hop
        self.reached = 0
        self.pings = 0
        self.left: list[Hop] = []
        self.told: list[RegistrationState] = []
        self.waits: list[float] = []
        self.requests: list[Request] = []
        self.timers = Timers(lambda: self.now)
        addresses = Addresses("198.51.100.1", 5060, 5061, 6000)
        clients = ClientTransactions(self.timers, self, addresses)
        self.clients = clients
        self.registration = Registration(
            RegistrationPlan("office", account, "cs-1"), clients, self.timers, addresses, self
        )

    def send(self, hop: Hop, data: bytes) -> None:
        message = parse_datagram(data)
        assert isinstance(message, Request)
        assert hop == self.hop
        self.requests.append(message)

    def reach(self, registration: Registration) -> None:
        self.reached += 1
        registration.reached(self.hop)

    def ping(self, hop: Hop) -> None:
        self.pings += 1

    def leave(self, hop: Hop) -> None:
        self.left.append(hop)

    def changed(self, registration: Registration) -> None:
        self.told.append(registration.status.state)

    def failed(self, registration: Registration, wait_s: float) -> None:
        self.told.append(registration.status.state)
        self.waits.append(wait_s)

    def started(self) -> "Desk":
        self.registration.start()
        return self

    def registered(self) -> "Desk":
        self.started().says(200, ("contact", f"{OURS};expires=300"))
        return self

    @property
    def asked(self) -> Request:
        """What was sent last."""
        return self.requests[-1]

    def says(self, status: int, *headers: tuple[str, str]) -> None:
        """The registrar answers what was sent last."""
        echoed = self.asked.headers.only(("via", "from", "to", "call-id", "cseq"))
        named = {name for name, _ in headers}
        fields = tuple(field for field in echoed if field[0] not in named)
        self.clients.receive(Response(status, "Reason", Headers((*fields, *headers))), PBX)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.timers.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.timers.ring_due()
        self.now = end

    def sent_within(self, seconds: float) -> int:
        """How many different requests are sent while so much time passes."""
        before = {request.cseq for request in self.requests}
        self.advance(seconds)
        return len({request.cseq for request in self.requests} - before)


def test_the_first_register_names_extension_contact_and_length() -> None:
    asked = Desk().started().asked
    assert (asked.method, asked.uri) == ("REGISTER", "sip:pbx.example.com")
    assert asked.headers.first("to") == "<sip:4711@pbx.example.com>"
    assert asked.headers.first("from").startswith("<sip:4711@pbx.example.com>;tag=")
    assert asked.headers.first("contact") == f"{OURS};expires=300"
    assert asked.headers.first("expires") == "300"
    assert asked.headers.first("supported") == "path"
    assert asked.headers.first("via").startswith("SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK")
    assert asked.headers.first("cseq") == "1 REGISTER"
    assert "authorization" not in asked.headers


def test_a_domain_of_its_own_and_a_port_stand_where_they_belong() -> None:
    asked = Desk(replace(ACCOUNT, registrar="10.0.0.5:5070")).started().asked
    assert (asked.uri, asked.headers.first("to")) == ("sip:10.0.0.5:5070", "<sip:4711@10.0.0.5>")
    asked = Desk(replace(ACCOUNT, registrar="10.0.0.5:5070", domain="tenant.example.com")).started().asked
    assert (asked.uri, asked.headers.first("to")) == ("sip:tenant.example.com", "<sip:4711@tenant.example.com>")


@pytest.mark.parametrize(
    ("status", "asks", "answers"),
    [(401, "www-authenticate", "authorization"), (407, "proxy-authenticate", "proxy-authorization")],
)
def test_a_challenge_is_met_with_the_password_and_not_told_it(status: int, asks: str, answers: str) -> None:
    desk = Desk(replace(ACCOUNT, username="user-1")).started()
    desk.says(status, (asks, 'Digest realm="other", nonce="n", algorithm=SHA3-512'), (asks, CHALLENGE[1]))
    told = read_parameters(desk.asked.headers.first(answers))
    assert told is not None
    assert (told["username"], told["realm"], told["nonce"]) == ("user-1", "pbx", "n1")
    assert (told["uri"], told["algorithm"], told["nc"]) == ("sip:pbx.example.com", "SHA-256", "00000001")
    assert desk.asked.headers.first("cseq") == "2 REGISTER"
    assert desk.asked.headers.first("call-id") == desk.requests[0].headers.first("call-id")
    assert b"s3cret" not in desk.asked.to_bytes()
    desk.says(200, ("contact", f"{OURS};expires=300"))
    assert desk.told == [RegistrationState.REGISTERED]


def test_a_proxy_and_the_registrar_behind_it_may_both_ask() -> None:
    desk = Desk().started()
    desk.says(407, ("proxy-authenticate", 'Digest realm="edge", nonce="e1"'))
    desk.says(401, CHALLENGE)
    assert {"authorization", "proxy-authorization"} <= {name for name, _ in desk.asked.headers}
    desk.says(200)
    assert desk.told == [RegistrationState.REGISTERED]


def test_a_stale_nonce_is_no_wrong_password() -> None:
    desk = Desk().started()
    desk.says(401, CHALLENGE)
    desk.says(401, STALE)
    told = read_parameters(desk.asked.headers.first("authorization"))
    assert told is not None
    assert told["nonce"] == "n2"
    desk.says(200)
    assert desk.told == [RegistrationState.REGISTERED]


def test_a_second_challenge_means_a_wrong_password() -> None:
    desk = Desk().started()
    desk.says(401, CHALLENGE)
    desk.says(401, ("www-authenticate", 'Digest realm="pbx", nonce="n2", qop="auth"'))
    assert desk.told == [RegistrationState.PASSWORD_REFUSED]
    assert len(desk.requests) == 2


def test_a_registrar_that_finds_every_nonce_stale_is_not_answered_for_ever() -> None:
    desk = Desk().started()
    for _ in range(10):
        if not desk.told:
            desk.says(401, STALE)
    assert desk.told == [RegistrationState.PASSWORD_REFUSED]
    assert len(desk.requests) == 5


def test_no_length_below_the_registrars_is_asked_for_twice() -> None:
    desk = Desk().started()
    desk.says(401, CHALLENGE)
    desk.says(423, ("min-expires", "600"))
    assert desk.asked.headers.first("expires") == "600"
    desk.says(401, STALE)
    assert desk.asked.headers.first("contact") == f"{OURS};expires=600"
    desk.says(200, ("contact", f"{OURS};expires=600"))
    assert desk.told == [RegistrationState.REGISTERED]


@pytest.mark.parametrize("least", ["300", "none", ""])
def test_a_423_that_asks_for_nothing_longer_ends_the_attempt(least: str) -> None:
    desk = Desk().started()
    desk.says(423, *((("min-expires", least),) if least else ()))
    assert desk.told == [RegistrationState.TOO_BRIEF]


@pytest.mark.parametrize(
    ("headers", "granted_s"),
    [
        ((("contact", "<sip:other@192.0.2.9>;expires=10"), ("contact", f"{OURS};expires=60")), 60),
        ((("contact", "<sip:cs-1@203.0.113.4:1024>;expires=90"), ("expires", "1000")), 90),
        ((("contact", "<sip:other@192.0.2.9>;expires=10"), ("expires", "120")), 120),
        ((("contact", f"{OURS};expires={'9' * 6000}"), ("expires", "soon")), 300),
        ((("contact", f"{OURS};expires=9999999999"),), 7 * 86400),
        ((("contact", OURS),), 300),
        ((), 300),
    ],
)
def test_what_counts_is_how_long_our_own_contact_is_kept(headers: tuple[tuple[str, str], ...], granted_s: int) -> None:
    desk = Desk().started()
    desk.says(200, *headers)
    assert desk.registration.status == RegistrationStatus("office", RegistrationState.REGISTERED, granted_s)
    early_s = granted_s / 2 if granted_s <= 1200 else granted_s - 600
    assert desk.sent_within(early_s - 1) == 0
    assert desk.sent_within(2) == 1


def test_a_long_registration_is_renewed_ten_minutes_before_its_end() -> None:
    desk = Desk().started()
    desk.says(200, ("contact", f"{OURS};expires=3600"))
    assert desk.sent_within(2999) == 0
    assert desk.sent_within(2) == 1
    desk.says(200, ("contact", f"{OURS};expires=3600"))
    assert desk.told == [RegistrationState.REGISTERED]


def test_a_registration_that_is_not_kept_has_failed() -> None:
    desk = Desk().started()
    desk.says(200, ("contact", f"{OURS};expires=0"))
    assert desk.told == [RegistrationState.REFUSED]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (302, RegistrationState.MOVED),
        (400, RegistrationState.REFUSED),
        (403, RegistrationState.FORBIDDEN),
        (404, RegistrationState.EXTENSION_UNKNOWN),
        (401, RegistrationState.CHALLENGE_UNKNOWN),
        (500, RegistrationState.UNAVAILABLE),
        (503, RegistrationState.UNAVAILABLE),
        (603, RegistrationState.REFUSED),
    ],
)
def test_what_a_registrar_refuses_has_a_reason_in_words(status: int, state: RegistrationState) -> None:
    desk = Desk().started()
    desk.says(status, ("contact", "<sip:elsewhere.example.com>"))
    assert desk.told == [state]
    assert len(desk.requests) == 1
    words = explain(state, ACCOUNT)
    assert "pbx.example.com" in words
    assert "s3cret" not in words


def test_every_state_has_its_words() -> None:
    assert all("{" not in explain(state, ACCOUNT) for state in RegistrationState)


def test_silence_is_repeated_then_waited_out_longer_and_longer() -> None:
    desk = Desk().started()
    for _ in range(12):
        desk.advance(LIFE_S + LONGEST_WAIT_S)
    assert set(desk.told) == {RegistrationState.NO_ANSWER}
    # RFC 5626 section 4.5: between half and all of 30 s, doubled for each failure, up to the longest.
    for number, wait_s in enumerate(desk.waits[:10], 1):
        upper = min(LONGEST_WAIT_S, 30 * 2**number)
        assert upper / 2 <= wait_s <= upper
    assert len({round(wait_s, 3) for wait_s in desk.waits[4:9]}) > 1
    assert len(desk.waits) <= desk.reached <= len(desk.waits) + 1


def test_who_is_refused_waits_longer_and_looks_the_registrar_up_again() -> None:
    desk = Desk().started()
    for _ in range(9):
        desk.says(403)
        desk.advance(desk.waits[-1])
    assert LONGEST_WAIT_REFUSED_S / 2 <= desk.waits[-1] <= LONGEST_WAIT_REFUSED_S
    assert desk.reached == 10


def test_a_registrar_says_when_to_come_again() -> None:
    desk = Desk().started()
    desk.says(503, ("retry-after", "500 (maintenance);duration=60"))
    assert desk.waits == [500]
    assert desk.sent_within(499) == 0
    assert desk.sent_within(2) == 1


def test_failures_do_not_count_any_more_once_it_was_registered_for_two_minutes() -> None:
    desk = Desk().started()
    for _ in range(5):
        desk.says(503)
        desk.advance(desk.waits[-1])
    desk.says(200, ("contact", f"{OURS};expires=300"))
    desk.advance(150)
    desk.says(503)
    assert desk.waits[-1] <= 60


def test_a_lost_connection_is_taken_up_at_once_and_the_next_time_later() -> None:
    desk = Desk(hop=PBX_TCP).registered()
    assert "transport=tcp" in desk.asked.headers.first("contact")
    desk.registration.connection_lost(8)
    assert desk.reached == 1
    desk.registration.connection_lost(7)
    assert desk.reached == 2
    desk.says(200)
    desk.registration.connection_lost(7)
    assert desk.reached == 2
    assert desk.told == [RegistrationState.REGISTERED, RegistrationState.UNCONNECTED]


def test_a_connection_on_which_nobody_answers_is_left() -> None:
    desk = Desk(hop=PBX_TCP).registered()
    desk.advance(150 + LIFE_S + 1)
    assert desk.left == [PBX_TCP]
    assert desk.told == [RegistrationState.REGISTERED, RegistrationState.NO_ANSWER]


def test_ways_through_nats_are_kept_open() -> None:
    desk = Desk().registered()
    desk.advance(101)
    assert desk.pings == 4
    over_tcp = Desk(hop=PBX_TCP).registered()
    over_tcp.advance(101)
    assert over_tcp.pings == 1


def test_a_nat_between_is_told() -> None:
    desk = Desk().started()
    via = desk.asked.headers.first("via").replace(";rport", ";rport=1024;received=203.0.113.4")
    desk.says(200, ("via", via))
    assert desk.registration.status.seen_address == "203.0.113.4"


def test_stop_takes_the_registration_back_challenge_and_all() -> None:
    desk = Desk().registered()
    desk.registration.stop()
    assert desk.asked.headers.first("contact") == f"{OURS};expires=0"
    assert desk.asked.headers.first("expires") == "0"
    desk.says(401, CHALLENGE)
    assert "authorization" in desk.asked.headers
    assert desk.asked.headers.first("expires") == "0"
    desk.says(200)
    assert desk.told == [RegistrationState.REGISTERED, RegistrationState.STOPPED]
    assert desk.sent_within(4000) == 0
    assert desk.pings == 0


@pytest.mark.parametrize("status", [403, 423, 500])
def test_a_stop_that_the_registrar_refuses_is_a_stop(status: int) -> None:
    desk = Desk().registered()
    desk.registration.stop()
    desk.says(status)
    assert desk.told == [RegistrationState.REGISTERED, RegistrationState.STOPPED]
    assert desk.sent_within(4000) == 0


def test_who_is_not_registered_stops_at_once() -> None:
    desk = Desk().started()
    desk.says(503)
    desk.registration.stop()
    assert desk.told == [RegistrationState.UNAVAILABLE, RegistrationState.STOPPED]
    assert desk.sent_within(4000) == 0


def test_an_answer_that_comes_after_the_connection_was_lost_changes_nothing() -> None:
    desk = Desk(hop=PBX_TCP).started()
    late = desk.asked
    desk.registration.connection_lost(7)
    assert desk.told == [RegistrationState.UNCONNECTED]
    desk.requests.append(late)
    desk.says(200, ("contact", f"{OURS};expires=300"))
    assert desk.told == [RegistrationState.UNCONNECTED]
