"""Paid services through the whole recogniser: its wire, its ears, its scheduler."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from asr.server import RecognizerServer, serve_recognizer
from asr.wire.messages import (
    Audio,
    ChannelOptions,
    Close,
    Closed,
    FinalReport,
    Open,
    PartialReport,
    Ready,
    ServerMessage,
    encode_client,
    parse_server,
)
from callscribe.cli.ports import free_port
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final
from tests.asr.speech import RATE, first_line

pytest.importorskip("google.cloud.speech_v2")

from tests.asr.cloud.rigs import AzureRig, GoogleRig, Rig
from tests.asr.cloud.script import understood

STEP = RATE // 10


@pytest.fixture(params=[GoogleRig, AzureRig], ids=["google", "azure"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig = request.param()
    yield made
    made.close()


@pytest.fixture
async def server(rig: Rig) -> AsyncIterator[RecognizerServer]:
    running = RecognizerServer(rig.settings())
    await running.start()
    yield running
    await running.stop()


async def speak(client: ClientConnection, number: int, *, pace_s: float) -> None:
    """A channel in which somebody says a sentence, sent in steps of 100 ms."""
    pcm = first_line()
    options = ChannelOptions(channel=0, rate=RATE, language="en", hotwords=(Hotword("Callscribe"),), update_ms=200)
    await client.send(encode_client(Open(number, 0, options)))
    for at in range(0, len(pcm), STEP):
        await client.send(encode_client(Audio(number, at, pcm[at : at + STEP].tobytes())))
        await asyncio.sleep(pace_s)
    await client.send(encode_client(Close(number)))


async def heard(client: ClientConnection, channels: int) -> list[ServerMessage]:
    """All messages until every channel is closed."""
    messages: list[ServerMessage] = []
    while sum(isinstance(message, Closed) for message in messages) < channels:
        messages.append(parse_server(await client.recv()))
    return messages


def plain(text: str) -> list[str]:
    return [word.lower().rstrip(".") for word in text.split()]


async def test_a_sentence_comes_as_partials_and_finals_and_each_sample_is_sent_once(
    rig: Rig, server: RecognizerServer
) -> None:
    greeting = len(rig.asked)
    async with connect(f"ws://127.0.0.1:{server.port}") as client:
        ready = parse_server(await client.recv())
        assert isinstance(ready, Ready)
        assert (ready.engine, ready.kind, ready.capabilities.hotwords) == (rig.name, rig.name, True)
        speaking = asyncio.create_task(speak(client, 0, pace_s=0.1))
        messages = await heard(client, 1)
        await speaking
    assert greeting == 1, "it is not warmed up by audio that is paid for"
    finals = [message.final for message in messages if isinstance(message, FinalReport)]
    partials = [message.partial for message in messages if isinstance(message, PartialReport)]
    assert finals
    assert partials
    assert [word for final in finals for word in plain(final.text)] == [
        word for asked in rig.asked[greeting:] for word in understood(asked.audio)
    ]
    assert all(final.engine == rig.name and final.language == "en" for final in finals)
    assert all(0 <= word.start < word.end <= len(first_line()) for final in finals for word in final.words)
    assert all(len(final.words) == len(final.text.split()) for final in finals)
    assert all(final.cost > 0.0 for final in finals)
    sent_s = sum(len(asked.audio) for asked in rig.asked[greeting:]) / 32_000
    assert sent_s <= len(first_line()) / RATE
    assert rig.hotwords() == ["Callscribe"]


async def test_a_service_that_refuses_ends_the_recognizer_with_what_to_do(rig: Rig) -> None:
    ready, port = asyncio.Event(), free_port()
    serving = asyncio.create_task(serve_recognizer(replace(rig.settings(), port=port), asyncio.Event(), ready.set))
    await ready.wait()
    for _ in range(20):
        rig.use_up_quota()
    async with connect(f"ws://127.0.0.1:{port}") as client:
        with suppress(ConnectionClosed):
            await speak(client, 0, pace_s=0.05)
        with pytest.raises(EngineUnavailable, match=r"quota .*is used up; raise it in"):
            await serving


async def test_channels_side_by_side_say_what_each_says_alone(rig: Rig, server: RecognizerServer) -> None:
    texts: list[list[str]] = []
    for channels in (1, 4):
        async with connect(f"ws://127.0.0.1:{server.port}") as client:
            await client.recv()
            speaking = asyncio.gather(*(speak(client, number, pace_s=0.0) for number in range(channels)))
            messages = await heard(client, channels)
            await speaking
        for number in range(channels):
            texts.append([final.text for final in finals_of(messages, number)])
    assert texts[0]
    assert texts == [texts[0]] * 5


def finals_of(messages: list[ServerMessage], number: int) -> list[Final]:
    return [message.final for message in messages if isinstance(message, FinalReport) and message.number == number]
