"""Who may send requests: TLS, certificates, passwords, rates, and what is kept of those who may not."""

from telephony.front.hops import Hop, Transport
from telephony.front.refusals import MAX_KEPT
from telephony.settings import SipSettings, TrunkSettings
from telephony.sip.digest import Credentials, pick_challenge, prove
from telephony.sip.message import Request, Response
from tests.telephony.proxy_bench import CALLER, SDP, Ask, Bench

PASSWORD = Credentials("trunk-1", "s3cret")
NETWORK = ("192.0.2.0/24",)
ASKING = TrunkSettings("pbx", NETWORK, digest_username="trunk-1", digest_password="s3cret")


def refusals(bench: Bench) -> list[tuple[str, str, str, int, str, int]]:
    kept = bench.exchange.refusals.newest()
    return [(one.source, one.trunk, one.method, one.status, one.reason, one.times) for one in kept]


def answer(bench: Bench, ask: Ask, source: Hop = CALLER) -> Response:
    bench.ask(ask, source)
    (response,) = bench.to_caller()
    return response


def proven(challenged: Response, cseq: int, who: Credentials = PASSWORD) -> Ask:
    """The INVITE once more, with credentials."""
    challenge = pick_challenge(challenged.headers.all("www-authenticate"))
    assert challenge is not None
    return Ask(cseq=cseq, body=SDP, headers=(("Authorization", prove(challenge, who, "INVITE", "sip:x", "c")),))


def test_a_trunk_with_a_password_asks_for_it_and_lets_a_call_with_it_in() -> None:
    bench = Bench(trunks=(ASKING,))
    challenged = answer(bench, Ask(body=SDP))
    assert (challenged.status, len(challenged.headers.all("www-authenticate"))) == (401, 2)
    assert refusals(bench) == [("192.0.2.10", "pbx", "INVITE", 401, "credentials_asked", 1)]
    bench.ask(proven(challenged, 2))
    (invite,) = bench.to_line()
    assert "authorization" not in invite.headers
    assert refusals(bench) == []


def test_credentials_serve_once() -> None:
    bench = Bench(trunks=(ASKING,))
    again = proven(answer(bench, Ask(body=SDP)), 2)
    bench.ask(again)
    bench.taken()
    replayed = answer(bench, Ask(call="call-2", cseq=2, body=SDP, headers=again.headers))
    assert replayed.status == 401
    assert all("stale=true" in value for value in replayed.headers.all("www-authenticate"))
    assert len(bench.offers) == 1


def test_a_source_that_guesses_is_locked_out_for_a_while() -> None:
    bench = Bench(trunks=(ASKING,))
    challenged = answer(bench, Ask(body=SDP))
    guess = proven(challenged, 2, Credentials("trunk-1", "guess"))
    statuses = [answer(bench, Ask(cseq=n, body=SDP, headers=guess.headers)).status for n in range(2, 14)]
    assert statuses == [401] * 10 + [403] * 2
    assert answer(bench, proven(challenged, 20)).status == 403
    bench.advance(11)
    bench.ask(proven(challenged, 21))
    assert len(bench.to_line()) == 1
    assert bench.exchange.tally.counts["credentials_wrong"] == 10


def test_who_forges_the_address_of_a_peer_neither_locks_it_out_nor_takes_its_calls() -> None:
    bench = Bench(trunks=(ASKING,), source_rate=1.0)
    elsewhere = answer(bench, Ask(call="call-0", body=SDP), Hop(Transport.UDP, "192.0.2.66", 5060))
    for number in range(20):
        forged = proven(elsewhere, number + 1, Credentials("trunk-1", "guess"))
        told = answer(bench, Ask(call=f"forged-{number}", body=SDP, headers=forged.headers))
        assert told.status == 401
        assert "stale=true" in told.headers.first("www-authenticate")
        unnamed = proven(told, 1, Credentials("anybody", "guess"))
        assert answer(bench, Ask(call=f"unnamed-{number}", body=SDP, headers=unnamed.headers)).status == 401
    bench.ask(proven(answer(bench, Ask(body=SDP)), 2))
    assert len(bench.to_line()) == 1
    assert not {"credentials_wrong", "credentials_locked"} & set(bench.exchange.tally.counts)


def test_a_trunk_may_take_tls_only_and_certificates_only() -> None:
    tls, verified = (TrunkSettings("pbx", NETWORK, tls=kind) for kind in ("required", "verified"))
    plain = Hop(Transport.TLS, "192.0.2.10", 40000, 7)
    shown = Hop(Transport.TLS, "192.0.2.10", 40000, 7, verified=True)
    for trunk, source, status, counter in (
        (tls, CALLER, 403, "requests_without_tls"),
        (tls, plain, 200, ""),
        (verified, CALLER, 403, "requests_without_tls"),
        (verified, plain, 403, "requests_without_certificate"),
        (verified, shown, 200, ""),
    ):
        bench = Bench(trunks=(trunk,))
        assert answer(bench, Ask("OPTIONS"), source).status == status
        assert bench.exchange.tally.counts == ({counter: 1} if counter else {})


def test_one_source_that_calls_too_fast_leaves_room_for_others() -> None:
    bench = Bench(source_rate=2.0)
    for number in range(5):
        bench.ask(Ask(call=f"c{number}", body=SDP))
    assert [response.status for response in bench.to_caller()] == [503] * 3
    bench.ask(Ask(call="other", body=SDP), Hop(Transport.UDP, "192.0.2.11", 5060))
    assert len(bench.to_line()) == 1
    bench.advance(0.5)
    bench.ask(Ask(call="later", body=SDP))
    assert bench.exchange.tally.counts["invites_refused_source_rate"] == 3


def test_one_source_may_place_all_calls_that_a_node_takes_unless_it_is_told_otherwise() -> None:
    settings = SipSettings()
    bench = Bench(rate=settings.invites_per_second, source_rate=settings.source_invites_per_second)
    for number in range(30):
        bench.ask(Ask(call=f"c{number}", body=SDP))
    assert bench.exchange.tally.counts["invites_refused_source_rate"] == 0
    bench.ask(Ask(call="c30", body=SDP))
    assert bench.exchange.tally.counts["invites_refused_source_rate"] == 1


def test_what_was_wrong_with_an_offer_is_kept_and_who_called_is_not() -> None:
    bench = Bench()
    sdp = SDP.replace("RTP/AVP 0 8", "RTP/AVP 18 96 97") + "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 <script>/8000\r\n"
    assert answer(bench, Ask(body=sdp)).status == 488
    (kept,) = bench.exchange.refusals.newest()
    assert (kept.reason, kept.detail) == ("offers_without_audio", "offered G729, opus")
    assert "ann" not in str(kept)


def test_strangers_crowd_out_no_refusal_of_a_known_peer() -> None:
    bench = Bench()
    bench.ask(Ask("REGISTER"))
    for number in range(100):
        bench.ask(Ask(f"M{number}"), Hop(Transport.UDP, f"203.0.113.{number}", 5060))
    kept = refusals(bench)
    assert len(kept) == MAX_KEPT + 1
    assert ("192.0.2.10", "pbx", "REGISTER", 405, "methods_refused", 1) in kept
    assert ("203.0.113.99", "", "other", 403, "requests_forbidden", 1) in kept


def test_a_running_call_is_judged_by_the_rules_of_its_own_trunk() -> None:
    open_trunk = TrunkSettings("open", ("192.0.2.0/25",))
    strict = TrunkSettings("strict", ("192.0.2.128/25",), tls="required")
    plain, secured = CALLER, Hop(Transport.TLS, "192.0.2.200", 40000, 7)
    for opened_by, ended_by, status in ((plain, Hop(Transport.UDP, "192.0.2.200", 5060), 0), (secured, plain, 403)):
        bench = Bench(trunks=(open_trunk, strict))
        bench.answered(source=opened_by)
        bench.ask(Ask("BYE", cseq=2, to_tag="line-tag"), ended_by)
        sent = bench.taken()
        assert [s.message.method for s in sent if isinstance(s.message, Request)] == ([] if status else ["BYE"])
        assert [s.message.status for s in sent if isinstance(s.message, Response)] == ([status] if status else [])


def test_a_certificate_is_asked_for_a_new_call_and_not_within_a_call() -> None:
    verified = TrunkSettings("pbx", NETWORK, tls="verified")
    shown = Hop(Transport.TLS, "192.0.2.10", 40000, 7, verified=True)
    opened_here = Hop(Transport.TLS, "192.0.2.10", 5061, 8)
    bench = Bench(trunks=(verified,))
    bench.answered(source=shown)
    assert answer(bench, Ask("BYE", cseq=2, to_tag="guessed"), opened_here).status == 403
    assert answer(bench, Ask("BYE", cseq=3, to_tag="line-tag")).status == 403
    assert answer(bench, Ask(call="call-2", body=SDP), opened_here).status == 403
    bench.ask(Ask("BYE", cseq=4, to_tag="line-tag"), opened_here)
    assert [request.method for request in bench.to_line()] == ["BYE"]
