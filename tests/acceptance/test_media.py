"""What RTP brings beside speech: loss, disorder and what they cost, on the call record."""

import io
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acceptance import siprec
from tests.acceptance.conftest import KEYS_ADDRESS, MEDIA_TIMEOUT_S, WIDE_ADDRESS
from tests.acceptance.counting import counted
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.recording import pause, start_session, start_speaking
from tests.acceptance.rtp import Damage, RtpSender
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.sipp import Scenario, re_invite, start_sipp
from tests.acceptance.speech import excerpt, mu_law
from tests.acceptance.subscription import pressed
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken
from tests.keys import EVENT_TYPE, PACKET_SAMPLES

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize(("caller", "told"), [("127.0.0.1", "xxx"), (KEYS_ADDRESS, "4#B")])
def test_keys_are_told_by_channel_and_time_and_masked_unless_the_trunk_shows_them(
    service: RunningService, tmp_path: Path, caller: str, told: str
) -> None:
    speech = excerpt(1)
    session = start_speaking(
        lambda ports: Scenario(
            body=siprec.multipart(with_events(siprec.offer(ports))),
            content_type=siprec.CONTENT_TYPE,
            headers=siprec.HEADERS,
            during=pause(speech),
        ),
        speech,
        service.sip_port,
        tmp_path,
        options=("-i", caller),
    )
    service.wait_call(session.sip_call_id, "active")
    with pressed(service, session.sip_call_id) as keys:
        at_ms = (time.time() - session.sender.began_at) * 1000
        session.sender.press(1, "4")
        session.sender.press(1, "#")
        session.sender.press(0, "B")
        session.finish()
        call = service.wait_call(session.sip_call_id)
    assert sorted((key.channel, key.digit) for key in keys) == sorted(zip((1, 1, 0), told, strict=True))
    assert {key.masked for key in keys} == {told == "xxx"}
    assert [key.start_ms for key in keys] == sorted(key.start_ms for key in keys)
    assert min(key.start_ms for key in keys) == pytest.approx(at_ms, abs=500)
    assert {(key.channel, key.party) for key in keys} == {(0, "Daniel"), (1, "Laura Bennett")}
    # Keys are no loss.
    assert [channel["media"]["lost"] for channel in call["channels"]] == [0, 0]
    assert "dtmf" not in service.log.lower()


def with_events(offer: str) -> str:
    """The offer with telephone events beside the codec of each m-line."""
    return offer.replace("RTP/AVP 0\n", f"RTP/AVP 0 {EVENT_TYPE}\na=rtpmap:{EVENT_TYPE} telephone-event/8000\n")


def test_loss_disorder_and_duplicates_are_counted_by_channel_and_cost_quality(
    service: RunningService, tmp_path: Path
) -> None:
    speech = excerpt(4)
    damage = Damage.of(len(speech.channels[1]) // PACKET_SAMPLES, lost=0.05, duplicated=0.02, swapped=0.02)
    whole = Damage.of(len(speech.channels[0]) // PACKET_SAMPLES, lost=0, duplicated=0, swapped=0)
    session = start_speaking(
        lambda ports: Scenario(
            body=siprec.multipart(siprec.offer(ports)),
            content_type=siprec.CONTENT_TYPE,
            headers=siprec.HEADERS,
            during=pause(speech),
        ),
        speech,
        service.sip_port,
        tmp_path,
        schedules=(whole.schedule, damage.schedule),
    )
    assert all(channel["media"] is None for channel in service.wait_call(session.sip_call_id, "active")["channels"])
    session.finish()
    call = service.wait_call(session.sip_call_id)
    clean, damaged = (channel["media"] for channel in call["channels"])

    sent = len(whole.schedule)
    assert (clean["packets"], clean["lost"], clean["duplicated"], clean["reordered"]) == (sent, 0, 0, 0)
    assert damaged["packets"] == sent - damage.lost + damage.duplicated
    told = damaged["lost"], damaged["duplicated"], damaged["reordered"]
    assert told == (damage.lost, damage.duplicated, damage.swapped)
    assert min(told) > 0
    assert damaged["late"] <= damage.swapped
    assert clean["discarded"] == damaged["discarded"] == 0
    assert 0 < clean["jitter_ms"] < 20
    assert damaged["jitter_ms"] > 0
    assert clean["mos"] > 4.2
    assert 3.0 < damaged["mos"] < 4.1


def test_silence_that_is_not_sent_is_no_loss_and_costs_no_word(service: RunningService) -> None:
    speech = excerpt(2)
    sender = RtpSender(2)
    sender.suppresses = True
    sdp = siprec.offer(sender.ports).replace("RTP/AVP 0", "RTP/AVP 0 13")
    body = siprec.multipart(sdp).replace("\n", "\r\n")
    asked = Asked(body=body, content_type=siprec.CONTENT_TYPE, headers={"Require": "siprec"})
    with RawPeer("UDP", service.sip_port) as peer:
        reply = peer.establish(asked)
        sender.start(reply.audio_ports, [mu_law(channel) for channel in speech.channels])
        sender.wait()
        time.sleep(0.5)
        assert peer.hang_up(asked, reply).status == 200
    sender.close()
    call = service.wait_call(asked.call)
    assert_spoken(service, call["id"], speech)
    for channel, samples in zip(call["channels"], speech.channels, strict=True):
        media = channel["media"]
        assert 0 < media["packets"] < 0.8 * len(samples) / PACKET_SAMPLES
        assert (media["lost"], media["discarded"], media["duplicated"]) == (0, 0, 0)


def test_a_call_of_which_nothing_comes_any_more_ends_when_the_setting_says(fragile: RunningService) -> None:
    sender = RtpSender(1)
    asked = Asked(body=AUDIO_OFFER.format(port=sender.ports[0]))
    with RawPeer("UDP", fragile.sip_port) as peer:
        reply = peer.establish(asked)
        sender.start(reply.audio_ports, [b"\xff" * 8000])
        sender.wait()
        call = fragile.wait_call(asked.call, seconds=20)
        assert call["end_reason"] == "no-media"
        assert call["duration_ms"] / 1000 == pytest.approx(1 + MEDIA_TIMEOUT_S, abs=2.5)
        assert peer.hang_up(asked, reply).status == 481
    sender.close()


@pytest.mark.timeout(180)
def test_strangers_who_flood_all_rtp_ports_cost_a_call_nothing_on_a_busy_machine(
    service: RunningService, tmp_path: Path
) -> None:
    assert service.rtp_ports is not None
    first = service.rtp_ports.first
    # Those of the four lines.
    with counted(service, rtp_kept_out=1000), busy(cores=4), flooded("127.0.0.66", range(first, first + 128, 2)):
        session = start_session(service, tmp_path, excerpt(3))
        session.finish()
        call = service.wait_call(session.sip_call_id)
        assert_spoken(service, call["id"], excerpt(3))
        assert_nothing_twice(service, call["id"])
    for channel in call["channels"]:
        assert channel["media"]["packets"] == len(excerpt(3).channels[0]) // PACKET_SAMPLES
        assert channel["media"]["discarded"] == channel["media"]["lost"] == 0


WIDE_OFFER = """v=0
o=caller 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {} RTP/AVP {}
a=rtpmap:9 G722/8000
"""


def test_a_trunk_that_wants_g722_is_heard_at_16_khz_and_recorded_so(service: RunningService, tmp_path: Path) -> None:
    """A tone of 6 kHz, which narrow band has no place for."""
    times = np.arange(16_000 * 3) / 16_000
    tone = (8000 * np.sin(2 * np.pi * 6000 * times)).astype(np.int16)
    call, codec = place_wide(service, tmp_path, "0 8 9", g722(tone), 9)
    assert (call["channels"][0]["codec"], codec) == ("G722", "9")
    heard, rate = recording_of(service, call["id"])
    assert rate == 16_000
    spectrum = np.abs(np.fft.rfft(heard[16_000:32_000]))
    assert int(spectrum.argmax()) == pytest.approx(6000, abs=5)
    assert call["duration_ms"] == pytest.approx(3500, abs=800)
    media = call["channels"][0]["media"]
    assert (media["packets"], media["lost"], media["mos"]) == (150, 0, 4.34)


def test_a_trunk_that_wants_g722_is_heard_at_8_khz_without_it_in_the_codec_it_likes_best(
    service: RunningService, tmp_path: Path
) -> None:
    call, codec = place_wide(service, tmp_path, "0 8", b"\xd5" * 8000, 8)
    assert (call["channels"][0]["codec"], codec) == ("PCMA", "8")
    assert recording_of(service, call["id"])[1] == 8000


HELD = '<pause milliseconds="700"/>'


def test_a_call_that_begins_on_hold_is_heard_at_16_khz_when_it_goes_on_so(
    service: RunningService, tmp_path: Path
) -> None:
    times = np.arange(16_000 * 2) / 16_000
    tone = (8000 * np.sin(2 * np.pi * 6000 * times)).astype(np.int16)
    sender = RtpSender(1)
    sender.payload_type = 9
    offer = WIDE_OFFER.format(sender.ports[0], "9 8")
    scenario = Scenario(
        offer + "a=inactive\n",
        during=HELD + re_invite(offer.replace("caller 1 1", "caller 1 2")) + '<pause milliseconds="2500"/>',
        requests_during=1,
    )
    caller = start_sipp(scenario, service.sip_port, tmp_path, options=("-i", WIDE_ADDRESS))
    wait_for(lambda: caller.messages.count("SIP/2.0 200 OK") == 2, "the second answer")
    sender.start([int(re.findall(r"m=audio (\d+)", caller.answer)[0])], [g722(tone)])
    assert caller.wait(30) == 0, caller.errors
    sender.close()
    heard, rate = recording_of(service, service.wait_call(caller.call_ids[0])["id"])
    assert rate == 16_000
    spectrum = np.abs(np.fft.rfft(heard[-24_000:-8_000]))
    assert int(spectrum.argmax()) == pytest.approx(6000, abs=5)


def recording_of(service: RunningService, call: str) -> tuple[NDArray[np.int16], int]:
    """A call's only channel, and its rate in Hz."""
    with wave.open(io.BytesIO(urllib.request.urlopen(f"{service.web}/api/v1/calls/{call}/audio").read())) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


def place_wide(
    service: RunningService, folder: Path, formats: str, payload: bytes, payload_type: int
) -> tuple[dict[str, Any], str]:
    """Call the wide-band trunk: the call's record, and the codec of the answer."""
    sender = RtpSender(1)
    sender.payload_type = payload_type
    scenario = Scenario(WIDE_OFFER.format(sender.ports[0], formats), during='<pause milliseconds="3500"/>')
    caller = start_sipp(scenario, service.sip_port, folder, options=("-i", WIDE_ADDRESS))
    answer = wait_for(lambda: caller.answer, "the answer")
    port, codec = re.findall(r"m=audio (\d+) RTP/AVP (\d+)", answer)[0]
    sender.start([int(port)], [payload])
    assert caller.wait(30) == 0, caller.errors
    sender.close()
    return service.wait_call(caller.call_ids[0]), codec


def g722(pcm: NDArray[np.int16]) -> bytes:
    """G.722 at 64 kbit/s of 16 kHz PCM: 160 bytes for 20 ms."""
    encoder = av.CodecContext.create("g722", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "s16"
    encoded = b""
    for start in range(0, len(pcm), 320):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 320], "s16", "mono")
        frame.sample_rate = 16_000
        encoded += b"".join(bytes(packet) for packet in encoder.encode(frame))
    return encoded


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """A machine with so many cores' work to do beside."""
    idle_hands = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for worker in idle_hands:
            worker.kill()
            worker.wait()


@contextmanager
def flooded(host: str, ports: Sequence[int]) -> Iterator[None]:
    """RTP of somebody who is no party comes to these ports of 127.0.0.1, twice as fast as any party's."""
    stop = threading.Event()

    def send() -> None:
        number = 0
        while not stop.wait(0.01):
            number += 1
            packet = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * PACKET_SAMPLES, 0xBAD)
            for port in ports:
                stranger.sendto(packet + os.urandom(PACKET_SAMPLES), ("127.0.0.1", port))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((host, 0))
        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            stop.set()
            sender.join()
