"""The HTTP port of the ingests, with real requests, RTP and WebRTC, and a node that notes what comes."""

import asyncio
import fractions
import re
import socket
import ssl
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from av import AudioFrame

from callscribe.config.ingest import IngestSettings
from callscribe.domain.call import Dialect, Role
from callscribe.domain.errors import PortUnavailable, SettingsError
from callscribe.live.ingest.http import IngestHttp
from callscribe.live.ingest.steps import Heard
from callscribe.live.ingest.webrtc import _UNREAD_FRAMES, WebrtcSession
from telephony.settings import TrunkSettings
from tests.acceptance.tls import make_certificate
from tests.live.ingest.node import Node
from tests.live.ingest.peers import require_address

TRUNK = TrunkSettings("pbx")
ADVERTISED = "203.0.113.9"
SDP = {"content-type": "application/sdp"}


@pytest.fixture
def node() -> Node:
    return Node()


@asynccontextmanager
async def running(node: Node, trunk: TrunkSettings = TRUNK, **settings: object) -> AsyncIterator[IngestHttp]:
    port = IngestHttp(replace(IngestSettings(), **settings), (trunk,), node)  # type: ignore[arg-type]
    await port.listen("127.0.0.1", 0)
    try:
        yield port
    finally:
        async with asyncio.timeout(10):
            await port.stop()


@asynccontextmanager
async def client(port: IngestHttp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port.port}", trust_env=False) as asking:
        yield asking


class Tone(AudioStreamTrack):
    """440 Hz, 20 ms by 20 ms."""

    async def recv(self) -> AudioFrame:
        silent = await super().recv()
        assert isinstance(silent, AudioFrame)
        assert silent.pts is not None
        at = np.arange(silent.pts, silent.pts + silent.samples) / silent.sample_rate
        tone = (8_000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
        frame = AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.pts, frame.sample_rate = silent.pts, silent.sample_rate
        frame.time_base = fractions.Fraction(1, silent.sample_rate)
        return frame


async def offer(peer: RTCPeerConnection) -> str:
    """An offer of one audio stream."""
    peer.addTrack(Tone())
    await peer.setLocalDescription(await peer.createOffer())
    return str(peer.localDescription.sdp)


def rtp(number: int, payload: bytes, *, ssrc: int = 9, kind: int = 0) -> bytes:
    return struct.pack(">BBHII", 0x80, kind, number, number * 160, ssrc) + payload


def address(told: httpx.Response) -> tuple[str, int]:
    host, _, port = told.json()["external_host"].rpartition(":")
    return host, int(port)


def sender(host: str = "127.0.0.1") -> socket.socket:
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sending.bind((host, 0))
    return sending


async def test_a_browser_s_tone_is_heard_at_16_khz_until_it_is_ended(node: Node) -> None:
    require_address()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/whip?id=page-1&caller=1001", content=await offer(peer), headers=SDP)
        assert (told.status_code, told.headers["content-type"]) == (201, "application/sdp")
        await peer.setRemoteDescription(RTCSessionDescription(told.text, "answer"))
        await node.until(lambda: len(node.calls) == 1 and len(node.heard()) > 32_000)
        assert (await asking.delete(told.headers["location"])).status_code == 200
        assert (await node.end()).reason == "bye"
        assert (await asking.delete(told.headers["location"])).status_code == 404
    await peer.close()
    call = node.calls[0]
    assert (call.dialect, call.sample_rate, call.caller.address) == (Dialect.BROWSER, 16_000, "tel:1001")
    assert ("browser-id", "page-1") in call.outside_ids.others
    heard = np.frombuffer(node.heard()[-16_000:], "<i2")
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.argmax(spectrum) * 16_000 / len(heard) - 440) < 5


async def test_a_browser_that_hangs_up_ends_its_call(node: Node) -> None:
    require_address()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/whip", content=await offer(peer), headers=SDP)
        await peer.setRemoteDescription(RTCSessionDescription(told.text, "answer"))
        await node.until(lambda: len(node.calls) == 1)
        await peer.close()
        assert (await node.end()).reason == "bye"


async def test_an_answer_names_the_advertised_address_only(node: Node) -> None:
    require_address()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    async with running(node, advertised_address=ADVERTISED) as port, client(port) as asking:
        told = await asking.post("/whip", content=await offer(peer), headers=SDP)
    await peer.close()
    candidates = [line.split()[4] for line in told.text.splitlines() if line.startswith("a=candidate")]
    assert {host for host in candidates if "." in host} == {ADVERTISED}


async def test_what_comes_while_nobody_understands_is_dropped_beyond_10_s_and_leaves_a_gap() -> None:
    track, counts = Burst(_UNREAD_FRAMES + 100), Counter[str]()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    session = WebrtcSession(peer, track, "", counts)
    await asyncio.wait_for(track.sent.wait(), 60)
    assert counts == {"ingest_packets_dropped": 100}
    await session.begun(5)
    track.room.set()
    sounds = session.sounds()
    places = [sound.at async for sound in sounds if isinstance(sound, Heard)]
    assert places == [number * 320 for number in (*range(_UNREAD_FRAMES), _UNREAD_FRAMES + 100)]
    await session.close()


class Burst(AudioStreamTrack):
    """Silence that comes at once, a last frame once there is room for it, and an end."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.sent, self.room = asyncio.Event(), asyncio.Event()
        self._frames = frames
        self._number = 0

    async def recv(self) -> AudioFrame:
        if self._number == self._frames:
            self.sent.set()
            await self.room.wait()
        if self._number > self._frames:
            raise MediaStreamError
        frame = AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
        frame.pts, frame.sample_rate = 960 * self._number, 48_000
        frame.time_base = fractions.Fraction(1, 48_000)
        self._number += 1
        return frame


async def test_an_offer_that_cannot_be_answered_is_refused_and_leaves_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    class Peer(RTCPeerConnection):
        async def close(self) -> None:
            closed.append(self)
            await super().close()

    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    good = await offer(peer)
    await peer.close()
    deaf = good.replace("a=sendrecv", "a=recvonly")
    kept = [line for line in good.splitlines() if not line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb"))]
    strange = "\r\n".join([*kept, "a=rtpmap:96 speex/16000", ""])
    strange = re.sub(r"(m=audio \d+ \S+) .*", r"\1 96", strange)
    monkeypatch.setattr("callscribe.live.ingest.webrtc.RTCPeerConnection", Peer)
    async with running(node) as port, client(port) as asking:
        for refused, why in ((deaf, "a=sendonly"), (strange, "Opus")):
            told = await asking.post("/whip", content=refused, headers=SDP)
            assert (told.status_code, why in told.text) == (422, True)
        assert port.counters()["ingest_http_connections"] == 0
    assert len(closed) == 2


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("", SDP, 422),
        ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", SDP, 422),
        ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", SDP, 422),
        ("m=audio x\r\na=mid\r\n", SDP, 422),
        ("v=0", {"content-type": "text/plain"}, 415),
        (b"\xff", SDP, 400),
        ("v" * (1 << 17), SDP, 413),
    ],
)
async def test_an_offer_that_is_none_is_refused(node: Node, body: str, headers: dict[str, str], status: int) -> None:
    async with running(node) as port, client(port) as asking:
        assert (await asking.post("/whip", content=body, headers=headers)).status_code == status
        assert port.counters()["ingest_http_connections"] == 0


async def test_without_the_extra_an_offer_is_told_what_to_install(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "callscribe.live.ingest.webrtc", None)
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/whip", content="v=0", headers=SDP)
    assert told.status_code == 501
    assert "pip install 'callscribe[webrtc]'" in told.text


async def test_announced_rtp_is_a_call_from_its_first_packet_until_it_is_ended(node: Node) -> None:
    plan = {
        "id": "1732.5",
        "format": "alaw",
        "caller": "1001",
        "caller_name": "Ann",
        "callee": "2002",
        "call": "1732.4",
    }
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/rtp", json=plan)
        assert (told.status_code, told.json()["format"]) == (201, "alaw")
        assert node.calls == []
        with sender() as sending:
            for number in (0, 2, 1):
                sending.sendto(rtp(number, b"\xd5" * 160, kind=8), address(told))
            sending.sendto(rtp(3, b"\x05\x0a\x00\xa0", kind=101), address(told))
        await node.until(lambda: len(node.calls) == 1 and len(node.heard()) == 960 and len(node.pressed) == 1)
        assert (await asking.delete(told.headers["location"])).status_code == 200
        assert (await node.end()).reason == "bye"
        # The port is free again.
        assert address(await asking.post("/rtp")) == address(told)
    call = node.calls[0]
    assert (call.dialect, call.caller.name, call.callee.address) == (Dialect.ASTERISK, "Ann", "tel:2002")
    assert {("asterisk-channel", "1732.5"), ("asterisk-call", "1732.4")} <= set(call.outside_ids.others)


async def test_rtp_of_strangers_is_not_heard(node: Node) -> None:
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/rtp", json={"mix": "mixed"})
        with sender() as peer, sender() as other_port, sender("127.0.0.5") as other_host:
            other_host.sendto(rtp(0, bytes(160)), address(told))
            peer.sendto(b"no RTP", address(told))
            peer.sendto(rtp(0, b"\xff" * 160), address(told))
            await node.until(lambda: len(node.calls) == 1)
            other_port.sendto(rtp(1, bytes(160)), address(told))
            other_host.sendto(rtp(1, bytes(160)), address(told))
            peer.sendto(rtp(1, b"\xff" * 160), address(told))
            await node.until(lambda: len(node.heard()) == 640)
        counted = port.counters()
    assert (counted["ingest_http_packets_strange"], counted["ingest_http_packets_dropped"]) == (3, 1)
    assert not np.frombuffer(node.heard(), "<i2").any()
    assert node.calls[0].channels[0].role is Role.MIXED


async def test_rtp_of_another_source_after_a_while_may_have_been_said_since(node: Node) -> None:
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/rtp")
        with sender() as sending:
            sending.sendto(rtp(0, b"\xff" * 160), address(told))
            await node.until(lambda: bool(node.calls) and len(node.heard()) == 320)
            await asyncio.sleep(0.2)
            sending.sendto(rtp(0, b"\xff" * 160, ssrc=10), address(told))
            await node.until(lambda: bool(node.doubtful))
    (said_from, chunk), *_ = node.doubtful
    # Where the first packet lies depends on the clock by a sample or two.
    assert 160 <= said_from < 200 < chunk.offset


async def test_rtp_may_come_from_an_address_that_was_named(node: Node) -> None:
    async with running(node) as port, client(port) as asking:
        told = await asking.post("/rtp", json={"source": "127.0.0.5"})
        with sender("127.0.0.5") as sending:
            sending.sendto(rtp(0, bytes(160)), address(told))
            await node.until(lambda: len(node.calls) == 1)


async def test_rtp_that_falls_silent_ends_its_call(node: Node) -> None:
    async with running(node, media_timeout_s=1) as port, client(port) as asking:
        told = await asking.post("/rtp")
        with sender() as sending:
            sending.sendto(rtp(0, bytes(160)), address(told))
            assert (await node.end()).reason == "no-media"
        assert (await asking.delete(told.headers["location"])).status_code == 404


@pytest.mark.parametrize("body", ["[]", "{", '{"format": "g729"}', '{"source": "pbx.example"}'])
async def test_a_plan_that_is_none_is_refused(node: Node, body: str) -> None:
    async with running(node) as port, client(port) as asking:
        assert (await asking.post("/rtp", content=body)).status_code == 422


async def test_where_no_port_or_place_is_free_a_peer_is_told_so(node: Node) -> None:
    async with running(node, rtp_port_min=20998, rtp_port_max=20999) as port, client(port) as asking:
        assert (await asking.post("/rtp")).status_code == 201
        full = await asking.post("/rtp")
        assert (full.status_code, "ingest.rtp_port_min" in full.text) == (503, True)
    async with running(node, max_connections=1) as port, client(port) as asking:
        assert (await asking.post("/rtp")).status_code == 201
        assert (await asking.post("/rtp")).status_code == 503


@pytest.mark.parametrize(("path", "headers"), [("/rtp/s3cret", {}), ("/rtp", {"authorization": "Bearer s3cret"})])
async def test_who_shows_the_token_may_announce_and_end(node: Node, path: str, headers: dict[str, str]) -> None:
    page = {**headers, "origin": "https://elsewhere.example"}
    async with running(node, TrunkSettings("pbx", allow=()), token="s3cret") as port, client(port) as asking:
        told = await asking.post(path, headers=page)
        assert (told.status_code, told.headers["access-control-allow-origin"]) == (201, "*")
        assert (await asking.post("/rtp/wrong")).status_code == 403
        assert (await asking.delete(told.headers["location"].replace("s3cret", "wrong"))).status_code in (403, 404)
        assert (await asking.delete(told.headers["location"], headers=headers)).status_code == 200


async def test_a_page_of_another_host_may_not_announce_without_a_token(node: Node) -> None:
    async with running(node) as port, client(port) as asking:
        assert (await asking.post("/rtp", headers={"origin": "https://evil.example"})).status_code == 403
        assert (await asking.post("/rtp", headers={"origin": "http://127.0.0.1:1"})).status_code == 201
        assert port.counters()["ingest_http_connections_forbidden"] == 1


async def test_the_page_has_its_scripts_and_nothing_else_is_served(node: Node) -> None:
    async with running(node, port=8765) as port, client(port) as asking:
        page = await asking.get("/")
        assert 'data-websocket-port="8765"' in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        found = [(await asking.get(f"/microphone.{kind}")).status_code for kind in ("js", "css", "html", "py")]
        assert found == [200, 200, 404, 404]


async def test_over_tls_the_same_is_served(node: Node, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    async with (
        running(node, tls_certificate=str(certificate), tls_key=str(key)) as port,
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{port.port}", verify=trusting, trust_env=False) as asking,
    ):
        # With TLS a page's name is proven by the certificate.
        page = {"host": "calls.example.com", "origin": "https://calls.example.com"}
        told = await asking.post("/rtp", headers=page)
        assert (told.status_code, port.counters()["ingest_http_connections"]) == (201, 1)
        assert (await asking.delete(told.headers["location"])).status_code == 200
        assert (port.counters()["ingest_http_connections"], node.calls) == (0, [])


async def test_a_certificate_that_is_renewed_on_disk_is_shown_to_the_next(node: Node, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    async with running(node, tls_certificate=str(certificate), tls_key=str(key)) as port:
        for _ in range(2):
            trusting = ssl.create_default_context(cafile=str(certificate))
            _, writer = await asyncio.open_connection("127.0.0.1", port.port, ssl=trusting)
            writer.close()
            await writer.wait_closed()
            make_certificate(tmp_path)


async def gone(reader: asyncio.StreamReader) -> None:
    """Wait until the other side has closed the connection."""
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            while await reader.read(1 << 16):
                pass


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /rtp HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"POST /rtp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{",
        b"GET /microphone.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nG",
    ],
    ids=["nothing", "half a head", "half a body", "half a second request"],
)
async def test_a_request_that_never_comes_whole_is_not_waited_for(
    node: Node, sent: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("callscribe.live.ingest.http._REQUEST_S", 0.5)
    async with running(node) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
        writer.write(sent)
        await gone(reader)
        writer.close()
        assert port.counters()["ingest_http_connections_without_call"] == 1
    assert "Exception" not in caplog.text


async def test_one_address_has_a_quarter_of_the_connections_at_most(node: Node) -> None:
    async with running(node, max_connections=4) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port.port) for _ in range(11)]
        await gone(opened[-1][0])
        assert port.counters()["ingest_http_connections_refused"] == 1
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.5")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port.port}", transport=elsewhere) as asking:
            assert (await asking.get("/")).status_code == 200
        for _, writer in opened:
            writer.close()


async def test_a_port_in_use_and_a_certificate_that_is_none_are_told(node: Node) -> None:
    async with running(node) as port:
        with pytest.raises(PortUnavailable, match=r"set ingest\.http_port"):
            await IngestHttp(IngestSettings(), (TRUNK,), node).listen("127.0.0.1", port.port)
    settings = IngestSettings(tls_certificate=__file__, tls_key=__file__)
    with pytest.raises(SettingsError, match=r"ingest\.tls_certificate"):
        await IngestHttp(settings, (TRUNK,), node).listen("127.0.0.1", 0)
