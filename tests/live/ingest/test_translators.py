"""What the messages of each protocol come to."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest

from callscribe.domain.call import Dialect, Role
from callscribe.live.ingest.access import Request
from callscribe.live.ingest.asterisk import AsteriskMedia
from callscribe.live.ingest.audiohook import AudiohookSession
from callscribe.live.ingest.audiosocket import AudiosocketFrames
from callscribe.live.ingest.browser import BrowserMicrophone
from callscribe.live.ingest.freeswitch import FreeswitchStream
from callscribe.live.ingest.protocols import PROTOCOLS
from callscribe.live.ingest.steps import (
    Answer,
    Begin,
    Detached,
    Digit,
    Ended,
    HangUp,
    Heard,
    Message,
    Paused,
    Resumed,
    Step,
    Translator,
)
from callscribe.live.ingest.twilio import TwilioStream
from tests.live.ingest.peers import GenesysSession, TwilioCall, audiosocket_frame, genesys_media, interleaved


def request(target: str, **headers: str) -> Request:
    return Request(target, headers, "127.0.0.1", tls=False)


def read(translator: Translator, *messages: Message) -> list[Step]:
    return [step for message in messages for step in translator.read(message)]


def begun(steps: Sequence[Step]) -> Begin:
    (begin,) = [step for step in steps if isinstance(step, Begin)]
    return begin


def told(step: Step) -> dict[str, Any]:
    assert isinstance(step, Answer)
    return dict(json.loads(step.message))


# AudioSocket


def test_audiosocket_s_id_and_first_audio_begin_a_call() -> None:
    call = uuid4()
    frames = AudiosocketFrames()
    assert read(frames, audiosocket_frame(0x01, call.bytes)) == []
    begin, heard = read(frames, audiosocket_frame(0x10, b"ab"))
    assert isinstance(begin, Begin)
    assert (begin.dialect, begin.name, begin.rate) == (Dialect.AUDIOSOCKET, str(call), 8000)
    assert begin.ids == (("audiosocket", str(call)),)
    assert heard == Heard(0, b"ab")
    assert read(frames, audiosocket_frame(0x10, b"cd"), audiosocket_frame(0x03, b"5")) == [
        Heard(0, b"cd"),
        Digit(0, "5"),
    ]
    assert read(frames, audiosocket_frame(0x00)) == [Ended("bye"), HangUp()]


@pytest.mark.parametrize(
    ("kind", "rate"),
    [(0x10, 8_000), (0x11, 12_000), (0x12, 16_000), (0x13, 24_000), (0x14, 32_000), (0x15, 44_100), (0x16, 48_000)],
)
def test_audiosocket_s_types_tell_the_rate(kind: int, rate: int) -> None:
    frames = AudiosocketFrames()
    steps = read(frames, audiosocket_frame(0x01, bytes(16)), audiosocket_frame(kind, b"ab"))
    assert begun(steps).rate == rate


@pytest.mark.parametrize(
    "frames",
    [
        [audiosocket_frame(0x10, b"ab")],
        [audiosocket_frame(0x01, bytes(15))],
        [audiosocket_frame(0x01, bytes(16)), audiosocket_frame(0x01, bytes(16))],
        [audiosocket_frame(0x01, bytes(16)), audiosocket_frame(0x10, b"abc")],
        [audiosocket_frame(0x01, bytes(16)), audiosocket_frame(0x10, b"ab"), audiosocket_frame(0x12, b"ab")],
        [audiosocket_frame(0x42)],
    ],
)
def test_audiosocket_frames_that_break_the_protocol_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"AudioSocket|samples"):
        read(AudiosocketFrames(), *frames)


def test_audiosocket_s_error_ends_the_call() -> None:
    assert read(AudiosocketFrames(), audiosocket_frame(0xFF, b"\x01")) == [Ended("rejected"), HangUp()]


# Twilio


def test_twilio_s_start_tells_the_call() -> None:
    call = TwilioCall(parameters={"caller": "sip:ann@example.com;user=phone", "callee": "1001", "callee_name": "Bob"})
    begin = begun(read(TwilioStream(request("/twilio")), *call.opening()))
    assert (begin.dialect, begin.name, begin.stream, begin.rate) == (
        Dialect.TWILIO, call.call_sid, call.stream_sid, 8000,
    )  # fmt: skip
    assert [(channel.label, channel.party, channel.codec) for channel in begin.channels] == [
        ("inbound", begin.caller, "PCMU"),
        ("outbound", begin.callee, "PCMU"),
    ]
    assert (begin.caller.address, begin.callee.address, begin.callee.name) == ("sip:ann@example.com", "tel:1001", "Bob")


@pytest.mark.parametrize(
    ("tracks", "labels"), [(("outbound",), ["outbound"]), (("outbound", "inbound"), ["inbound", "outbound"])]
)
def test_twilio_s_tracks_have_an_order_of_their_own(tracks: tuple[str, ...], labels: list[str]) -> None:
    begin = begun(read(TwilioStream(request("/twilio")), *TwilioCall().opening(*tracks)))
    assert [channel.label for channel in begin.channels] == labels


def test_twilio_s_media_are_placed_by_their_timestamp() -> None:
    stream, call = TwilioStream(request("/twilio")), TwilioCall()
    read(stream, *call.opening())
    assert read(stream, call.media("outbound", 7, b"\xff\x80", 125)) == [Heard(1, b"\x00\x00\x7c\x7d", 1000)]
    pressed = call.message("dtmf", dtmf={"track": "outbound_track", "digit": "1"})
    assert read(stream, pressed, call.message("mark", mark={}), call.stop()) == [
        Digit(1, "1"), Ended("bye"), HangUp(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        b"\x00",
        "",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({"event": "media", "media": {"track": "inbound", "timestamp": "0"}}),
        json.dumps({"event": "media", "media": {"track": "inbound", "timestamp": "0", "payload": "?"}}),
        json.dumps({"event": "media", "media": {"track": "inbound", "timestamp": "-1", "payload": ""}}),
        json.dumps({"event": "media", "media": {"track": "other", "timestamp": "0", "payload": ""}}),
        json.dumps({"event": "start", "start": {}}),
        TwilioCall().opening()[1],
    ],
)
def test_twilio_messages_that_break_the_protocol_are_refused_without_a_word_of_theirs(message: Message) -> None:
    stream = TwilioStream(request("/twilio"))
    read(stream, *TwilioCall().opening())
    with pytest.raises(ValueError, match=r"Twilio|JSON"):
        read(stream, message)


# Asterisk's chan_websocket


def test_chan_websocket_s_lines_tell_channel_and_format() -> None:
    media = AsteriskMedia(request("/asterisk?call=17.1&caller=2002&callee=1001"))
    line = (
        "MEDIA_START connection_id:main channel:WebSocket/main/0x1 channel_id:17.2 format:alaw optimal_frame_size:160"
    )
    begin = begun(read(media, line))
    assert begin.ids == (
        ("asterisk-channel", "17.2"), ("asterisk-media-connection", "main"), ("asterisk-call", "17.1"),
    )  # fmt: skip
    assert (begin.name, begin.rate, begin.channels[0].codec) == ("17.2", 8000, "PCMA")
    assert (begin.caller.address, begin.callee.address) == ("tel:2002", "tel:1001")
    assert read(media, b"\xd5", "DTMF_END digit:5", "MEDIA_XON", "STATUS queue_length:3", "HANGUP") == [
        Heard(0, b"\x08\x00"), Digit(0, "5"), Ended("bye"), HangUp(),
    ]  # fmt: skip
    assert media.parting("drained") == ("HANGUP",)


def test_chan_websocket_s_json_is_understood_and_answered_in_json() -> None:
    media = AsteriskMedia(request("/asterisk?mix=mixed"))
    variables = {"caller": "2002", "call": "17.1"}
    start = {"event": "MEDIA_START", "channel": "WebSocket/a/0x1", "format": "slin48", "channel_variables": variables}
    begin = begun(read(media, json.dumps(start)))
    assert (begin.name, begin.rate, begin.caller.address) == ("WebSocket/a/0x1", 48_000, "tel:2002")
    assert begin.channels[0].role is Role.MIXED
    assert [json.loads(str(message)) for message in media.parting("no-media")] == [{"command": "HANGUP"}]


@pytest.mark.parametrize("messages", [[b"\xd5"], ["MEDIA_START channel:a format:g729"], ["{"]])
def test_chan_websocket_without_a_format_that_is_known_is_refused(messages: list[Message]) -> None:
    with pytest.raises(ValueError, match=r"Asterisk|JSON"):
        read(AsteriskMedia(request("/asterisk")), *messages)


# FreeSWITCH


def test_freeswitch_s_first_audio_begins_the_call_that_metadata_told() -> None:
    stream = FreeswitchStream(request("/freeswitch?mix=stereo&uuid=abc"))
    metadata = json.dumps({"uuid": "other", "rate": 16000, "caller": "2002", "callee": "1001", "sip_call_id": "x@y"})
    assert read(stream, metadata) == []
    begin, *heard = read(stream, interleaved(b"aabb", b"AABB", width=2))
    assert isinstance(begin, Begin)
    assert (begin.name, begin.rate) == ("abc", 16_000)
    assert begin.ids == (("freeswitch-uuid", "abc"), ("sip-call-id", "x@y"))
    assert [channel.party for channel in begin.channels] == [begin.caller, begin.callee]
    assert heard == [Heard(0, b"aabb"), Heard(1, b"AABB")]


@pytest.mark.parametrize("metadata", [[], ["hello"], ["[1]"], ['{"mix": "mono"}']])
def test_freeswitch_s_metadata_may_be_any_text(metadata: list[str]) -> None:
    begin = begun(read(FreeswitchStream(request("/freeswitch")), *metadata, bytes(320)))
    assert (len(begin.channels), begin.rate, begin.name) == (1, 8000, "")


@pytest.mark.parametrize("target", ["/freeswitch?mix=quadro", "/freeswitch?rate=44100"])
def test_freeswitch_s_mix_and_rate_must_be_known(target: str) -> None:
    with pytest.raises(ValueError, match="mix is mono"):
        read(FreeswitchStream(request(target)), bytes(320))


# AudioHook


def audiohook(session: GenesysSession) -> AudiohookSession:
    headers = {"audiohook-session-id": session.id, "audiohook-organization-id": session.organization}
    return AudiohookSession(request("/audiohook", **headers))


def test_audiohook_s_open_is_answered_with_both_sides_kept_apart() -> None:
    session = GenesysSession()
    begin, opened = read(audiohook(session), session.open())
    assert isinstance(begin, Begin)
    assert [(channel.label, channel.role, channel.codec) for channel in begin.channels] == [
        ("external", Role.CUSTOMER, "PCMU"),
        ("internal", Role.AGENT, "PCMU"),
    ]
    assert dict(begin.ids)["conversation-id"] == session.conversation
    assert (begin.caller.address, begin.callee.address) == ("tel:+15555551234", "tel:+18005556789")
    assert told(opened) == {
        "version": "2", "id": session.id, "type": "opened", "seq": 1, "clientseq": 1,
        "parameters": {"startPaused": False, "media": [genesys_media()[1]]},
    }  # fmt: skip


def test_audiohook_s_audio_pause_and_discarded_stretches_keep_its_positions() -> None:
    session = GenesysSession()
    hook = audiohook(session)
    read(hook, session.open())
    assert read(hook, b"\xff\x80" * 80) == [Heard(0, bytes(160), 0), Heard(1, b"\x7c\x7d" * 80, 0)]
    paused, resumed = read(
        hook,
        session.message("paused", {}, 0.01),
        session.message("resumed", {"start": "PT0.01S", "discarded": "PT2.5S"}, 2.51),
    )
    assert (paused, resumed) == (Paused(), Resumed(20_080))
    read(hook, session.message("discarded", {"start": "PT2.51S", "discarded": "PT1S"}))
    assert [step.at for step in read(hook, bytes(4)) if isinstance(step, Heard)] == [28_080, 28_080]


def test_audiohook_s_close_ends_the_call_or_leaves_it_to_another_connection() -> None:
    for reason, last in (("end", Ended("bye")), ("disconnect", Ended("bye")), ("reconnect", Detached())):
        session = GenesysSession()
        hook = audiohook(session)
        read(hook, session.open())
        step, closed = read(hook, session.message("close", {"reason": reason}))
        assert step == last
        assert (told(closed)["type"], told(closed)["seq"], told(closed)["clientseq"]) == ("closed", 2, 2)


def test_audiohook_s_trial_begins_no_call_and_a_continued_session_names_the_one_before() -> None:
    probe = GenesysSession(UUID(int=0))
    assert [told(step)["type"] for step in read(audiohook(probe), probe.open())] == ["opened"]
    session = GenesysSession()
    assert begun(read(audiohook(session), session.open(continued=["before"]))).earlier == ("before",)


def test_audiohook_is_told_why_the_connection_is_closed() -> None:
    session = GenesysSession()
    (message,) = audiohook(session).parting("drained")
    assert json.loads(str(message))["parameters"] == {"reason": "completed", "info": "drained"}


@pytest.mark.parametrize(
    "media",
    [
        [{"type": "audio", "format": "OPUS", "channels": ["external"], "rate": 8000}],
        [{"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 44_100}],
        [{"type": "audio", "format": ["PCMU"], "channels": ["external"], "rate": 8000}],
        [7],
    ],
)
def test_audiohook_media_that_cannot_be_understood_are_refused(media: list[Any]) -> None:
    session = GenesysSession()
    with pytest.raises(ValueError, match="AudioHook is opened once"):
        read(audiohook(session), session.open(media))


def test_audiohook_audio_before_open_or_of_another_session_is_refused() -> None:
    session, other = GenesysSession(), GenesysSession()
    with pytest.raises(ValueError, match="before the session was opened"):
        read(audiohook(session), b"\xff\xff")
    with pytest.raises(ValueError, match="another one than the connection's"):
        read(audiohook(session), other.open())


# Web pages


def test_a_page_s_audio_is_counted_from_where_it_says() -> None:
    page = BrowserMicrophone(request("/browser"))
    begin = begun(read(page, json.dumps({"event": "start", "id": "x", "rate": 8000, "at": 800, "caller_name": "Ann"})))
    assert (begin.name, begin.stream, begin.rate, begin.caller.name) == ("x", "x", 8000, "Ann")
    assert read(page, b"abcd", b"ef") == [Heard(0, b"abcd", 800), Heard(0, b"ef", 802)]
    assert read(page, '{"event": "pause"}', '{"event": "resume", "at": 900}', b"gh", '{"event": "stop"}') == [
        Paused(), Resumed(900), Heard(0, b"gh", 900), Ended("bye"), HangUp(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "messages", [[b"ab"], ['{"event": "start", "rate": 44100}'], ['{"event": "dance"}'], ['{"event": "start"}'] * 2]
)
def test_a_page_that_does_not_begin_with_start_is_refused(messages: list[Message]) -> None:
    with pytest.raises(ValueError, match=r"start"):
        read(BrowserMicrophone(request("/browser")), *messages)


# All


NONSENSE: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1e300,
    "",
    "x" * 100_000,
    "\0\ud800",
    [],
    [[]],
    {},
    {"media": [None]},
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", NONSENSE, ids=[str(place) for place in range(len(NONSENSE))])
def test_fields_of_any_kind_are_read_or_refused(protocol: str, value: object) -> None:
    """Nothing but ValueError comes out, whatever a field holds."""
    session = GenesysSession()
    messages = [*TwilioCall().opening(), session.open(), json.dumps({"event": "MEDIA_START", "channel_id": "1"})]
    messages += [
        json.dumps({"event": "start", "id": "1"}),
        session.message("resumed", {"start": "PT0S", "discarded": "PT0S"}),
    ]
    for message in messages:
        fields = json.loads(message)
        for key in [*fields, "parameters", "start", "media", "event", "type"]:
            for changed in (
                {**fields, key: value},
                {
                    **fields,
                    key: dict.fromkeys(fields.get(key) or (), value) if isinstance(fields.get(key), dict) else value,
                },
            ):
                translator = PROTOCOLS[protocol](request(f"/{protocol}"))
                for sent in (json.dumps(changed), b"ab", b"a"):
                    with suppress(ValueError):
                        translator.read(sent)
