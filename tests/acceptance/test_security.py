"""Who may call, and over what; what is refused is counted, logged without content, and explained by the doctor."""

import json
import re
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callscribe.cli.ports import free_port
from telephony.sip.digest import Challenge, Credentials, pick_challenge, prove, response
from tests.acceptance.conftest import ASKING_ADDRESS, OLD_ADDRESS, PASSWORD, SURE_ADDRESS, TRUSTED
from tests.acceptance.counting import counted
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer, Reply
from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService
from tests.acceptance.sipp import Scenario, launch, plain_sdp
from tests.acceptance.speech import excerpt
from tests.acceptance.tls import make_pair
from tests.acceptance.transcripts import assert_spoken
from tests.peers import require

pytestmark = pytest.mark.acceptance

OFFER = AUDIO_OFFER.format(port=40000)
URI = "sip:scribe@127.0.0.1"
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def challenge_of(reply: Reply, algorithm: str) -> Challenge:
    values = re.findall(r"^WWW-Authenticate\s*:\s*(.*?)\r?$", reply.head, re.IGNORECASE | re.MULTILINE)
    challenge = pick_challenge(value for value in values if f"algorithm={algorithm}" in value)
    assert challenge is not None
    return challenge


def proven(asked: Asked, authorization: str) -> Asked:
    return replace(asked, cseq=asked.cseq + 1, headers={"Authorization": authorization})


@pytest.mark.parametrize(("transport", "algorithm"), [("UDP", "SHA-256"), ("TCP", "MD5")])
def test_a_trunk_with_a_password_takes_calls_that_know_it_once(
    service: RunningService, transport: str, algorithm: str
) -> None:
    asked = Asked(body=OFFER)
    with (
        counted(service, credentials_asked=1, credentials_wrong=1, credentials_stale=1),
        RawPeer(transport, service.sip_port, ASKING_ADDRESS) as peer,
    ):
        challenged = peer.establish(asked)
        assert challenged.status == 401
        guess = proven(
            asked, prove(challenge_of(challenged, algorithm), Credentials("pbx", "guess"), "INVITE", URI, "c")
        )
        wrong = peer.establish(guess)
        assert (wrong.status, "stale" in wrong.head) == (401, False)
        right = proven(guess, prove(challenge_of(wrong, algorithm), PASSWORD, "INVITE", URI, "c"))
        answered = peer.establish(right)
        assert answered.status == 200
        # The same credentials again, for another call.
        replayed = peer.establish(replace(right, call=f"{right.call}-replayed"))
        assert (replayed.status, "stale=true" in replayed.head) == (401, True)
        assert peer.hang_up(right, answered).status == 200


def test_sipp_proves_its_password_and_calls(service: RunningService, tmp_path: Path) -> None:
    scenario = Scenario(plain_sdp(), password=PASSWORD).xml()
    here = ("-i", OLD_ADDRESS, "-p", str(free_port()), "-mi", "127.0.0.1", "-m", "1")
    caller = launch((require("sipp"), f"127.0.0.1:{service.sip_port}", *here), scenario, tmp_path)
    assert caller.wait(30) == 0, caller.errors
    assert service.wait_call(caller.call_ids[0])["trunk"] == "old"


def test_a_nonce_may_be_used_again_with_a_higher_count(service: RunningService) -> None:
    with RawPeer("UDP", service.sip_port, ASKING_ADDRESS) as peer:
        challenge = challenge_of(peer.establish(Asked(body=OFFER)), "SHA-256")
        statuses = []
        for count in (1, 2, 2):
            made = response(challenge, PASSWORD, ("INVITE", URI), "c", f"{count:08x}")
            fields = (
                f'username="{PASSWORD.username}", realm="{challenge.realm}", nonce="{challenge.nonce}", uri="{URI}"'
            )
            fields += f', algorithm=SHA-256, qop=auth, nc={count:08x}, cnonce="c", response="{made}"'
            asked = Asked(body=OFFER, headers={"Authorization": f"Digest {fields}"})
            reply = peer.establish(asked)
            statuses.append(reply.status)
            if reply.status == 200:
                peer.hang_up(asked, reply)
    assert statuses == [200, 200, 401]


def test_a_bye_with_wrong_tags_gets_481_and_ends_no_call(service: RunningService) -> None:
    asked = Asked(body=OFFER)
    with RawPeer("UDP", service.sip_port) as peer, counted(service, requests_outside_calls=4):
        reply = peer.establish(asked)
        assert reply.status == 200
        bye = asked.within(reply, "BYE", 12)
        to, sender = reply.header("To"), f'"Raw" <sip:raw@127.0.0.1>;tag={asked.call}'
        for wrong in (
            replace(bye, to=f"{to}x"),
            replace(bye, to=to.partition(";tag=")[0], cseq=13),
            replace(bye, headers={"From": f"{sender}x"}, cseq=14),
            replace(bye, headers={"Call-ID": f"{asked.call}x", "From": sender}, cseq=15),
        ):
            peer.send(wrong.data("UDP", peer.port))
            refused = peer.receive(20)
            assert refused is not None
            assert refused.status == 481
        assert peer.ask(asked.within(reply, "OPTIONS", 3)).status == 200
        assert peer.hang_up(asked, reply).status == 200


def tls_status(service: RunningService, context: ssl.SSLContext, address: str) -> int:
    with RawPeer("TLS", service.tls_port, address, context) as peer:
        return peer.ask(Asked("OPTIONS")).status


def test_a_trunk_may_want_tls_and_a_certificate(service: RunningService, tmp_path: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(service.folder / "certificate.pem"))
    showing = ssl.create_default_context(cafile=str(service.folder / "certificate.pem"))
    trusted = service.folder / f"{TRUSTED}.pem"
    showing.load_cert_chain(trusted, service.folder / f"{TRUSTED}-key.pem")
    impostor = make_pair(tmp_path, "impostor")
    lying = ssl.create_default_context(cafile=str(service.folder / "certificate.pem"))
    lying.load_cert_chain(impostor.certificate, impostor.key)
    with counted(
        service, requests_without_tls=1, requests_without_certificate=1, tls_handshakes_failed_client_certificate=1
    ):
        with RawPeer("UDP", service.sip_port, SURE_ADDRESS) as peer:
            assert peer.ask(Asked("OPTIONS")).status == 403
        assert tls_status(service, trusting, SURE_ADDRESS) == 403
        assert tls_status(service, showing, SURE_ADDRESS) == 200
        with pytest.raises((OSError, AssertionError)):
            tls_status(service, lying, SURE_ADDRESS)
        assert tls_status(service, trusting, "127.0.0.1") == 200


def test_a_certificate_that_is_renewed_on_disk_is_taken_up_while_calls_go_on(
    service: RunningService, tmp_path: Path
) -> None:
    old = ssl.create_default_context(cafile=str(service.folder / "certificate.pem"))
    renewed = make_pair(tmp_path, "renewed", address="127.0.0.1")
    new = ssl.create_default_context(cafile=str(renewed.certificate))
    asked = Asked(body=OFFER)
    with RawPeer("TLS", service.tls_port, context=old) as peer:
        reply = peer.establish(asked)
        assert reply.status == 200
        renewed.certificate.replace(service.folder / "certificate.pem")
        renewed.key.replace(service.folder / "certificate-key.pem")
        assert tls_status(service, new, "127.0.0.1") == 200
        assert peer.hang_up(asked, reply).status == 200


def test_srtp_and_plain_calls_go_on_beside_each_other_with_keys_of_our_own(service: RunningService) -> None:
    line = "m=audio {port} RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + "\r\na=label:{port}\r\n"
    head = OFFER.partition("m=audio")[0]
    secure = Asked(body=head + line.format(port=40010) + line.format(port=40020))
    plain = Asked(body=OFFER)
    with RawPeer("TLS", service.tls_port) as caller, RawPeer("UDP", service.sip_port) as other:
        answers = [caller.establish(secure), other.establish(plain)]
        assert [answer.status for answer in answers] == [200, 200]
        keys = re.findall(r"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:(\S+)", answers[0].body)
        assert answers[0].body.count("RTP/SAVP") == 2
        assert len({*keys, KEY}) == 3
        assert "crypto" not in answers[1].body
        assert [caller.hang_up(secure, answers[0]).status, other.hang_up(plain, answers[1]).status] == [200, 200]


def test_one_address_that_floods_leaves_room_for_others(service: RunningService, tmp_path: Path) -> None:
    speech = excerpt(1)
    with counted(service, invites_refused_source_rate=40), RawPeer("UDP", service.sip_port, "127.0.0.10") as flooder:
        for _ in range(80):
            flooder.send(Asked(body=OFFER.replace("RTP/AVP 0", "RTP/AVP 18")).data("UDP", flooder.port))
        session = start_session(service, tmp_path, speech)
        session.finish()
        assert_spoken(service, service.wait_call(session.sip_call_id)["id"], speech)


def doctor(service: RunningService, cwd: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    outcome = subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "--config", str(service.config), "doctor", "--json", *options],
        cwd=cwd, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return outcome.returncode, json.loads(outcome.stdout)


def test_the_doctor_says_whom_the_service_refused_and_what_to_change(service: RunningService, tmp_path: Path) -> None:
    secret = "sip:bishop@secret.example.com"
    named = {"From": f'"Very Private" <{secret}>;tag=1', "To": f"<{secret}>"}
    with RawPeer("UDP", service.sip_port, "127.0.0.6") as peer:
        offer = OFFER.replace("RTP/AVP 0", "RTP/AVP 18").replace("0 PCMU", "18 G729")
        assert peer.ask(Asked(body=offer, headers=named)).status == 488
        assert peer.ask(Asked("REGISTER", headers=named)).status == 405
    with RawPeer("TCP", service.tls_port, "127.0.0.6") as peer:
        peer.send(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
        assert peer.is_closed(30)
    time.sleep(2.5)
    status, findings = doctor(service, tmp_path, "--trunk", "wide")
    assert status == 0, findings
    refused = {
        finding["detail"].partition(" ")[0]: finding for finding in findings if finding["check"] == "refused 127.0.0.6"
    }
    assert "no codec of trunk wide: offered G729" in refused["INVITE"]["detail"]
    assert refused["INVITE"]["cure"].startswith("let it offer PCMU or PCMA")
    assert "do not let it register here" in refused["REGISTER"]["cure"]
    assert "what it sent is no TLS" in refused["TLS"]["detail"]
    told = json.dumps(findings)
    assert not any(word in told + service.log for word in ("bishop", "Private", "secret.example"))
    checks = {finding["check"]: finding for finding in findings}
    for check in ("answers UDP", "answers TCP", "answers TLS", "RTP range", "TLS certificate", "TLS name", "capacity"):
        assert checks[check]["verdict"] != "bad"
    assert f"is bound by callscribe (process {service.pids('sip')[0]})" in checks["sip.port"]["detail"]
    assert [finding["check"] for finding in findings if finding["check"].startswith("trunk ")] == ["trunk wide"]


def test_the_doctor_knows_no_trunk_that_is_not_there(service: RunningService, tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "--config", str(service.config), "doctor", "--trunk", "none"],
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert outcome.returncode == 2
    assert "there is no trunk none; the settings have asking, old, sure, wide" in outcome.stderr
