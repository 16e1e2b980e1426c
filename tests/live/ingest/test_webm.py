"""WebM as a browser's recorder writes it. chromium.webm is what Chromium 156's MediaRecorder gave in its first seconds
of the demo call's agent, cut where a block ended."""

import random
from pathlib import Path

import numpy as np
import pytest

from callscribe.live.ingest.opus import RATE, OpusDecoder
from callscribe.live.ingest.webm import OpusPacket, WebmOpus

RECORDING = (Path(__file__).parent / "chromium.webm").read_bytes()
BLOCK = b"\xa3\x85\x81\x00\x00\x80\xff"
"""Of track 1, at 0 ms of its cluster."""
PACKET_MS = 60


def element(name: int, body: bytes) -> bytes:
    """With a size of four bytes."""
    return bytes.fromhex(f"{name:x}") + (len(body) | 1 << 28).to_bytes(4, "big") + body


def recording(codec: bytes = b"A_OPUS", number: int = 1) -> bytes:
    """A header, a segment and a cluster of unknown length, one second after the beginning."""
    track = element(0xAE, element(0xD7, bytes([number])) + element(0x86, codec))
    segment = b"\x18\x53\x80\x67\x01" + b"\xff" * 7
    cluster = b"\x1f\x43\xb6\x75\xff" + element(0xE7, b"\x03\xe8")
    return element(0x1A45DFA3, b"") + segment + element(0x1654AE6B, track) + element(0xEC, bytes(9)) + cluster


def test_a_recording_of_chromium_is_packets_of_60_ms_one_after_the_other() -> None:
    packets = WebmOpus().feed(RECORDING)
    assert [packet.at_ms for packet in packets[:20]] == [index * PACKET_MS for index in range(20)]
    assert [packet.first for packet in packets] == [True] + [False] * (len(packets) - 1)


def test_where_a_recording_is_cut_makes_no_difference() -> None:
    whole, webm = WebmOpus().feed(RECORDING), WebmOpus()
    assert [packet for byte in RECORDING for packet in webm.feed(bytes([byte]))] == whole


def test_what_is_said_in_it_can_be_heard() -> None:
    decoder = OpusDecoder()
    packets = WebmOpus().feed(RECORDING)
    heard = np.frombuffer(b"".join(decoder.decode(packet.payload) for packet in packets), np.int16)
    expected = len(packets) * PACKET_MS * RATE // 1000
    assert expected - RATE // 100 < len(heard) <= expected
    assert np.abs(heard[-RATE:].astype(int)).max() > 3000


def test_another_header_begins_another_recording_with_tracks_of_its_own() -> None:
    packet = OpusPacket(1000, b"\xff", first=True)
    webm = WebmOpus()
    second = recording(number=2) + BLOCK.replace(b"\x81", b"\x82")
    assert list(webm.feed(recording() + BLOCK + second)) == [packet, packet]


def test_blocks_of_other_tracks_are_passed_over() -> None:
    assert list(WebmOpus().feed(recording() + BLOCK.replace(b"\x81", b"\x83"))) == []


@pytest.mark.parametrize(
    "stream",
    [
        b"RIFF",
        b"OggS",
        recording()[20:],
        recording(b"V_VP8") + BLOCK,
        recording() + BLOCK.replace(b"\x80", b"\x02"),
        recording() + b"\xa3\x1f\xff\xff\x00",
        recording() + b"\xa3\xff",
        recording() + b"\x00",
        element(0x1A45DFA3, b"") + element(0x1654AE6B, element(0xAE, b"\xd7\x88")),
    ],
    ids=["wav", "ogg", "no header", "no opus", "lacing", "long block", "endless block", "no name", "long child"],
)
def test_what_is_no_webm_with_opus_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match="WebM"):
        WebmOpus().feed(stream)


def test_damaged_recordings_raise_nothing_else() -> None:
    chance = random.Random(3)
    refused = 0
    for _ in range(300):
        damaged = bytearray(RECORDING[:2000])
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        webm, decoder = WebmOpus(), OpusDecoder()
        try:
            for packet in webm.feed(bytes(damaged)):
                decoder.decode(packet.payload)
        except ValueError:
            refused += 1
    assert 0 < refused < 300


def test_a_packet_that_is_no_opus_is_refused() -> None:
    with pytest.raises(ValueError, match="no Opus"):
        OpusDecoder().decode(b"\xff\xff\xff")
