"""The front on real sockets, before a line that a test plays."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from callscribe.cli.ports import free_port
from callscribe.domain.errors import PortUnavailable, SettingsError
from telephony.front import ports
from telephony.front.front import Front
from telephony.front.hops import Hop, Transport
from telephony.front.offer import CallOffer, Description
from telephony.lines import LineStatus
from telephony.settings import RegisterSettings, SipSettings, TrunkSettings
from telephony.sip.framing import MAX_BODY, parse_datagram
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.trunks import Trunks, contact_user
from tests.telephony.proxy_bench import METADATA, MULTIPART_TYPE, SDP, multipart
from tests.telephony.sip_peer import PEM, Peer

pytestmark = pytest.mark.integration


class PlayedLine(asyncio.DatagramProtocol):
    """Answers every INVITE and BYE with 200, and sends BYE when told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self._front: tuple[str, int] = ("", 0)

    async def open(self) -> int:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse_datagram(data)
        self._front = addr
        if isinstance(message, Response):
            self.responses.append(message)
            return
        self.requests.append(message)
        if message.method == "ACK":
            return
        to = message.headers.first("to")
        to = to if "tag=" in to else f"{to};tag=line-tag"
        fields = (*message.headers.only(("via", "from")), ("to", to), *message.headers.only(("call-id", "cseq")))
        sdp = SDP if message.method == "INVITE" else ""
        kind = (("content-type", "application/sdp"),) if sdp else ()
        self._transport.sendto(Response(200, "OK", Headers((*fields, *kind)), sdp.encode()).to_bytes(), addr)

    def hang_up(self) -> None:
        invite = self.requests[0]
        fields = (
            ("via", "SIP/2.0/UDP 127.0.0.1:1;rport;branch=z9hG4bKhangup"),
            ("from", f"{invite.headers.first('to')};tag=line-tag"),
            ("to", invite.headers.first("from")),
            ("call-id", invite.headers.first("call-id")),
            ("cseq", "7 BYE"),
        )
        self._transport.sendto(Request("BYE", "sip:caller@127.0.0.1", Headers(fields)).to_bytes(), self._front)


class Listener:
    def __init__(self) -> None:
        self.offers: list[CallOffer] = []

    def call_offered(self, offer: CallOffer) -> None:
        self.offers.append(offer)

    def call_described(self, call_id: UUID, description: Description) -> None: ...

    def call_pause_asked(self, call_id: UUID, *, paused: bool) -> None: ...

    def call_abandoned(self, call_id: UUID) -> None: ...


class Rig:
    """A front, its played line and its listener."""

    def __init__(self) -> None:
        self.line = PlayedLine()
        self.listener = Listener()
        self._peers: list[Peer] = []

    async def start(self, tls_port: int = 0, trunks: tuple[TrunkSettings, ...] = (TrunkSettings("test"),)) -> None:
        port = await self.line.open()
        settings = SipSettings(host="127.0.0.1", port=0, tls_port=tls_port, tls_certificate=PEM, tls_key=PEM)
        lines = (LineStatus(0, port, True, 0, 4),)
        self.front = Front(settings, "127.0.0.1", Trunks(trunks), lambda: lines, self.listener)
        await self.front.start()

    async def peer(self, transport: str) -> Peer:
        port = self.front.ports.tls if transport == "TLS" else self.front.ports.sip
        self._peers.append(await Peer(transport).connect(port))
        return self._peers[-1]

    async def stop(self) -> None:
        for peer in self._peers:
            await peer.close()
        await self.front.stop()
        self.line.close()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.start(tls_port=free_port())
    yield made
    await made.stop()


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_a_recording_session_runs_over_every_transport(rig: Rig, transport: str) -> None:
    peer = await rig.peer(transport)
    metadata = METADATA.replace("/>", ">" + "<!--" + "x" * 40000 + "--></recording>")
    peer.ask("INVITE", 1, multipart(metadata=metadata), MULTIPART_TYPE)
    answer = await peer.message()
    assert answer.startswith("SIP/2.0 200 OK\r\n")
    suffix = "" if transport == "UDP" else f";transport={transport.lower()}"
    port = rig.front.ports.tls if transport == "TLS" else rig.front.ports.sip
    assert f"Contact: <sip:callscribe@127.0.0.1:{port}{suffix}>;+sip.srs\r\n" in answer
    assert rig.listener.offers[0].description.metadata == metadata.encode()
    peer.ask("ACK", 1, to_tag="line-tag")
    peer.ask("BYE", 2, to_tag="line-tag")
    assert (await peer.message()).startswith("SIP/2.0 200 OK\r\n")
    assert [request.method for request in rig.line.requests] == ["INVITE", "ACK", "BYE"]
    assert rig.line.requests[0].body == SDP.encode()


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_the_line_hangs_up_over_the_callers_connection(rig: Rig, transport: str) -> None:
    peer = await rig.peer(transport)
    peer.ask("INVITE", 1, SDP)
    await peer.message()
    peer.ask("ACK", 1, to_tag="line-tag")
    rig.line.hang_up()
    bye = await peer.message()
    assert bye.startswith("BYE sip:src@127.0.0.1:")
    echoed = [line for line in bye.split("\r\n") if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]
    peer.write(("\r\n".join(["SIP/2.0 200 OK", *echoed, "Content-Length: 0"]) + "\r\n\r\n").encode())
    async with asyncio.timeout(3):
        while not rig.line.responses:
            await asyncio.sleep(0.01)
    assert rig.line.responses[0].status == 200


async def test_a_caller_whose_connection_is_gone_is_reached_at_its_contact(rig: Rig) -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    peer = await rig.peer("TCP")
    invite = peer.request("INVITE", 1, SDP)
    contact = f"<sip:src@127.0.0.1:{server.sockets[0].getsockname()[1]};transport=tcp>".encode()
    peer.write(re.sub(rb"(?<=Contact: )<[^>]*>", contact, invite))
    await peer.message()
    peer.ask("ACK", 1, to_tag="line-tag")
    await asyncio.sleep(0.05)
    await peer.close()
    await asyncio.sleep(0.05)
    rig.line.hang_up()
    assert (await asyncio.wait_for(arrived.get(), 3)).startswith(b"BYE sip:src@127.0.0.1:")
    server.close()
    await server.wait_closed()


async def test_a_connection_that_was_opened_to_a_caller_is_used_again(rig: Rig) -> None:
    arrived: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: arrived.put_nowait(writer), "127.0.0.1", 0)
    gone = Hop(Transport.TCP, "127.0.0.1", server.sockets[0].getsockname()[1], connection=999)
    rig.front.send(gone, b"first")
    first = await asyncio.wait_for(arrived.get(), 3)
    rig.front.send(gone, b"second")
    await asyncio.sleep(0.05)
    assert arrived.empty()
    first.close()
    await first.wait_closed()
    await asyncio.sleep(0.05)
    rig.front.send(gone, b"third")
    again = await asyncio.wait_for(arrived.get(), 3)
    again.close()
    server.close()
    await server.wait_closed()


async def test_a_line_learns_when_a_caller_cannot_be_reached(rig: Rig) -> None:
    peer = await rig.peer("TCP")
    peer.ask("INVITE", 1, SDP)
    await peer.message()
    peer.ask("ACK", 1, to_tag="line-tag")
    await asyncio.sleep(0.05)
    await peer.close()
    await asyncio.sleep(0.05)
    rig.line.hang_up()
    async with asyncio.timeout(3):
        while not rig.line.responses:
            await asyncio.sleep(0.01)
    assert rig.line.responses[0].status == 408
    assert rig.front.counters()["messages_undeliverable"] == 1


async def test_messages_may_come_in_pieces_and_in_one(rig: Rig) -> None:
    peer = await rig.peer("TCP")
    peer.write(b"\r\n\r\n")
    data = peer.request("OPTIONS", 1) + peer.request("OPTIONS", 2)
    for at in range(0, len(data), 97):
        peer.write(data[at : at + 97])
        await asyncio.sleep(0)
    first, second = await peer.message(), await peer.message()
    assert "CSeq: 1 OPTIONS" in first
    assert "CSeq: 2 OPTIONS" in second


async def test_a_keep_alive_is_answered(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.front.ports.sip)
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), 3) == b"\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_body_too_large_is_refused_and_the_connection_closed(rig: Rig) -> None:
    peer = await rig.peer("TCP")
    peer.write(peer.request("INVITE", 1).replace(b"Content-Length: 0", b"Content-Length: %d" % (MAX_BODY + 1)))
    assert (await peer.message()).startswith("SIP/2.0 413 ")
    assert await peer.is_closed()


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 20000])
async def test_a_stream_of_noise_is_closed(rig: Rig, noise: bytes) -> None:
    peer = await rig.peer("TCP")
    peer.write(noise)
    assert await peer.is_closed()
    assert rig.front.counters()["messages_unreadable"] == 1


async def test_a_half_message_is_not_waited_for_long(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MESSAGE_LIMIT_S", 0.1)
    peer = await rig.peer("TCP")
    peer.write(peer.request("OPTIONS", 1)[:-10])
    assert await peer.is_closed()
    assert rig.front.counters()["messages_unfinished"] == 1


async def test_connections_beyond_the_cap_are_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MAX_CONNECTIONS", 2)
    kept = [await rig.peer("TCP") for _ in range(2)]
    await asyncio.sleep(0.05)
    refused = await rig.peer("TCP")
    assert await refused.is_closed()
    kept[0].ask("OPTIONS", 1)
    assert (await kept[0].message()).startswith("SIP/2.0 200 ")


async def test_strangers_are_told_and_shown_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MAX_STRANGERS", 1)
    monkeypatch.setattr(ports, "MESSAGE_LIMIT_S", 0.3)
    monkeypatch.setattr(rig.front, "_trunks", Trunks(()))
    stranger = await rig.peer("TCP")
    stranger.ask("OPTIONS", 1)
    second = await rig.peer("TCP")
    assert await second.is_closed()
    assert (await stranger.message()).startswith("SIP/2.0 ")
    assert await stranger.is_closed()


async def test_a_stranger_that_calls_the_registered_contact_keeps_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "MAX_STRANGERS", 1)
    monkeypatch.setattr(ports, "MESSAGE_LIMIT_S", 0.3)
    account = RegisterSettings("192.0.2.1", "4711", password="s3cret")
    rig = Rig()
    await rig.start(trunks=(TrunkSettings("extension", allow=(), register=account),))
    caller = await rig.peer("TCP")
    contact = f"INVITE sip:{contact_user(account)}@127.0.0.1 ".encode()
    caller.write(re.sub(rb"^INVITE \S+ ", contact, caller.request("INVITE", 1, SDP)))
    assert (await caller.message()).startswith("SIP/2.0 200 ")
    caller.ask("ACK", 1, to_tag="line-tag")
    again = await rig.peer("TCP")
    again.write(caller.request("OPTIONS", 2, to_tag="line-tag"))
    assert (await again.message()).startswith("SIP/2.0 200 ")
    stranger = await rig.peer("TCP")
    stranger.write(caller.request("OPTIONS", 3, to_tag="guessed"))
    assert (await stranger.message()).startswith("SIP/2.0 403 ")
    assert await stranger.is_closed()
    for number, peer in enumerate((again, caller), 4):
        peer.write(caller.request("OPTIONS", number, to_tag="line-tag"))
        assert (await peer.message()).startswith("SIP/2.0 200 ")
    await rig.stop()


async def test_noise_over_udp_is_counted_and_others_are_served(rig: Rig) -> None:
    peer = await rig.peer("UDP")
    for noise in (b"\0" * 50, b"hi", b"\r\n\r\n", bytes(range(256)), b"A" * 60000):
        peer.write(noise)
    peer.ask("OPTIONS", 1)
    assert (await peer.message()).startswith("SIP/2.0 200 ")
    assert rig.front.counters()["messages_unreadable"] == 3


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_an_invite_that_cannot_be_read_is_told_so(rig: Rig, transport: str) -> None:
    peer = await rig.peer(transport)
    peer.write(peer.request("INVITE", 1).replace(b"Max-Forwards: 70", b"this is no header"))
    answer = await peer.message()
    assert answer.startswith("SIP/2.0 400 Bad Request: a line that is no header field\r\n")
    assert f"Call-ID: {peer.call}\r\n" in answer
    assert rig.front.counters()["messages_unreadable"] == 1
    if transport != "UDP":
        assert await peer.is_closed()


async def test_a_busy_port_is_named_with_its_cure() -> None:
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            port = taken.getsockname()[1]
            front = Front(SipSettings(host="127.0.0.1", port=port), "127.0.0.1", Trunks(()), lambda: (), Listener())
            with pytest.raises(PortUnavailable, match=rf"SIP port {port}/{name} .* set sip\.port"):
                await front.start()


async def test_a_certificate_that_is_none_is_a_setting_to_mend() -> None:
    settings = SipSettings(host="127.0.0.1", port=0, tls_port=1, tls_certificate=__file__, tls_key=__file__)
    front = Front(settings, "127.0.0.1", Trunks(()), lambda: (), Listener())
    with pytest.raises(SettingsError, match=r"sip\.tls_certificate"):
        await front.start()
