"""What is fuzzed: each target takes any bytes, and raises only where something is wrong.

A wrong answer is an AssertionError, an exception of the code's own is what it is. Several messages of one input are
divided by BETWEEN.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.activity import WINDOW
from asr.engine import Waveform
from asr.files import read_audio
from asr.scheduler import Scheduler
from asr.wire.messages import encode_client, encode_server, parse_client, parse_server
from callscribe.domain.errors import MalformedMessage, MalformedMetadata, UnreadableAudio, WireViolation
from callscribe.live.funasr.protocol import Config, encode, parse
from callscribe.live.funasr.replies import replies_for
from callscribe.live.ingest.access import Request as Handshake
from callscribe.live.ingest.audiosocket import AudiosocketFrames
from callscribe.live.ingest.protocols import PROTOCOLS
from callscribe.live.ingest.rtp import FORMATS, RtpStream, packet_of
from callscribe.live.ingest.steps import Heard
from telephony.front.hops import Hop, Transport
from telephony.relay.sdp import audio_of, heard, is_encrypted_only, is_out_of_reach, relayed
from telephony.sdp import media_lines, paused, repair, slim, with_media_lines, withdrawn
from telephony.settings import TrunkSettings
from telephony.sip.framing import MAX_BODY, StreamFramer, parse_datagram
from telephony.sip.message import MAX_HEAD, Request, Response
from telephony.siprec.attribution import RecordedLine, attribute
from telephony.siprec.metadata import RecordingMetadata, merge
from telephony.siprec.reading import parse as parse_metadata
from tests.asr.fake_engine import FakeEngine
from tests.fuzz import seeds
from tests.fuzz.seeds import BETWEEN
from tests.telephony.proxy_bench import CALLER, SDP, Bench

MOST_MESSAGES = 16
"""Of one input."""
_ASKED = Hop(Transport.UDP, "198.51.100.7", 5060)
_TRUNKS = (
    TrunkSettings(name="pbx", allow=("192.0.2.0/24",)),
    TrunkSettings(name="asked", allow=("198.51.100.7/32",), digest_username="u", digest_password="p"),
)
_RTP_PACE = 160
_GROWTH = 3_840 * 250
"""Bytes of PCM that one message may come to, whatever its size: Opus, 250 packets of 120 ms."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way in."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    """What is written into inputs, beside what the seeds have."""


def _messages(data: bytes) -> list[bytes]:
    return data.split(BETWEEN, MOST_MESSAGES)[:MOST_MESSAGES]


def sip(data: bytes) -> None:
    """Datagrams at the front, from a trunk and from one that is asked for a password; its lines take every call."""
    for source in (CALLER, _ASKED):
        bench = Bench(trunks=_TRUNKS)
        for message in _messages(data):
            try:
                bench.proxy.receive(parse_datagram(message), source)
            except MalformedMessage as error:
                bench.proxy.refuse_unreadable(message, str(error), source)
            for sent in bench.to_line():
                if sent.method == "INVITE":
                    bench.line_says(sent, 200, SDP)
        bench.advance(40.0)
        for number in range(2):
            bench.proxy.line_lost(number)
        bench.advance(40.0)


def stream(data: bytes) -> None:
    """What a TCP connection brings, in pieces of every size, at the front: each message is held once."""
    framer, size = StreamFramer(), 1 + len(data) % 97
    with suppress(MalformedMessage):
        for place in range(0, len(data), size):
            for taken in framer.feed(data[place : place + size]):
                if isinstance(taken, Request | Response):
                    parse_datagram(taken.to_bytes())
            assert framer.buffered <= MAX_HEAD + MAX_BODY + size


def sdp(data: bytes) -> None:
    """An offer or answer, as front and relay read and write it; what is written can be read, and changes no more."""
    whole = repair(data, "192.0.2.1").sdp
    assert repair(whole, "192.0.2.1").sdp == whole
    for codecs in ((), ("G722", "PCMA")):
        small = slim(whole, codecs)
        assert len(media_lines(small)) == len(media_lines(whole))
        is_out_of_reach(whole, codecs)
        if found := audio_of(whole, codecs):
            relayed(whole, codecs, "127.0.0.1", 4000, is_answer=False)
            relayed(whole, codecs, "127.0.0.1", 4000, is_answer=True)
            heard(found, found.narrowed, "127.0.0.1", (4000, 4002), 1)
    is_encrypted_only(whole)
    with_media_lines(paused(whole), withdrawn(whole))


def metadata(data: bytes) -> None:
    """Metadata documents of one recording session, one after the other, and who is on which m-line then."""
    known: RecordingMetadata | None = None
    for document in _messages(data):
        with suppress(MalformedMetadata):
            known = merge(known, parse_metadata(document))
    if known:
        attribute(known, (), (RecordedLine(0, "1"), RecordedLine(1, "2")))
        assert len(known.participants) + len(known.streams) + len(known.uses) < 10_000


class _Startled:
    """Ears to which every window is speech, so that all of it is decoded."""

    def listen(self) -> "_Startled":
        return self

    def push(self, audio: Waveform) -> NDArray[np.float32]:
        return np.ones(len(audio) // WINDOW, np.float32)


def wire(data: bytes) -> None:
    """A supervisor's messages at a recogniser, which hears and decodes what it is sent."""
    scheduler = Scheduler(FakeEngine(), _Startled())
    for raw in _messages(data):
        for message in (raw, raw.decode("utf-8", "surrogateescape")):
            with suppress(WireViolation):
                told = parse_client(message)
                again = encode_client(told)
                assert encode_client(parse_client(again)) == again
                scheduler.accept(1, told)
    for _ in range(100):
        if scheduler.work() is None:
            break
    scheduler.drop(1)


def reports(data: bytes) -> None:
    """A recogniser's message at a supervisor."""
    with suppress(WireViolation):
        told = parse_server(data.decode("utf-8", "surrogateescape"))
        encode_server(told)


def funasr(data: bytes) -> None:
    """A FunASR client's messages: what it is told then is JSON without anything it did not say."""
    config = Config()
    for message in _messages(data):
        with suppress(ValueError):
            told = parse(message.decode("utf-8", "replace"), config)
            config = told.config
        if not config.objection:
            for reply in replies_for(config, config.rate).last(ack=True):
                encode(reply)
        assert len(config.wav_name) <= 200


def ingest(data: bytes) -> None:
    """A connection of one of the stream protocols; the first byte says which. Text is tried before audio."""
    names = (*PROTOCOLS, "audiosocket")
    name, data = names[(data[0] if data else 0) % len(names)], data[1:]
    handshake = Handshake(f"/{name}", {}, "127.0.0.1", tls=False)
    translator = PROTOCOLS[name](handshake) if name in PROTOCOLS else AudiosocketFrames()
    with suppress(ValueError):
        for raw in _messages(data):
            message = raw if name == "audiosocket" else _text_or_bytes(raw)
            if name == "audiosocket" and len(raw) < 3:
                continue
            sounds = [step for step in translator.read(message) if isinstance(step, Heard)]
            assert sum(len(each.pcm) for each in sounds) <= 4 * len(raw) + _GROWTH
    translator.parting("bye")


def _text_or_bytes(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def rtp(data: bytes) -> None:
    """Datagrams at a port for RTP."""
    streams = [RtpStream(form) for form in FORMATS]
    for place, datagram in enumerate(_messages(data)):
        if packet := packet_of(datagram):
            for each in streams:
                each.take(packet, place * _RTP_PACE)


def audio(data: bytes) -> None:
    """A sound file that somebody gives."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(data)
        file.flush()
        with suppress(UnreadableAudio):
            read = read_audio(Path(file.name))
            assert read.rate > 0
            assert len({len(channel) for channel in read.channels}) == 1


TARGETS = {
    "sip": Target(sip, seeds.sip, (b"sip:", b";tag=", b"\r\n ", b";lr", b"Replaces: ", b"Route: <sip:a;lr>\r\n")),
    "stream": Target(stream, seeds.sip, (b"\r\n\r\n", b"Content-Length: 99999999999\r\n", b"l: -1\r\n")),
    "sdp": Target(sdp, seeds.sdp, (b"m=audio 0 RTP/AVP 0", b"c=IN IP6 ::1", b"a=rtpmap:0 PCMU/8000", b"a=rtcp:")),
    "metadata": Target(metadata, seeds.metadata, (b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<![CDATA[", b"xmlns:")),
    "wire": Target(wire, seeds.wire, (b'"offset":', b"1e999", b"NaN", b"9223372036854775807")),
    "reports": Target(reports, seeds.reports, (b"1e999", b"NaN", b"[[[[", b"\\ud800")),
    "funasr": Target(funasr, seeds.funasr, (b"1e999", b"NaN", b"[[[[", b"\\ud800", b'"hotwords":')),
    "ingest": Target(ingest, seeds.ingest, (b"PT9999999999S", b"1e999", b"\x1a\x45\xdf\xa3", b"\xa3\x81", b"PT")),
    "rtp": Target(rtp, seeds.rtp),
    "audio": Target(audio, seeds.audio, (b"RIFF", b"WAVE", b"fmt ", b"data", b"\xff\xff\xff\xff", b"fLaC", b"OggS")),
}
