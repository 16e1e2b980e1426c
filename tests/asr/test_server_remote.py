"""A recogniser process whose engine's server takes its time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect

from asr.server import RecognizerServer
from asr.settings import EndpointSettings, RecognizerSettings
from asr.wire.messages import (
    Audio,
    ChannelOptions,
    Close,
    FinalReport,
    Load,
    Open,
    ServerMessage,
    encode_client,
    parse_server,
)
from tests.asr.fake_remote import FakeRemote
from tests.asr.speech import RATE, first_line

OPTIONS = ChannelOptions(channel=0, rate=RATE, endpoint=EndpointSettings(open_hang_ms=480))


@pytest.fixture
def engine() -> FakeRemote:
    made = FakeRemote()
    made.max_batch = 1
    return made


@pytest.fixture
async def server(engine: FakeRemote, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RecognizerServer]:
    monkeypatch.setattr("asr.server.load_engine", lambda _: engine)
    running = RecognizerServer(RecognizerSettings(port=0))
    await running.start()
    yield running
    await running.stop()


async def speak(client: ClientConnection, number: int) -> None:
    await client.send(encode_client(Open(number, 0, OPTIONS)))
    pcm = first_line().tobytes()
    for start in range(0, len(pcm), 1600):
        await client.send(encode_client(Audio(number, start // 2, pcm[start : start + 1600])))
    await client.send(encode_client(Close(number)))


async def heard(client: ClientConnection, kind: type[ServerMessage]) -> ServerMessage:
    """The next message of a kind."""
    while not isinstance(message := parse_server(await client.recv()), kind):
        pass
    return message


async def until_asked(engine: FakeRemote) -> None:
    while not engine.open:
        await asyncio.sleep(0.01)


async def test_it_tells_to_have_no_time_while_the_server_takes_no_more(
    server: RecognizerServer, engine: FakeRemote
) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}") as client:
        for number in (0, 1):
            await speak(client, number)
        await until_asked(engine)
        while True:
            load = await heard(client, Load)
            assert isinstance(load, Load)
            if load.real_time_factor >= 1.0:
                break
        assert load.queued == 1
        for _ in range(2):
            await until_asked(engine)
            engine.answer()
            await heard(client, FinalReport)
        while load.real_time_factor >= 0.5:
            load = await heard(client, Load)
            assert isinstance(load, Load)


async def test_it_stops_though_an_answer_is_owed(server: RecognizerServer, engine: FakeRemote) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}") as client:
        await speak(client, 0)
        await until_asked(engine)
        await server.stop()
    assert all(answer.cancelled() for _, answer in engine.asked)
