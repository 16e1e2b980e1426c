"""The doctor's checks of SIP, RTP, TLS, firewall and refusals, one verdict at a time."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callscribe.cli.checks import firewall
from callscribe.cli.checks import sip as sip_checks
from callscribe.cli.checks.certificate import check_certificate
from callscribe.cli.checks.finding import Finding, Verdict
from callscribe.cli.checks.firewall import Need, Rules, check_firewall, rules_of_iptables, rules_of_nft
from callscribe.cli.checks.sip import check_address, check_answers, check_port, check_rtp_range, is_served
from callscribe.cli.checks.sockets import Bound
from callscribe.cli.checks.traffic import (
    check_capacity,
    check_pressure,
    check_refusals,
    check_registration,
    check_trunk,
)
from callscribe.cli.ports import PublicPort, free_port
from callscribe.config.settings import Settings
from callscribe.console.nodes import NodeAnswer, RefusalAnswer
from callscribe.console.remedies import REMEDIES
from telephony.front.tls import HandshakeFault
from telephony.registration import RegistrationState, gauge
from telephony.settings import RegisterSettings, SipSettings, TrunkSettings
from tests.acceptance.tls import make_pair
from tests.peers import require

NOW = datetime.now(UTC)
EXPIRED = str(Path(__file__).with_name("expired.pem"))
"""A certificate of one day in 2020, and its key."""
SIP_NEEDS = (Need("udp", 5060, 5060), Need("udp", 10000, 19999))


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.fixture
def taken() -> Iterator[int]:
    """A UDP port that this process has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def test_a_port_is_free_or_its_holder_is_named(taken: int) -> None:
    busy = check_port(PublicPort("sip.port", "127.0.0.1", taken, (socket.SOCK_DGRAM,)), running=False)
    assert (busy.verdict, busy.cure) == (Verdict.BAD, "stop what uses it or set sip.port")
    assert f"(process {os.getpid()})" in busy.detail
    free = PublicPort("sip.port", "127.0.0.1", free_port(), (socket.SOCK_STREAM,))
    assert check_port(free, running=False).verdict is Verdict.OK
    deserted = check_port(free, running=True)
    assert (deserted.verdict, "nobody listens" in deserted.detail) == (Verdict.BAD, True)


@pytest.mark.parametrize(
    ("running", "owner", "verdict", "served"),
    [
        (True, "", Verdict.HINT, True),
        (True, "nginx (process 7)", Verdict.BAD, False),
        (False, "", Verdict.BAD, False),
    ],
)
def test_asked_as_another_user_a_service_that_runs_is_taken_for_the_holder_of_its_port(
    taken: int, monkeypatch: pytest.MonkeyPatch, running: bool, owner: str, verdict: Verdict, served: bool
) -> None:
    monkeypatch.setattr(sip_checks, "bound_sockets", lambda *_: (Bound("UDP", taken, owner, is_ours=False),))
    busy = check_port(PublicPort("sip.port", "127.0.0.1", taken, (socket.SOCK_DGRAM,)), running=running)
    assert busy.verdict is verdict
    assert is_served(SipSettings(port=taken), running=running) is served


def test_a_port_that_nobody_has_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_checks, "bound_sockets", lambda *_: ())
    assert not is_served(SipSettings(), running=True)


def test_a_port_that_nobody_serves_answers_nothing(taken: int) -> None:
    found = list(check_answers(SipSettings(host="127.0.0.1", port=taken), "127.0.0.1"))
    assert [(one.check, one.verdict) for one in found] == [
        ("answers UDP", Verdict.BAD), ("answers TCP", Verdict.BAD),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "allow", "verdict", "word"),
    [
        ("127.0.0.1", "127.0.0.0/8", Verdict.OK, "an address of this machine"),
        ("127.0.0.1", "192.0.2.0/24", Verdict.HINT, "back to themselves"),
        ("8.8.8.8", "127.0.0.0/8", Verdict.HINT, "only behind a NAT"),
        ("127.0.0.1", "8.8.8.0/24", Verdict.HINT, "back to themselves"),
        ("pbx.example.com", "127.0.0.0/8", Verdict.BAD, "no IPv4 address"),
        ("::1", "127.0.0.0/8", Verdict.BAD, "no IPv4 address"),
    ],
)
def test_an_address_that_callers_cannot_reach_is_told(address: str, allow: str, verdict: Verdict, word: str) -> None:
    settings = Settings(trunks=(TrunkSettings("pbx", (allow,)),))
    found = check_address(settings, address)
    assert (found.verdict, word in found.detail) == (verdict, True)


def test_a_private_address_before_public_callers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_checks, "is_own", lambda address: address == "10.0.0.5")
    public, private = (Settings(trunks=(TrunkSettings("pbx", (allow,)),)) for allow in ("8.8.8.0/24", "10.0.0.0/8"))
    assert "is private" in check_address(public, "10.0.0.5").detail
    assert check_address(private, "10.0.0.5").verdict is Verdict.OK


def test_a_range_too_small_or_shared_is_told(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small = only(check_rtp_range(SipSettings(lines=4, rtp_port_min=10001, rtp_port_max=10064), bridging=False))
    assert (small.verdict, "room for 1 lines, not 4" in small.detail) == (Verdict.BAD, True)
    assert "10129 or above" in small.cure
    monkeypatch.setattr(sip_checks, "_ephemeral", lambda: (32768, 60999))
    first = taken - taken % 2
    found = list(check_rtp_range(SipSettings(lines=1, rtp_port_min=first, rtp_port_max=first + 31), bridging=False))
    assert f"{taken} by " in found[0].detail
    assert "to anybody (32768-60999)" in found[1].detail
    monkeypatch.setattr(sip_checks, "bound_sockets", lambda *_: ())
    fits = only(check_rtp_range(SipSettings(lines=2), bridging=False))
    assert (fits.verdict, "for 2 lines of 4 calls, which the packaged PJSUA2" in fits.detail) == (Verdict.OK, True)


def test_with_routes_the_lines_have_half_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cure names is enough, and one port less is not."""
    monkeypatch.setattr(sip_checks, "bound_sockets", lambda *_: ())
    monkeypatch.setattr(sip_checks, "_ephemeral", lambda: (32768, 60999))
    sip = SipSettings(lines=4, rtp_port_min=10000, rtp_port_max=10200)
    assert only(check_rtp_range(sip, bridging=False)).verdict is Verdict.OK
    halved = only(check_rtp_range(sip, bridging=True))
    assert (halved.verdict, "10000-10100 has room for 3 lines, not 4" in halved.detail) == (Verdict.BAD, True)
    assert "10254 or above" in halved.cure
    for last, verdict in ((10254, Verdict.OK), (10253, Verdict.BAD)):
        assert only(check_rtp_range(replace(sip, rtp_port_max=last), bridging=True)).verdict is verdict


def test_a_certificate_is_judged_as_a_caller_would(tmp_path: Path) -> None:
    own = make_pair(tmp_path, "own", address="192.0.2.7")
    signer = make_pair(tmp_path, "signer")
    settings = SipSettings(
        tls_port=1, tls_certificate=str(own.certificate), tls_key=str(own.key), tls_client_ca=str(signer.certificate)
    )
    found = {one.check: one for one in check_certificate(settings, "192.0.2.7", NOW - timedelta(days=30))}
    assert {check: one.verdict for check, one in found.items()} == {
        "TLS certificate": Verdict.OK, "TLS chain": Verdict.HINT, "TLS name": Verdict.OK, "TLS client CA": Verdict.OK,
    }  # fmt: skip
    assert "self-signed certificate" in found["TLS chain"].detail
    later = {one.check: one for one in check_certificate(settings, "192.0.2.8", NOW)}
    assert later["TLS certificate"].verdict is Verdict.HINT
    assert "is for 192.0.2.7, not for the advertised address 192.0.2.8" in later["TLS name"].detail
    gone = {one.check: one for one in check_certificate(settings, "192.0.2.7", NOW + timedelta(days=30))}
    assert gone["TLS client CA"].verdict is Verdict.BAD


def test_a_key_of_another_certificate_and_a_file_that_is_none_are_told(tmp_path: Path) -> None:
    one, other = make_pair(tmp_path, "one"), make_pair(tmp_path, "other")
    for key, word in ((other.key, "key values mismatch"), (tmp_path / "none", "No such file")):
        settings = SipSettings(tls_port=1, tls_certificate=str(one.certificate), tls_key=str(key))
        found = only(check_certificate(settings, "127.0.0.1", NOW))
        assert (found.verdict, word.lower() in found.detail.lower().replace("_", " ")) == (Verdict.BAD, True)
    assert only(check_certificate(SipSettings(), "127.0.0.1", NOW)).verdict is Verdict.OK


def test_a_certificate_that_is_over_is_bad() -> None:
    settings = SipSettings(tls_port=1, tls_certificate=EXPIRED, tls_key=EXPIRED)
    found = only(check_certificate(settings, "127.0.0.1", NOW))
    assert (found.verdict, "certificate has expired" in found.detail) == (Verdict.BAD, True)


def test_nftables_that_drops_is_asked_for_the_ports() -> None:
    def rule(protocol: str, right: object) -> dict[str, object]:
        match = {"op": "==", "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": right}
        return {
            "rule": {
                "family": "inet",
                "table": "filter",
                "chain": "input",
                "expr": [{"match": match}, {"counter": {}}, {"accept": None}],
            }
        }

    chain = {"family": "inet", "table": "filter", "name": "input", "hook": "input", "policy": "drop"}

    def closed(*rules: object, policy: str = "drop") -> tuple[Need, ...]:
        listed = {"nftables": [{"metainfo": {}}, {"chain": {**chain, "policy": policy}}, *rules]}
        return rules_of_nft(json.dumps(listed)).closed(SIP_NEEDS)

    assert closed() == SIP_NEEDS
    assert closed(policy="accept") == ()
    assert closed(rule("udp", 5060)) == SIP_NEEDS[1:]
    assert closed(rule("tcp", 5060), rule("udp", {"range": [10000, 19998]})) == SIP_NEEDS
    assert closed(rule("th", {"set": [5060, {"range": [10000, 20000]}]})) == ()


def test_nftables_that_rejects_at_the_end_is_asked_for_the_ports() -> None:
    """As firewalld has it: all is accepted but for a last rule, and ports are opened in chains that it jumps to."""
    place = {"family": "inet", "table": "firewalld"}

    def rule(chain: str, *steps: object) -> dict[str, object]:
        return {"rule": {**place, "chain": chain, "handle": 5, "expr": list(steps)}}

    def port(kind: str, right: object) -> dict[str, object]:
        return {"match": {"op": "==", "left": {"payload": {"protocol": kind, "field": "dport"}}, "right": right}}

    def read(*rules: object) -> Rules:
        base = {**place, "name": "filter_INPUT", "type": "filter", "hook": "input", "prio": 10, "policy": "accept"}
        chains = ({"chain": base}, {"chain": {**place, "name": "filter_IN_public_allow"}})
        return rules_of_nft(json.dumps({"nftables": [*chains, *rules]}))

    known = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "invalid"}}
    jump = {"jump": {"target": "filter_INPUT_ZONES"}}
    reject = {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}
    usual = (rule("filter_INPUT", known, {"drop": None}), rule("filter_INPUT", jump))
    ssh = rule("filter_IN_public_allow", port("tcp", 22), {"accept": None})
    assert read(*usual, ssh).dropping == ()
    closing = read(*usual, rule("filter_INPUT", {"counter": {"packets": 3, "bytes": 180}}, reject), ssh)
    assert closing.dropping == ("chain filter_INPUT of inet firewalld",)
    assert closing.closed(SIP_NEEDS) == SIP_NEEDS
    sip = rule("filter_IN_public_allow", port("udp", {"set": [5060, {"range": [10000, 19999]}]}), {"accept": None})
    assert read(*usual, rule("filter_INPUT", {"drop": None}), ssh, sip).closed(SIP_NEEDS) == ()
    assert read(*usual, rule("filter_INPUT", known, {"drop": None})).dropping == ()
    assert read(rule("filter_IN_public_allow", reject)).dropping == ()


@pytest.mark.integration
def test_the_rules_of_a_real_firewall_are_read() -> None:
    nft = require("nft")
    look = "from callscribe.cli.checks.firewall import *; print(check_firewall((Need('udp', 5060, 5060),)).verdict)"
    script = f"""{nft} add table inet filter
    {nft} 'add chain inet filter input {{ type filter hook input priority 0; policy drop; }}'
    {sys.executable} -c "{look}"
    {nft} 'add rule inet filter input ip saddr 192.0.2.0/24 udp dport {{ 5060, 10000-19999 }} counter accept'
    {sys.executable} -c "{look}"
    {nft} 'flush ruleset; add table inet filter; add chain inet filter input {{ type filter hook input priority 0; }}'
    {sys.executable} -c "{look}"
    {nft} 'add rule inet filter input counter reject with icmpx admin-prohibited'
    {sys.executable} -c "{look}"
    """
    if subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a network of its own needs root")
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["hint", "ok", "ok", "hint"], done.stderr


def test_iptables_that_drops_is_asked_for_the_ports() -> None:
    opened = "-A INPUT -p udp -m multiport --dports 5060,10000:19999 -j ACCEPT"
    assert rules_of_iptables(":INPUT DROP [0:0]\n").closed(SIP_NEEDS) == SIP_NEEDS
    assert rules_of_iptables(f":INPUT DROP [0:0]\n{opened}\n").closed(SIP_NEEDS) == ()
    assert rules_of_iptables(":INPUT ACCEPT [0:0]\n").closed(SIP_NEEDS) == ()
    assert rules_of_iptables(":INPUT ACCEPT [0:0]\n-A INPUT -j DROP\n").dropping == ("chain INPUT of iptables",)


def test_iptables_as_red_hat_has_it_is_asked_for_the_ports() -> None:
    stock = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [24:2352]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
{opened}-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""
    assert rules_of_iptables(stock.format(opened="")).closed(SIP_NEEDS) == SIP_NEEDS
    opened = "-A INPUT -p udp -m udp --dport 5060 -j ACCEPT\n-A INPUT -p udp -m udp --dport 10000:20000 -j ACCEPT\n"
    assert rules_of_iptables(stock.format(opened=opened)).closed(SIP_NEEDS) == ()
    passed_on = "-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n-A INPUT -s 192.0.2.0/24 -j DROP\n"
    assert rules_of_iptables(f":INPUT ACCEPT [0:0]\n{passed_on}").dropping == ()


def test_what_iptables_wrote_into_nftables_is_read_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "accept"}
    rule = {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [{"counter": {}}, {"xt": None}]}
    told = {
        "nft": json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]}),
        "iptables-save": ":INPUT ACCEPT [0:0]\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\n",
    }
    monkeypatch.setattr(firewall, "_output", lambda program, *_: told[program])
    found = check_firewall(SIP_NEEDS)
    assert (found.verdict, "chain INPUT of iptables drops or rejects" in found.detail) == (Verdict.HINT, True)


def refusal(reason: str, method: str = "INVITE", detail: str = "") -> RefusalAnswer:
    return RefusalAnswer(
        at=NOW, source="192.0.2.7", transport="udp", trunk="pbx", method=method, status=403, reason=reason,
        detail=detail, times=3,
    )  # fmt: skip


def test_a_refusal_is_told_with_its_cure() -> None:
    stranger, codec, unknown = check_refusals(
        [refusal("requests_forbidden"), refusal("offers_without_audio", detail="offered G729"), refusal("moon_phase")]
    )
    assert "INVITE with 403 over UDP, 3 times" in stranger.detail
    assert stranger.cure == 'add "192.0.2.7/32" to `allow` of a trunk, if it may call'
    assert "no codec of trunk pbx: offered G729" in codec.detail
    assert "moon phase" in unknown.detail
    assert only(check_refusals([])).verdict is Verdict.OK


def test_every_failed_handshake_has_a_cure() -> None:
    for fault in HandshakeFault:
        name = f"tls_handshakes_failed_{fault.replace('-', '_')}"
        assert name in REMEDIES or fault is HandshakeFault.OTHER


def test_a_node_that_refuses_for_want_of_room_is_full() -> None:
    free = NodeAnswer(name="n", counters={"calls_active": 3, "calls_capacity": 8}, refusals=[])
    full = NodeAnswer(
        name="n", counters={"calls_active": 3, "calls_capacity": 8, "invites_refused_busy": 2}, refusals=[]
    )
    assert check_capacity(free).verdict is Verdict.OK
    assert check_capacity(full).detail.startswith("3 calls of 8 that fit; 2 were refused")
    assert check_capacity(full).verdict is Verdict.HINT


def test_recognisers_that_do_not_keep_up_are_told_with_how_late_they_are() -> None:
    calm = NodeAnswer(name="n", counters={"pressure:moonshine": 0, "recognizer_ready": 1}, refusals=[])
    pressed = {"pressure:moonshine": 2, "recognizer_late_seconds:moonshine": 4.25, "recognizer_needed:moonshine": 1.0}
    late = check_pressure(NodeAnswer(name="n", counters=pressed, refusals=[]))
    alone = check_pressure(NodeAnswer(name="n", counters={"recognizer_ready": 0}, refusals=[]))
    assert check_pressure(calm).verdict is Verdict.OK
    assert (late.verdict, alone.verdict) == (Verdict.HINT, Verdict.HINT)
    assert "moonshine follow no more calls" in late.detail
    assert "4.2 s" in late.detail
    assert "No recogniser answers" in alone.detail


def test_a_registration_that_fails_is_told_with_its_cure() -> None:
    account = RegisterSettings(registrar="pbx.example.com", extension="700", password="s3cret")
    trunk = TrunkSettings("pbx", register=account)

    def found(state: RegistrationState) -> list[Finding]:
        counters = {gauge(RegistrationState.REGISTERED, "pbx"): 0.0, gauge(state, "pbx"): 1.0}
        return list(check_registration(trunk, NodeAnswer(name="n", counters=counters, refusals=[])))

    (registered,) = found(RegistrationState.REGISTERED)
    assert (registered.verdict, registered.detail) == (Verdict.OK, "registered as 700 at pbx.example.com")
    (refused,) = found(RegistrationState.PASSWORD_REFUSED)
    assert (refused.verdict, refused.detail) == (Verdict.BAD, "pbx.example.com does not accept the password")
    assert refused.cure.startswith("check register.username and register.password")
    assert found(RegistrationState.STOPPED)[0].verdict is Verdict.HINT
    assert list(check_registration(TrunkSettings("other"), NodeAnswer(name="n", counters={}, refusals=[]))) == []


def test_a_trunk_that_is_open_to_all_is_told() -> None:
    everybody = TrunkSettings("any", ("0.0.0.0/0",))
    assert "anybody may call" in check_trunk(everybody).detail
    asking = TrunkSettings("any", ("0.0.0.0/0",), digest_username="u", digest_password="p")
    assert check_trunk(asking).verdict is Verdict.OK
    assert "with a password; codecs PCMU, PCMA" in check_trunk(asking).detail
