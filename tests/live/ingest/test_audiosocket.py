"""The TCP port of AudioSocket, with real connections and a node that notes what comes."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import pytest

from callscribe.cli.ports import free_port
from callscribe.config.ingest import AudiosocketSettings
from callscribe.domain.errors import PortUnavailable
from callscribe.live.ingest.audiosocket import AudiosocketServer
from telephony.settings import TrunkSettings
from tests.live.ingest.node import Node
from tests.live.ingest.peers import audiosocket_audio, audiosocket_frame

TRUNK = TrunkSettings("pbx")


@pytest.fixture
def node() -> Node:
    return Node()


@asynccontextmanager
async def audiosocket(node: Node, trunk: TrunkSettings = TRUNK, **settings: object) -> AsyncIterator[AudiosocketServer]:
    server = AudiosocketServer(replace(AudiosocketSettings(), **settings), (trunk,), node)  # type: ignore[arg-type]
    await server.listen("127.0.0.1", 0)
    try:
        yield server
    finally:
        async with asyncio.timeout(10):
            await server.stop()


async def test_noise_on_one_audiosocket_connection_harms_no_other(node: Node) -> None:
    chance = random.Random(3)
    async with audiosocket(node, connections_per_second=1_000) as server:
        _, good = await dial(server)
        frames = audiosocket_audio(b"\x01\x02" * 8000)
        good.write(audiosocket_frame(0x01, bytes(16)) + frames[0])
        await node.until(lambda: bool(node.calls))
        for _ in range(60):
            reader, noisy = await dial(server)
            noisy.write(chance.choice((b"", audiosocket_frame(0x01, chance.randbytes(16)))) + chance.randbytes(2000))
            with suppress(OSError):
                noisy.write_eof()
                await reader.read()
            noisy.close()
        good.write(b"".join(frames[1:]) + audiosocket_frame(0x00))
        assert (await node.end()).samples == 8000
        good.close()
    assert node.heard() == b"\x01\x02" * 8000


async def dial(server: AudiosocketServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def test_an_audiosocket_connection_that_is_closed_is_a_call_that_ended(node: Node) -> None:
    call = uuid4()
    async with audiosocket(node) as server:
        _, writer = await dial(server)
        writer.write(audiosocket_frame(0x01, call.bytes) + b"".join(audiosocket_audio(b"\x01\x02" * 8000)))
        writer.close()
        end = await node.end()
        assert server.counters()["audiosocket_calls"] == 1
    assert (end.samples, end.reason) == (8000, "bye")
    assert node.heard() == b"\x01\x02" * 8000
    assert dict(node.calls[0].outside_ids.pairs())["audiosocket"] == str(call)


@pytest.mark.parametrize(("kind", "rate"), [(0x11, 12_000), (0x16, 48_000)])
async def test_audiosocket_audio_of_other_rates_has_its_whole_length(node: Node, kind: int, rate: int) -> None:
    async with audiosocket(node) as server:
        _, writer = await dial(server)
        writer.write(
            audiosocket_frame(0x01, bytes(16)) + b"".join(audiosocket_audio(bytes(2 * rate), kind, rate // 25))
        )
        writer.write(audiosocket_frame(0x00))
        await writer.drain()
        end = await node.end()
        writer.close()
    assert abs(end.samples - 16_000) < 3
    assert node.calls[0].sample_rate == 16_000


async def test_an_audiosocket_peer_that_comes_back_before_all_was_read_loses_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.live.ingest.desk._HANDOVER_S", 30)
    call = uuid4()
    audio = bytes(index % 251 for index in range(640_000))
    frames = audiosocket_audio(audio)
    node.deaf = True
    async with audiosocket(node) as server:
        _, lost = await dial(server)
        # More than 30 s, of which nothing is understood: the rest is not read yet when the peer is gone.
        lost.write(audiosocket_frame(0x01, call.bytes) + b"".join(frames[:1800]) + b"\x10")
        lost.close()
        await node.until(lambda: bool(node.calls) and len(node.heard()) >= 480_000)
        _, back = await dial(server)
        back.write(audiosocket_frame(0x01, call.bytes) + b"".join(frames[1800:]) + audiosocket_frame(0x00))
        await back.drain()
        await asyncio.sleep(0.2)
        assert len(node.calls) == 1
        node.deaf = False
        node.followers[node.calls[0].id].acknowledged(0, 240_000)
        end = await node.end()
        back.close()
    assert (len(node.calls), end.samples) == (1, 320_000)
    assert node.heard() == audio


async def test_audiosocket_peers_that_may_not_connect_or_have_no_place_are_cut_off(node: Node) -> None:
    async with audiosocket(node, trunk=TrunkSettings("pbx", allow=("10.0.0.0/8",))) as server:
        reader, writer = await dial(server)
        assert await reader.read() == b""
        writer.close()
        assert server.counters()["audiosocket_connections_forbidden"] == 1
    async with audiosocket(node, max_connections=1) as server:
        _, first = await dial(server)
        first.write(audiosocket_frame(0x01, bytes(16)) + audiosocket_audio(bytes(320))[0])
        await node.until(lambda: bool(node.calls))
        reader, second = await dial(server)
        assert await reader.read() == b""
        first.close()
        second.close()


async def test_an_audiosocket_peer_that_begins_no_call_is_sent_away_whatever_it_sends(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscribe.live.ingest.attendant._NO_CALL_S", 0.5)
    async with audiosocket(node) as server:
        reader, writer = await dial(server)
        hung_up = asyncio.create_task(reader.readexactly(3))
        async with asyncio.timeout(5):
            while not hung_up.done():
                writer.write(audiosocket_frame(0x03, b"1"))
                await asyncio.sleep(0.05)
        assert await hung_up == audiosocket_frame(0x00)
        writer.close()
    assert not node.calls


async def test_stopping_hangs_audiosocket_up(node: Node) -> None:
    async with audiosocket(node) as server:
        reader, writer = await dial(server)
        writer.write(audiosocket_frame(0x01, bytes(16)) + audiosocket_audio(bytes(320))[0])
        await node.until(lambda: bool(node.calls))
        await server.stop()
        assert await reader.read() == audiosocket_frame(0x00)
        writer.close()
    assert (await node.end()).reason == "drained"


async def test_settings_choose_the_port(node: Node) -> None:
    port = free_port()
    server = AudiosocketServer(AudiosocketSettings(port=port), (TRUNK,), node)
    await server.start()
    assert server.port == port
    await server.stop()


async def test_a_port_that_is_taken_is_told_and_without_one_nothing_listens(node: Node) -> None:
    async with audiosocket(node) as server:
        taken = AudiosocketServer(AudiosocketSettings(port=server.port), (TRUNK,), node)
        with pytest.raises(PortUnavailable, match=r"audiosocket.port \d+ on 127.0.0.1 cannot be bound"):
            await taken.start()
    closed = AudiosocketServer(AudiosocketSettings(), (), node)
    await closed.start()
    assert (closed.port, dict(closed.counters())) == (0, {})
    await closed.stop()
