"""Calls that a PBX sends to an extension which a trunk registered."""

from telephony.front.hops import Hop, Transport
from telephony.settings import RegisterSettings, TrunkSettings
from telephony.trunks import Trunks, contact_user
from tests.telephony.proxy_bench import SDP, Ask, Bench

ACCOUNT = RegisterSettings("pbx.example.com", "4711", password="s3cret")
TRUNKS = (
    TrunkSettings(name="office", allow=("10.0.0.0/8",)),
    TrunkSettings(name="extension", allow=(), register=ACCOUNT),
)
CONTACT = f"sip:{contact_user(ACCOUNT)}@198.51.100.1:5060"
FAR = Hop(Transport.UDP, "203.0.113.9", 5060)


def test_whoever_calls_the_registered_contact_is_let_in() -> None:
    bench = Bench(trunks=TRUNKS)
    bench.ask(Ask(body=SDP, uri=CONTACT), FAR)
    assert [offer.trunk for offer in bench.offers] == ["extension"]


def test_the_registered_contact_says_more_than_an_address_that_a_trunk_allows() -> None:
    bench = Bench(trunks=TRUNKS)
    office = Hop(Transport.UDP, "10.0.0.5", 5060)
    bench.ask(Ask(body=SDP, uri=CONTACT), office)
    bench.ask(Ask(call="call-2", body=SDP), office)
    assert [offer.trunk for offer in bench.offers] == ["extension", "office"]


def test_without_the_contact_a_stranger_is_refused() -> None:
    bench = Bench(trunks=TRUNKS)
    bench.ask(Ask(body=SDP, uri="sip:4711@198.51.100.1"), FAR)
    assert [response.status for response in bench.to_caller()] == [403]
    assert bench.offers == []


def test_a_call_of_the_contact_may_end_from_elsewhere_but_by_its_dialog_only() -> None:
    bench = Bench(trunks=TRUNKS)
    bench.answered(Ask(body=SDP, uri=CONTACT), FAR)
    elsewhere = Hop(Transport.UDP, "203.0.113.77", 5060)
    bench.ask(Ask("BYE", cseq=2, to_tag="guessed"), elsewhere)
    assert [response.status for response in bench.to_caller()] == [403]
    bench.ask(Ask("BYE", cseq=3, to_tag="line-tag"), elsewhere)
    assert [request.method for request in bench.to_line()] == ["BYE"]


def test_a_call_that_an_address_let_in_does_not_end_from_elsewhere() -> None:
    bench = Bench(trunks=TRUNKS)
    bench.answered(Ask(body=SDP), Hop(Transport.UDP, "10.0.0.5", 5060))
    bench.ask(Ask("BYE", cseq=2, to_tag="line-tag"), FAR)
    assert [response.status for response in bench.to_caller()] == [403]


def test_a_registrars_addresses_may_call_where_no_trunk_says_otherwise() -> None:
    trunks = Trunks(TRUNKS)
    assert trunks.find("203.0.113.9") is None
    trunks.learn("extension", ("203.0.113.9", "10.0.0.5"))
    assert trunks.find("203.0.113.9") == TRUNKS[1]
    assert trunks.find("10.0.0.5") == TRUNKS[0]
    trunks.learn("extension", ("203.0.113.10",))
    assert trunks.find("203.0.113.9") is None


def test_a_contact_is_the_same_after_a_restart_and_another_for_another_password() -> None:
    assert contact_user(ACCOUNT) == contact_user(RegisterSettings("pbx.example.com", "4711", password="s3cret"))
    assert contact_user(ACCOUNT) != contact_user(RegisterSettings("pbx.example.com", "4711", password="other"))
    nobody = RegisterSettings("pbx.example.com", "4711")
    assert contact_user(nobody) != contact_user(nobody)
