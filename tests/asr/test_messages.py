import json
import struct
from dataclasses import replace

import pytest

from asr.engine import Capabilities
from asr.identification import IdentifiedLanguage
from asr.settings import EndpointSettings
from asr.wire.fields import MAX_MESSAGE_BYTES
from asr.wire.messages import (
    MAX_PCM_BYTES,
    VERSION,
    Acknowledged,
    Audio,
    ChannelOptions,
    ClientMessage,
    Close,
    Closed,
    Failure,
    FinalReport,
    LanguageReport,
    Load,
    Open,
    PartialReport,
    Ready,
    ServerMessage,
    SetHotwords,
    encode_client,
    encode_server,
    parse_client,
    parse_server,
)
from callscribe.domain.errors import WireViolation
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Correction, Final, Partial, Word

OPTIONS = ChannelOptions(
    channel=1,
    rate=16_000,
    language="en-GB",
    hotwords=(Hotword("Callscribe", 2.5), Hotword("Zürich")),
    endpoint=EndpointSettings(onset_ms=96, hang_ms=300, preroll_ms=200, max_utterance_s=10),
    update_ms=320,
    correction=0.875,
)
FINAL = Final(
    channel=0,
    start=1,
    end=2,
    text="4 you, Acme",
    confidence=0.5,
    engine="e",
    spoken="for you, acne",
    corrections=(Correction("acne", "Acme", 0.875),),
    emotion="happy",
    audio_events=("laughter",),
    cost=0.0012,
)
OPEN = json.loads(encode_client(Open(1, 0, OPTIONS)))


@pytest.mark.parametrize(
    "message",
    [
        Open(4_000_000_000, 1 << 40, OPTIONS),
        Open(1, 0, replace(OPTIONS, language="auto", languages=("zh", "en"), spoken="zh")),
        Audio(7, 123_456_789_012, b"\x01\x02\xff\xfe"),
        SetHotwords(0, (Hotword("pound key", 0.5),)),
        SetHotwords(0, ()),
        Close(3),
    ],
)
def test_what_a_supervisor_says_arrives_as_it_was(message: ClientMessage) -> None:
    assert parse_client(encode_client(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Ready("moonshine-tiny-en", Capabilities(languages=("en",), hotwords=True), "moonshine"),
        PartialReport(5, Partial(channel=1, start=8, end=9, committed="Grüezi", tentative='"mit', revision=2)),
        FinalReport(5, Final(0, 1, 2, "yes", 0.5, "e", "en", (Word("yes", 1, 2, 0.25),))),
        FinalReport(5, FINAL),
        LanguageReport(5, IdentifiedLanguage(8_000, "zh", 0.875)),
        Acknowledged(1, 5),
        Acknowledged(1, 5, ((0, 2), (3, 5))),
        Closed(1, 9),
        Failure("bad-message", "no"),
        Failure("too-many-channels", "no", 0),
        Load(channels=3, queued=1, real_time_factor=0.25, refused=4, needed=0.125, late_s=1.5),
    ],
)
def test_what_a_recogniser_says_arrives_as_it_was(message: ServerMessage) -> None:
    assert parse_server(encode_server(message)) == message


def test_an_audio_message_is_number_and_offset_little_endian_and_then_pcm() -> None:
    message = encode_client(Audio(2, 3, b"\x10\x00"))
    assert message == b"\x02\0\0\0" + b"\x03\0\0\0\0\0\0\0" + b"\x10\x00"


def test_unknown_fields_are_ignored() -> None:
    assert parse_client(json.dumps({"type": "close", "number": 3, "colour": "red"})) == Close(3)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "[]",
        "null",
        '"open"',
        "{}",
        "[" * 100_000,
        json.dumps({"type": "close"}),
        json.dumps({"type": "close", "number": -1}),
        json.dumps({"type": "close", "number": 1.0}),
        json.dumps({"type": "close", "number": True}),
        json.dumps({"type": "close", "number": 2**32}),
        json.dumps({"type": "shout", "number": 1}),
        json.dumps({"type": ["close"], "number": 1}),
        '{"type": "close", "number": NaN}',
        json.dumps(OPEN | {"rate": 44_100}),
        json.dumps(OPEN | {"rate": "8000"}),
        json.dumps(OPEN | {"offset": 2**60}),
        json.dumps(OPEN | {"offset": None}),
        json.dumps(OPEN | {"hang_ms": 10**9}),
        json.dumps(OPEN | {"update_ms": 0}),
        json.dumps(OPEN | {"correction": 1.1}),
        json.dumps(OPEN | {"hotwords": "one"}),
        json.dumps(OPEN | {"hotwords": [1]}),
        json.dumps(OPEN | {"hotwords": [{"text": "x"}]}),
        json.dumps(OPEN | {"hotwords": [{"text": "x", "weight": 6}]}),
        json.dumps(OPEN | {"hotwords": [{"text": "x" * 101, "weight": 1}]}),
        json.dumps(OPEN | {"hotwords": [{"text": "x", "weight": 1}] * 1001}),
        json.dumps(OPEN | {"hotwords": [{"text": "\ud800", "weight": 1}]}),
        json.dumps(OPEN | {"language": "e" * 40}),
        b"",
        b"\0" * 12,
        b"\0" * 13,
        b"\0" * (12 + MAX_PCM_BYTES + 2),
        struct.pack("<IQ", 1, 2**63) + b"\0\0",
    ],
)
def test_nonsense_from_a_supervisor_is_a_wire_violation(message: str | bytes) -> None:
    with pytest.raises(WireViolation):
        parse_client(message)


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        "x",
        json.dumps({"type": "final", "number": 1}),
        json.dumps({"type": "acknowledged", "number": 1, "offset": -5}),
        json.dumps({"type": "load", "channels": 1, "queued": 0, "real_time_factor": "much", "refused": 0}),
        encode_server(Closed(1, 2)).replace("closed", "shut"),
        encode_server(FinalReport(5, FINAL)).replace('"score":0.875', '"score":1.5'),
        encode_server(FinalReport(5, FINAL)).replace('"spoken":"for you', '"spoken":["for you'),
        encode_server(FinalReport(5, replace(FINAL, corrections=FINAL.corrections * 2001))),
        encode_server(FinalReport(5, replace(FINAL, words=(Word("yes", 1, 2, 0.25),) * 2001))),
        encode_server(FinalReport(5, replace(FINAL, spoken="yes " * MAX_MESSAGE_BYTES))),
        encode_server(FinalReport(5, replace(FINAL, cost=-0.01))),
    ],
)
def test_nonsense_from_a_recogniser_is_a_wire_violation(message: str | bytes) -> None:
    with pytest.raises(WireViolation):
        parse_server(message)


def test_a_recogniser_of_another_version_is_refused_by_its_number() -> None:
    ready = encode_server(Ready("e", Capabilities(("en",)), "", VERSION + 1))
    with pytest.raises(WireViolation, match=f"version {VERSION + 1}"):
        parse_server(ready)
