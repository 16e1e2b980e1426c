"""Where a fuzzer begins: a few messages and files that are right. They are made anew each time, none is kept."""

import io
import json
import struct
from collections.abc import Sequence
from uuid import UUID

import av
import numpy as np
from av.audio.stream import AudioStream

from asr.engine import Capabilities
from asr.identification import IdentifiedLanguage
from asr.wire.messages import (
    Acknowledged,
    Audio,
    ChannelOptions,
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
)
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Correction, Final, Partial, Word
from tests.live.ingest.peers import GenesysSession, TwilioCall, audiosocket_frame
from tests.live.ingest.test_browser import RECORDING
from tests.telephony.proxy_bench import MULTIPART_TYPE, SDP, Ask, multipart
from tests.telephony.test_siprec import COMPLETE
from tests.telephony.torture import ALL

BETWEEN = b"\n-- next --\n"
"""Between two messages of one input."""
CONVERSATION = UUID(int=7)
FORMATS = (("wav", "pcm_s16le"), ("wav", "pcm_mulaw"), ("flac", "flac"), ("ogg", "libopus"), ("mp3", "libmp3lame"),
           ("caf", "pcm_s16be"), ("aiff", "pcm_s16be"), ("matroska", "libopus"), ("mp4", "aac"))  # fmt: skip
"""Container and codec of each sound file."""
_SKIPPED = {"start": "PT1.5S", "discarded": "PT2S"}
"""What an AudioHook client kept to itself."""


def sip() -> Sequence[bytes]:
    """A call from INVITE to BYE, a recording session, and messages that torture a parser."""
    call = (
        Ask(body=SDP), Ask("ACK", to_tag="line-tag", branch="z9hG4bK-ack"),
        Ask("UPDATE", cseq=2, to_tag="line-tag", body=SDP), Ask("BYE", cseq=3, to_tag="line-tag"),
    )  # fmt: skip
    recorded = Ask(
        body=multipart(metadata=COMPLETE), content_type=MULTIPART_TYPE,
        headers=(("Require", "siprec"), ("Contact", "<sip:src@192.0.2.10:5062>;+sip.src"), ("Session-ID", "a;remote=b"),
                 ("Session-Expires", "90;refresher=uac"), ("Supported", "timer"), ("X-Avaya-UCID", "0001")),
    )  # fmt: skip
    answered = Ask(
        body=SDP, call="asked", headers=(("Authorization", 'Digest username="u", realm="callscribe", nonce="a.b.c", '
                                         'uri="sip:a", response="0", qop=auth, nc=1, cnonce="x", algorithm=MD5'),),
    )  # fmt: skip
    torture = [each.data("192.0.2.10", 5062, f"t{place}") for place, each in enumerate(ALL)]
    cancelled = Ask("CANCEL", call="call-2", branch="z9hG4bK-call-2-1-INVITE")
    return [
        BETWEEN.join(ask.data() for ask in call),
        recorded.data(),
        answered.data(),
        BETWEEN.join((Ask(call="call-2", body=SDP).data(), cancelled.data())),
        *torture,
    ]


def metadata() -> Sequence[bytes]:
    """A whole metadata document, and an update of it."""
    update = COMPLETE.replace("<datamode>complete", "<datamode>partial")
    return [COMPLETE.encode(), update.encode(), BETWEEN.join((COMPLETE.encode(), update.encode()))]


def sdp() -> Sequence[bytes]:
    """Offers of a recording client and of WebRTC."""
    secured = (
        SDP.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF") + "a=rtcp:40001\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"
    )
    return [SDP.encode(), (SDP + "m=audio 40002 RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n").encode(),
            secured.encode()]  # fmt: skip


def wire() -> Sequence[bytes]:
    """A channel of a recogniser from open to close."""
    options = ChannelOptions(channel=0, rate=8_000, hotwords=(Hotword("Summit Telecom", 2.0),), languages=("en", "zh"))
    said = struct.pack("<400h", *([900, -900] * 200))
    messages = (
        Open(5, 0, options), Audio(5, 0, said), Audio(5, 40_000, said), SetHotwords(5, options.hotwords), Close(5),
    )  # fmt: skip
    encoded = (encode_client(message) for message in messages)
    return [BETWEEN.join(each.encode() if isinstance(each, str) else each for each in encoded)]


def reports() -> Sequence[bytes]:
    """What a recogniser says."""
    able = Capabilities(("en", "zh"), hotwords=True)
    word = Word("hello", 0, 8000, 0.9)
    final = Final(
        channel=0, start=0, end=8000, text="hello", confidence=0.9, engine="e", language="en", words=(word,),
        corrections=(Correction("hallo", "hello", 0.9),), audio_events=("laughter",), cost=0.01,
    )  # fmt: skip
    said: tuple[ServerMessage, ...] = (
        Ready("e", able, "sherpa"), FinalReport(1, final), Acknowledged(1, 8000, ((0, 5),)), Closed(1, 2**40),
        PartialReport(1, Partial(0, 0, 8000, "a", "b", 3)), Load(1, 0, 0.5, 0), Failure("busy", "no room", 1),
        LanguageReport(1, IdentifiedLanguage(0, "en", 0.9)),
    )  # fmt: skip
    return [encode_server(each).encode() for each in said]


def funasr() -> Sequence[bytes]:
    """Texts of FunASR's clients."""
    first = {"mode": "2pass", "chunk_size": [5, 10, 5], "wav_name": "a", "wav_format": "pcm", "audio_fs": 16000,
             "is_speaking": True, "itn": "true", "hotwords": '{"Summit": 20, "Ann": "30"}'}  # fmt: skip
    last = {"is_speaking": False, "is_end": 1, "hotwords": "Summit 20\nAnn Lee 30 Bob"}
    return [BETWEEN.join(json.dumps(each).encode() for each in (first, last))]


def ingest() -> Sequence[bytes]:
    """Each protocol of the stream ports; the first byte says which."""
    twilio, genesys = TwilioCall("CA1", "MZ1"), GenesysSession(CONVERSATION)
    start = json.dumps({"event": "start", "id": "x", "format": "webm", "caller": "1001", "at": 0}).encode()
    microphone = json.dumps({"event": "start", "id": "x", "format": "pcm", "rate": 16000}).encode()
    asterisk = b"MEDIA_START connection_id:1 channel:PJSIP/a format:ulaw optimal_frame_size:160"
    frames = (audiosocket_frame(1, CONVERSATION.bytes), audiosocket_frame(0x10, b"\0\1" * 160), audiosocket_frame(0))
    heard = twilio.frames({"inbound": b"\x7f" * 320, "outbound": b"\x00" * 320})
    conversations = (
        [text.encode() for text in (*twilio.opening(), *heard, twilio.stop())],
        [asterisk, b"\x7f" * 160, b"DTMF_END digit:5 duration_ms:100", b"MEDIA_XOFF", b"HANGUP"],
        [b'{"caller": "1001", "callee": "2"}', b"\0\1" * 320],
        [
            genesys.open().encode(),
            b"\x7f" * 320,
            genesys.message("resumed", _SKIPPED).encode(),
            genesys.message("close", {"reason": "end"}).encode(),
        ],
        [start, RECORDING],
        list(frames),
        [microphone, b"\0\1" * 320, b'{"event": "pause"}', b'{"event": "resume", "at": 9000}', b'{"event": "stop"}'],
    )
    places = (0, 1, 2, 3, 4, 5, 4)
    return [bytes([place]) + BETWEEN.join(messages) for place, messages in zip(places, conversations, strict=True)]


def rtp() -> Sequence[bytes]:
    """Packets of audio, with an extension, and of a key."""
    plain = struct.pack(">BBHII", 0x80, 0, 1, 160, 7) + b"\x7f" * 160
    extended = struct.pack(">BBHIIHH", 0x90, 0x80, 2, 320, 7, 0xBEDE, 1) + b"\0" * 4 + b"\x7f" * 160
    key = struct.pack(">BBHII", 0x80, 101, 3, 480, 7) + b"\5\x8a\0\xa0"
    return [BETWEEN.join((plain, extended, key))]


def audio() -> Sequence[bytes]:
    """A quarter of a second in each format."""
    return [_sound(container, codec) for container, codec in FORMATS]


def _sound(container: str, codec: str) -> bytes:
    rate = 48_000 if codec == "libopus" else 8_000 if codec == "pcm_mulaw" else 16_000
    wave = (np.sin(np.arange(rate // 4) / 9) * 9000).astype(np.int16)[np.newaxis]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
        frame.sample_rate = rate
        fit = av.AudioResampler(stream.format.name, "mono", rate, stream.codec_context.frame_size or None)
        for piece in (*fit.resample(frame), *fit.resample(None), None):
            output.mux(stream.encode(piece))
    return file.getvalue()
