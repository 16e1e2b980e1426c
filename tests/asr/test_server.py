import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from asr.server import RecognizerServer
from asr.settings import RecognizerSettings
from asr.wire.fields import MAX_MESSAGE_BYTES
from asr.wire.messages import (
    Audio,
    ChannelOptions,
    Close,
    Closed,
    Failure,
    FinalReport,
    Load,
    Open,
    PartialReport,
    Ready,
    ServerMessage,
    encode_client,
    parse_server,
)
from callscribe.domain.errors import PortUnavailable
from tests.asr.speech import FIRST_LINE, RATE, first_line, two_cities
from tests.wer import normalise

OPTIONS = ChannelOptions(channel=0, rate=RATE)


@pytest.fixture
async def server() -> AsyncIterator[RecognizerServer]:
    running = RecognizerServer(RecognizerSettings(port=0))
    await running.start()
    yield running
    await running.stop()


@contextlib.asynccontextmanager
async def connected(server: RecognizerServer) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{server.port}") as client:
        assert isinstance(parse_server(await client.recv()), Ready)
        yield client


async def speak(client: ClientConnection, number: int, samples: NDArray[np.int16] | None = None) -> None:
    """Open a channel, send speech as fast as it is taken, and close it."""
    pcm = (first_line() if samples is None else samples).tobytes()
    await client.send(encode_client(Open(number, 0, OPTIONS)))
    for start in range(0, len(pcm), 1600):
        await client.send(encode_client(Audio(number, start // 2, pcm[start : start + 1600])))
    await client.send(encode_client(Close(number)))


async def until_closed(client: ClientConnection, number: int = 0) -> list[ServerMessage]:
    """Everything up to a channel's `closed`, load messages left out."""
    messages: list[ServerMessage] = []
    async with asyncio.timeout(30):
        while Closed(number, len(first_line())) not in messages:
            message = parse_server(await client.recv())
            if not isinstance(message, Load):
                messages.append(message)
    return messages


def finals(messages: list[ServerMessage], number: int = 0) -> list[str]:
    return [
        normalise(message.final.text)
        for message in messages
        if isinstance(message, FinalReport) and message.number == number
    ]


async def test_ready_tells_the_engine_and_what_it_can(server: RecognizerServer) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}") as client:
        ready = parse_server(await client.recv())
    assert isinstance(ready, Ready)
    assert ready.engine == "moonshine-tiny-en"
    assert ready.capabilities.languages == ("en",)
    assert ready.capabilities.hotwords


async def test_speech_comes_back_as_text(server: RecognizerServer) -> None:
    async with connected(server) as client:
        await speak(client, 0)
        assert finals(await until_closed(client)) == [normalise(FIRST_LINE)]


async def test_in_real_time_partials_come_before_the_final(server: RecognizerServer) -> None:
    async with connected(server) as client:
        await client.send(encode_client(Open(0, 0, OPTIONS)))
        pcm = first_line().tobytes()
        for start in range(0, len(pcm), 4800):
            await client.send(encode_client(Audio(0, start // 2, pcm[start : start + 4800])))
            await asyncio.sleep(0.15)
        await client.send(encode_client(Close(0)))
        messages = await until_closed(client)
    partials = [message.partial for message in messages if isinstance(message, PartialReport)]
    assert len(partials) >= 3
    assert normalise(partials[-1].committed + " " + partials[-1].tentative) == normalise(FIRST_LINE)
    assert messages.index(next(m for m in messages if isinstance(m, FinalReport))) > len(partials) - 1


async def test_many_channels_on_two_connections_all_get_their_words(server: RecognizerServer) -> None:
    async with connected(server) as one, connected(server) as other:
        for number in range(3):
            await speak(one, number)
        await speak(other, 0)
        heard = await until_closed(one, 2)
        for number in range(3):
            assert finals(heard, number) == [normalise(FIRST_LINE)]
        assert finals(await until_closed(other)) == [normalise(FIRST_LINE)]


@pytest.mark.parametrize(
    "nonsense",
    [
        "hello",
        "{",
        b"\x00",
        b"\x01\0\0\0" + b"\0" * 8 + b"\0\0",
        '{"type": "close", "number": 99}',
        '{"type": "open", "number": 1, "offset": 0, "rate": 11025}',
    ],
)
async def test_nonsense_is_answered_counted_and_closed_and_nobody_else_notices(
    server: RecognizerServer, nonsense: str | bytes
) -> None:
    async with connected(server) as good, connected(server) as bad:
        await good.send(encode_client(Open(0, 0, OPTIONS)))
        await bad.send(nonsense)
        failure = parse_server(await bad.recv())
        assert isinstance(failure, Failure)
        assert failure.code == "bad-message"
        with pytest.raises(ConnectionClosed) as closed:
            await bad.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        pcm = first_line().tobytes()
        for start in range(0, len(pcm), 16000):
            await good.send(encode_client(Audio(0, start // 2, pcm[start : start + 16000])))
        await good.send(encode_client(Close(0)))
        assert finals(await until_closed(good)) == [normalise(FIRST_LINE)]
        assert (await next_load(good)).refused >= 1


async def next_load(client: ClientConnection) -> Load:
    async with asyncio.timeout(5):
        while not isinstance(message := parse_server(await client.recv()), Load):
            pass
    return message


async def test_a_message_that_is_too_long_ends_its_connection_and_is_counted(server: RecognizerServer) -> None:
    async with connected(server) as client, connected(server) as other:
        await client.send(b"\0" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert (await next_load(other)).refused == 1


async def test_a_language_that_the_engine_does_not_know_is_refused_and_its_audio_dropped(
    server: RecognizerServer,
) -> None:
    async with connected(server) as client:
        german = ChannelOptions(channel=0, rate=RATE, language="de-CH")
        await client.send(encode_client(Open(4, 0, german)))
        await client.send(encode_client(Audio(4, 0, first_line().tobytes()[:16000])))
        await speak(client, 0)
        messages = await until_closed(client)
    refused = [message for message in messages if isinstance(message, Failure)]
    assert [(failure.code, failure.number) for failure in refused] == [("unsupported-language", 4)]
    assert finals(messages) == [normalise(FIRST_LINE)]


async def test_channels_that_are_refused_day_after_day_cost_no_connection(server: RecognizerServer) -> None:
    async with connected(server) as client:
        for number in range(1, 1200):
            await client.send(encode_client(Open(number, 0, ChannelOptions(channel=0, rate=RATE, language="de"))))
            await client.send(encode_client(Audio(number, 0, bytes(160))))
        await speak(client, 0)
        messages = await until_closed(client)
    assert sum(isinstance(message, Failure) for message in messages) == 1199
    assert finals(messages) == [normalise(FIRST_LINE)]


async def test_a_channel_that_is_open_cannot_be_opened_again(server: RecognizerServer) -> None:
    async with connected(server) as client:
        for _ in range(2):
            await client.send(encode_client(Open(0, 0, OPTIONS)))
        assert isinstance(parse_server(await client.recv()), Failure)


async def test_a_client_that_goes_in_the_middle_leaves_no_channel_behind(server: RecognizerServer) -> None:
    async with connected(server) as gone:
        await speak(gone, 0, two_cities())
        await gone.send(encode_client(Open(1, 0, OPTIONS)))
        gone.transport.abort()
    async with connected(server) as client:
        await speak(client, 0)
        assert finals(await until_closed(client)) == [normalise(FIRST_LINE)]
        assert (await next_load(client)).channels == 0


async def test_a_flood_is_read_only_as_fast_as_it_is_heard_and_others_get_their_turn(
    server: RecognizerServer,
) -> None:
    async with connected(server) as flooder, connected(server) as client:
        await flooder.send(encode_client(Open(0, 0, OPTIONS)))
        silence = bytes(32_000)

        async def flood() -> None:
            for second in range(100_000):
                await flooder.send(encode_client(Audio(0, second * 16_000, silence)))

        flooding = asyncio.create_task(flood())
        await asyncio.sleep(0.3)
        await speak(client, 0)
        assert finals(await until_closed(client)) == [normalise(FIRST_LINE)]
        assert not flooding.done()
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding
        flooder.transport.abort()


async def test_load_is_told_each_second(server: RecognizerServer) -> None:
    async with connected(server) as client:
        await client.send(encode_client(Open(0, 0, OPTIONS)))
        first, second = await next_load(client), await next_load(client)
    assert (first.channels, second.channels) == (1, 1)
    assert 0.0 <= second.real_time_factor < 0.5


async def test_a_busy_port_is_named_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailable, match=rf"127\.0\.0\.1:{port}.*set recognizer\.port"):
            await RecognizerServer(RecognizerSettings(port=port)).start()


def test_the_process_ends_by_itself_on_sigterm() -> None:
    program = (
        "from asr.server import run_recognizer; from asr.settings import RecognizerSettings;"
        "run_recognizer(RecognizerSettings(port=0), on_ready=lambda: print('ready', flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "ready\n")
        for _ in lines:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
