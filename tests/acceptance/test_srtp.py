"""Encrypted audio with keys in SDP: every m-line has its own, and what is said is heard."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.acceptance import siprec
from tests.acceptance.raw_sip import Asked, RawPeer, Reply
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt, mu_law
from tests.acceptance.srtp import Keying, Sealer
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken

pytestmark = pytest.mark.acceptance

LONG, SHORT = "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"
SPEECH = excerpt(2)


def offer(ports: Sequence[int], profile: str, keys: Sequence[Sequence[Keying]], version: int = 1) -> Asked:
    """A recording session's INVITE: of each m-line, the keys that it may have."""
    sdp = siprec.offer(ports).replace("o=src 1 1", f"o=src 1 {version}").replace("RTP/AVP", profile)
    for label, offered in enumerate(keys, 1):
        lines = "\n".join(keying.line for keying in offered)
        sdp = sdp.replace(f"a=label:{label}\n", f"a=label:{label}\n{lines}\n")
    body = siprec.multipart(sdp).replace("\n", "\r\n")
    return Asked(body=body, content_type=siprec.CONTENT_TYPE, headers={"Require": "siprec"})


def chosen(reply: Reply, keys: Sequence[Sequence[Keying]]) -> list[Sealer]:
    """A sealer of each m-line, with the key whose suite the answer took."""
    tags = [int(tag) for tag in re.findall(r"^a=crypto:(\d)", reply.body, re.MULTILINE)]
    assert len(tags) == len(keys), reply.body
    return [Sealer(next(k for k in offered if k.tag == tag)) for tag, offered in zip(tags, keys, strict=True)]


def two_suites() -> list[list[Keying]]:
    return [[Keying.fresh(1, LONG), Keying.fresh(2, SHORT)] for _ in range(2)]


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/AVP"])
def test_encrypted_parties_are_heard_also_with_the_keys_of_a_re_invite(service: RunningService, profile: str) -> None:
    """RTP/AVP with keys is what falls back to no encryption: whoever has keys is to use them."""
    sender = RtpSender(2)
    keys = two_suites()
    asked = offer(sender.ports, profile, keys)
    with RawPeer("UDP", service.sip_port) as peer:
        reply = peer.establish(asked)
        assert (reply.status, len(reply.audio_ports)) == (200, 2)
        own, theirs = (set(re.findall(r"inline:(\S+)", body)) for body in (reply.body, asked.body))
        assert len(own) == 2
        assert own.isdisjoint(theirs)
        sender.sealers = chosen(reply, keys)
        sender.start(reply.audio_ports, [mu_law(channel) for channel in SPEECH.channels])
        time.sleep(SPEECH.seconds / 2)
        fresh = [[Keying.fresh(1, SHORT)] for _ in range(2)]
        renewed = offer(sender.ports, profile, fresh, version=2)
        again = asked.within(reply, "INVITE", 2)
        changed = peer.ask(replace(again, body=renewed.body, content_type=renewed.content_type))
        assert (changed.status, changed.audio_ports) == (200, reply.audio_ports)
        sender.sealers = chosen(changed, fresh)
        peer.send(asked.within(reply, "ACK", 2).data("UDP", peer.port))
        sender.wait()
        time.sleep(0.5)
        assert peer.ask(asked.within(reply, "BYE", 3)).status == 200
    sender.close()
    call = service.wait_call(asked.call)
    assert_spoken(service, call["id"], SPEECH)
    assert_nothing_twice(service, call["id"])
    assert [channel["party"]["name"] for channel in call["channels"]] == ["Daniel", "Laura Bennett"]


def test_what_is_sent_without_the_key_is_not_heard(service: RunningService) -> None:
    sender = RtpSender(2)
    asked = offer(sender.ports, "RTP/SAVP", two_suites())
    with RawPeer("UDP", service.sip_port) as peer:
        reply = peer.establish(asked)
        sender.start(reply.audio_ports, [mu_law(channel)[:16_000] for channel in SPEECH.channels])
        sender.wait()
        assert peer.hang_up(asked, reply).status == 200
    sender.close()
    call = service.wait_call(asked.call)
    assert [channel["media"]["packets"] for channel in call["channels"]] == [0, 0]
