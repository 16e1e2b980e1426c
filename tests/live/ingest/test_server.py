"""The WebSocket port of the ingests, with real connections and a node that notes what comes."""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from callscribe.config.ingest import IngestSettings
from callscribe.domain.call import Role
from callscribe.domain.errors import PortUnavailable, SettingsError
from callscribe.live.ingest.protocols import PROTOCOLS
from callscribe.live.ingest.server import IngestServer
from telephony.settings import RoleRule, TrunkSettings
from tests.acceptance.tls import make_certificate
from tests.live.ingest.node import Node
from tests.live.ingest.peers import GenesysSession, TwilioCall

TRUNK = TrunkSettings("pbx", roles=RoleRule(agent_is="callee"))
SECOND = bytes(range(1, 251)) * 32
"""A second of mu-law; no two frames beside each other are the same."""


@pytest.fixture
def node() -> Node:
    return Node()


@asynccontextmanager
async def running(node: Node, trunk: TrunkSettings = TRUNK, **settings: object) -> AsyncIterator[IngestServer]:
    server = IngestServer(replace(IngestSettings(), **settings), (trunk,), node, PROTOCOLS)  # type: ignore[arg-type]
    await server.listen("127.0.0.1", 0)
    try:
        yield server
    finally:
        async with asyncio.timeout(10):
            await server.stop()


@asynccontextmanager
async def peer(server: IngestServer, target: str = "/twilio", *offered: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{server.port}{target}"
    subprotocols = [Subprotocol(name) for name in offered] or None
    async with connect(url, subprotocols=subprotocols, proxy=None) as socket:
        yield socket


async def send(socket: ClientConnection, *messages: str | bytes) -> None:
    for message in messages:
        await socket.send(message)


async def close_code(socket: ClientConnection) -> int:
    async with asyncio.timeout(5):
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code


async def refusal(server: IngestServer, target: str = "/twilio") -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with peer(server, target):
            pass
    return int(refused.value.response.status_code)


async def test_a_stream_is_a_call_of_the_trunk_with_roles_and_ids(node: Node) -> None:
    call = TwilioCall(parameters={"caller": "2002", "callee": "1001"})
    async with running(node) as server, peer(server) as socket:
        await send(socket, *call.opening(), *call.frames({"inbound": SECOND, "outbound": SECOND}), call.stop())
        assert await close_code(socket) == 1000
        assert server.counters()["ingest_calls"] == 1
    (known,) = node.calls
    assert (known.trunk, known.sample_rate) == ("pbx", 8000)
    assert [channel.role for channel in known.channels] == [Role.CUSTOMER, Role.AGENT]
    ids = dict(known.outside_ids.pairs())
    assert (ids["call-sid"], ids["stream-sid"]) == (call.call_sid, call.stream_sid)
    end = await node.end()
    assert (end.samples, end.reason) == (8000, "bye")
    assert len(node.heard(0)) == len(node.heard(1)) == 16_000


@pytest.mark.parametrize("same_stream", [True, False])
async def test_a_lost_stream_that_comes_back_goes_on_as_one_call(node: Node, same_stream: bool) -> None:
    call = TwilioCall()
    frames = call.frames({"inbound": SECOND})
    async with running(node) as server:
        async with peer(server) as socket:
            await send(socket, *call.opening("inbound"), *frames[:25])
            await node.until(lambda: len(node.calls) == 1 and len(node.heard()) == 25 * 320)
            socket.transport.abort()
        again = TwilioCall(call.call_sid, call.stream_sid if same_stream else "")
        async with peer(server) as socket:
            await send(
                socket,
                *again.opening("inbound"),
                *(frames[20:] if same_stream else again.frames({"inbound": SECOND[:4000]})),
            )
            await send(socket, again.stop())
            await close_code(socket)
        assert server.counters()["ingest_calls_taken_up"] == 1
    assert len(node.calls) == 1
    assert (await node.end()).reason == "bye"
    if same_stream:
        assert (await node.end()).samples == 8000
    else:
        # Another stream counts from when it began.
        assert (await node.end()).samples >= 8000


async def test_a_second_stream_of_a_call_whose_first_is_alive_is_a_call_of_its_own(node: Node) -> None:
    first = TwilioCall()
    second = TwilioCall(first.call_sid)
    async with running(node) as server, peer(server) as one, peer(server) as two:
        await send(one, *first.opening("inbound"), first.frames({"inbound": SECOND})[0])
        await node.until(lambda: len(node.calls) == 1)
        await send(two, *second.opening("inbound"), *second.frames({"inbound": SECOND}), second.stop())
        await send(one, *first.frames({"inbound": SECOND})[1:], first.stop())
        await close_code(one)
        assert server.counters()["ingest_calls"] == 2
    assert [(await node.end(call)).samples for call in (0, 1)] == [8000, 8000]


async def test_a_stream_of_the_other_track_never_goes_on_with_the_first(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.live.ingest.desk._QUIET_S", -1.0)
    outbound = TwilioCall()
    inbound = TwilioCall(outbound.call_sid)
    async with running(node) as server, peer(server) as one, peer(server) as two:
        await send(one, *outbound.opening("outbound"))
        await node.until(lambda: len(node.calls) == 1)
        await send(two, *inbound.opening("inbound"), *inbound.frames({"inbound": SECOND[:4000]}), inbound.stop())
        await close_code(two)
        one.transport.abort()
        async with peer(server) as back:
            await send(back, *outbound.opening("outbound"), *outbound.frames({"outbound": SECOND}), outbound.stop())
            await close_code(back)
        assert server.counters()["ingest_calls_taken_up"] == 1
    assert [call.channels[0].label for call in node.calls] == ["outbound", "inbound"]
    assert [(await node.end(call)).samples for call in (0, 1)] == [8000, 4000]


@pytest.mark.parametrize(("at", "calls"), [(0, 2), (800, 1)])
async def test_a_page_takes_up_a_call_that_is_heard_only_where_it_goes_on(node: Node, at: int, calls: int) -> None:
    start = json.dumps({"event": "start", "id": "1001", "rate": 8000, "at": at})
    async with running(node) as server, peer(server, "/browser") as one, peer(server, "/browser") as two:
        await send(one, '{"event": "start", "id": "1001", "rate": 8000}', b"\x01\x00" * 800)
        await node.until(lambda: len(node.calls) == 1 and len(node.heard()) == 1600)
        await send(two, start, b"\x02\x00" * 800, '{"event": "stop"}')
        await close_code(two)
        if calls == 2:
            await send(one, b"\x01\x00" * 800, '{"event": "stop"}')
        await close_code(one)
    assert len(node.calls) == calls
    assert (await node.end()).samples == 1600


async def test_a_page_that_comes_again_after_its_call_has_ended_begins_no_other_one(node: Node) -> None:
    async with running(node) as server:
        async with peer(server, "/browser") as first:
            await send(first, '{"event": "start", "id": "x"}', b"\x01\x00" * 800, '{"event": "stop"}')
            await close_code(first)
        async with peer(server, "/browser") as second:
            await send(second, '{"event": "start", "id": "x", "again": true}', b"\x01\x00" * 800)
            assert json.loads(await second.recv()) == {"event": "ended", "reason": "connection-lost"}
            assert await close_code(second) == 1000
        async with peer(server, "/browser") as third:
            await send(third, '{"event": "start", "id": "y"}')
            known = json.loads(await third.recv())
            third.transport.abort()
        async with peer(server, "/browser") as fourth:
            await send(fourth, '{"event": "start", "id": "y", "again": true}')
            assert json.loads(await fourth.recv()) == known
    assert len(node.calls) == 2


async def test_a_connection_that_is_alive_no_more_loses_its_call_to_the_same_stream(node: Node) -> None:
    call = TwilioCall()
    frames = call.frames({"inbound": SECOND})
    async with running(node) as server, peer(server) as dead, peer(server) as alive:
        await send(dead, *call.opening("inbound"), *frames[:25])
        await node.until(lambda: len(node.calls) == 1 and len(node.heard()) == 25 * 320)
        await send(alive, *call.opening("inbound"), *frames[25:], call.stop())
        assert await close_code(dead) == 1000
        await close_code(alive)
    assert (await node.end()).samples == 8000
    assert len(node.calls) == 1


@pytest.mark.parametrize(("away", "reason"), [(False, "no-media"), (True, "connection-lost")])
async def test_a_call_of_which_nothing_comes_is_ended(node: Node, away: bool, reason: str) -> None:
    call = TwilioCall()
    async with running(node, media_timeout_s=1) as server, peer(server) as socket:
        await send(socket, *call.opening("inbound"), *call.frames({"inbound": SECOND}))
        await node.until(lambda: len(node.calls) == 1 and len(node.heard()) == 16_000)
        if away:
            socket.transport.abort()
        else:
            assert await close_code(socket) == 1000
        assert (await node.end()).reason == reason
        assert server.counters()["ingest_calls_active"] == 0


async def test_a_paused_call_is_not_ended_but_a_lost_one_is(node: Node) -> None:
    async with running(node, media_timeout_s=1) as server, peer(server, "/browser") as page:
        await send(page, '{"event": "start"}', bytes(3200), '{"event": "pause"}')
        await asyncio.sleep(1.5)
        assert not node.ends
        await page.ping()
        page.transport.abort()
        assert (await node.end()).reason == "connection-lost"


async def test_a_page_that_sends_on_after_its_call_was_given_up_begins_another(node: Node) -> None:
    async with running(node) as server, peer(server, "/browser") as page:
        await send(
            page, '{"event": "start", "id": "x", "rate": 8000, "at": 8000000}', b"\x01\x00" * 800, '{"event": "stop"}'
        )
        await close_code(page)
    assert (await node.end()).samples == 800


@pytest.mark.parametrize(("dtmf", "told"), [("masked", ["", ""]), ("shown", ["7", "#"]), ("off", [])])
async def test_keys_are_told_as_the_trunk_has_it(node: Node, dtmf: str, told: list[str]) -> None:
    call = TwilioCall()
    async with running(node, trunk=replace(TRUNK, dtmf=dtmf)) as server, peer(server) as socket:
        await send(socket, *call.opening(), *call.frames({"inbound": SECOND, "outbound": SECOND[:4000]}))
        for track, digit in (
            ("inbound_track", "7"),
            ("outbound_track", "#"),
            ("inbound_track", "77"),
            ("inbound_track", ""),
        ):
            await socket.send(call.message("dtmf", dtmf={"track": track, "digit": digit}))
        await socket.send(call.stop())
        await close_code(socket)
    assert [pressed.digit for pressed in node.pressed] == told
    assert [(pressed.channel, pressed.offset) for pressed in node.pressed] == [(0, 8000), (1, 4000)][: len(told)]


async def test_silence_is_told_while_a_call_is_paused_and_its_clock_goes_on(node: Node) -> None:
    async with running(node) as server, peer(server, "/browser") as page:
        await send(page, '{"event": "start"}', b"\x01\x00" * 1600, '{"event": "pause"}')
        await node.until(
            lambda: bool(node.calls) and any(not any(chunk.pcm) for chunk in node.chunks[node.calls[0].id])
        )
        silent = [chunk for chunk in node.chunks[node.calls[0].id] if not any(chunk.pcm)]
        assert silent[0].offset >= 1600
        await send(page, '{"event": "resume"}', b"\x02\x00" * 1600, '{"event": "stop"}')
        await close_code(page)
    audio = node.heard()
    assert audio.count(b"\x01\x00") == audio.count(b"\x02\x00") == 1600
    assert (await node.end()).samples >= 16_000


async def test_a_peer_that_begins_no_call_is_sent_away_whatever_it_sends(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.live.ingest.attendant._NO_CALL_S", 0.5)
    async with running(node) as server, peer(server) as socket:
        with suppress(ConnectionClosed):
            async with asyncio.timeout(5):
                while True:
                    await send(socket, '{"event": "connected"}')
                    await asyncio.sleep(0.05)
        assert await close_code(socket) == 1008
        assert server.counters()["ingest_connections_without_call"] == 1
    assert not node.calls


async def test_a_peer_is_waited_for_anew_when_its_call_has_ended(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callscribe.live.ingest.attendant._NO_CALL_S", 0.5)
    session = GenesysSession()
    async with running(node) as server, peer(server, "/audiohook") as socket:
        await send(socket, session.open(), bytes(320))
        await node.until(lambda: bool(node.calls) and len(node.heard()) > 0)
        await asyncio.sleep(0.7)
        assert not node.ends
        await send(socket, session.message("close", {"reason": "end"}), session.message("ping", {}))
        assert [json.loads(await socket.recv())["type"] for _ in range(3)] == ["opened", "closed", "pong"]
        assert await close_code(socket) == 1008
    assert (await node.end()).reason == "bye"


async def test_a_message_that_breaks_the_protocol_ends_its_own_call_only(node: Node) -> None:
    good, bad = TwilioCall(), TwilioCall()
    async with running(node) as server, peer(server) as one, peer(server) as two:
        await send(one, *good.opening("inbound"))
        await send(two, *bad.opening("inbound"), '{"event": "media"}')
        assert await close_code(two) == 1007
        await send(one, *good.frames({"inbound": SECOND}), good.stop())
        await close_code(one)
        assert server.counters()["ingest_messages_invalid"] == 1
    assert sorted(end.reason for end in node.ends.values()) == ["bye", "rejected"]


async def test_a_position_years_ahead_is_refused(node: Node) -> None:
    call = TwilioCall()
    async with running(node) as server, peer(server) as socket:
        await send(socket, *call.opening("inbound"), call.media("inbound", 1, bytes(160), 10**12))
        assert await close_code(socket) == 1007
    assert (await node.end()).samples == 0


async def test_a_peer_that_is_told_in_its_protocol_why_it_is_sent_away(node: Node) -> None:
    session = GenesysSession()
    async with running(node) as server, peer(server, "/audiohook") as socket:
        await send(socket, session.open(), '{"type": "resumed", "parameters": {}}')
        assert json.loads(await socket.recv())["type"] == "opened"
        told = json.loads(await socket.recv())
        assert (told["type"], told["parameters"]["reason"]) == ("disconnect", "error")
        assert await close_code(socket) == 1007


async def test_stopping_ends_calls_and_tells_their_peers(node: Node) -> None:
    async with running(node) as server, peer(server, "/asterisk", "media") as socket:
        assert socket.subprotocol == "media"
        await send(socket, "MEDIA_START channel_id:1 format:ulaw", bytes(160))
        await node.until(lambda: bool(node.calls))
        await server.stop()
        assert await socket.recv() == "HANGUP"
        assert await close_code(socket) == 1000
    assert (await node.end()).reason == "drained"


async def test_draining_waits_for_calls_and_takes_no_more(node: Node) -> None:
    call = TwilioCall()
    async with running(node) as server, peer(server) as socket:
        await send(socket, *call.opening("inbound"))
        await node.until(lambda: bool(node.calls))
        stopping = asyncio.create_task(server.stop(drain_s=30))
        await asyncio.sleep(0)
        assert await refusal(server) == 503
        await send(socket, *call.frames({"inbound": SECOND}), call.stop())
        await stopping
    assert (await node.end()).reason == "bye"


async def test_a_peer_that_may_not_connect_finds_no_path_or_no_place_is_told_so(node: Node) -> None:
    async with running(node, trunk=TrunkSettings("pbx", allow=("10.0.0.0/8",))) as server:
        assert await refusal(server) == 403
    async with running(node, max_connections=1) as server:
        assert await refusal(server, "/nowhere") == 404
        assert await refusal(server, "/") == 404
        async with peer(server):
            assert await refusal(server) == 503
    async with running(node, token="s3cret") as server:
        assert await refusal(server, "/twilio/other") == 403
        async with peer(server, "/twilio/s3cret"):
            pass
    async with running(node, connections_per_second=0.1) as server:
        async with peer(server):
            pass
        assert await refusal(server) == 503


async def test_requests_that_are_no_handshake_take_no_place(node: Node) -> None:
    async with running(node, max_connections=1) as server:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /twilio HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 426 " in await reader.readline()
            writer.close()
        async with peer(server):
            pass


async def test_peers_may_use_tls(node: Node, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    call = TwilioCall()
    async with (
        running(node, tls_certificate=str(certificate), tls_key=str(key)) as server,
        connect(f"wss://127.0.0.1:{server.port}/twilio", ssl=trusting, proxy=None) as socket,
    ):
        await send(socket, *call.opening(), call.stop())
        await close_code(socket)
    assert (await node.end()).reason == "bye"


async def test_a_certificate_that_is_none_and_a_port_that_is_taken_are_told(node: Node) -> None:
    with pytest.raises(SettingsError, match=r"ingest.tls_certificate and ingest.tls_key must be a PEM pair"):
        async with running(node, tls_certificate="/nowhere", tls_key="/nowhere"):
            pass
    async with running(node) as server:
        taken = IngestServer(IngestSettings(port=server.port), (TRUNK,), node, PROTOCOLS)
        with pytest.raises(PortUnavailable, match=r"ingest.port \d+ on 127.0.0.1 cannot be bound"):
            await taken.start()


async def test_without_a_port_nothing_listens(node: Node) -> None:
    server = IngestServer(IngestSettings(), (), node, PROTOCOLS)
    await server.start()
    assert (server.port, dict(server.counters())) == (0, {})
    await server.stop()


async def test_a_peer_is_held_up_while_the_recogniser_is_far_behind(node: Node) -> None:
    node.deaf = True
    async with running(node, media_timeout_s=1) as server, peer(server, "/browser") as page:
        await page.send('{"event": "start", "rate": 8000}')
        sending = asyncio.create_task(send(page, *[bytes(80_000)] * 8))
        await node.until(lambda: bool(node.calls) and len(node.heard()) >= 480_000)
        # Longer than silence may last: a peer that may not send is not silent.
        await asyncio.sleep(1.5)
        assert len(node.heard()) <= 480_000 + 80_000
        node.deaf = False
        node.followers[node.calls[0].id].acknowledged(0, 280_000)
        await sending
        await page.send('{"event": "stop"}')
        await close_code(page)
    assert (await node.end()).samples == 320_000


async def test_freeswitch_s_connection_that_is_made_anew_goes_on_with_the_call(node: Node) -> None:
    target = "/freeswitch?uuid=7f&mix=mono&rate=8000"
    spoken = b"\x01\x02" * 8000
    async with running(node) as server:
        async with peer(server, target) as socket:
            await send(socket, *[spoken[place : place + 320] for place in range(0, 8000, 320)])
            await node.until(lambda: len(node.calls) == 1 and len(node.heard()) == 8000)
            socket.transport.abort()
        async with peer(server, target) as socket:
            await send(socket, *[spoken[place : place + 320] for place in range(8000, 16000, 320)])
        assert (await node.end()).reason == "bye"
    assert len(node.calls) == 1
    assert node.heard().count(b"\x01\x02") == 8000


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_noise_on_one_connection_harms_no_other(node: Node, protocol: str) -> None:
    chance, good = random.Random(protocol), TwilioCall()
    async with running(node, connections_per_second=1_000) as server, peer(server) as socket:
        await send(socket, *good.opening("inbound"))
        for _ in range(40):
            async with peer(server, f"/{protocol}") as noisy:
                with suppress(ConnectionClosed):
                    for _ in range(5):
                        noise = chance.randbytes(chance.choice((0, 1, 2, 320, 4001)))
                        await noisy.send(noise if chance.random() < 0.5 else noise.decode("latin-1"))
        await send(socket, *good.frames({"inbound": SECOND}), good.stop())
        await close_code(socket)
    end = next(
        node.ends[call.id] for call in node.calls if dict(call.outside_ids.pairs()).get("call-sid") == good.call_sid
    )
    assert (end.samples, end.reason) == (8000, "bye")
