"""FunASR's clients, published and imitated to the letter, have their speech understood, told and kept."""

import asyncio
import io
import json
import os
import subprocess
import sys
import urllib.request
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import soxr
from funasr_client import FunASRMessageDecoded, async_file_asr, async_funasr_client
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import RATE, excerpt
from tests.acceptance.transcripts import jobs_done, spoken, utterances
from tests.peers import missing
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

FUNASR_PYTHON = Path(__file__).parents[2] / "build" / "funasr-python"
"""Where the package is; its name for imports is funasr-client's too."""
WIDE = 16_000
LIMIT = 0.15
"""Errors per word."""
H5_HANGS_UP_S = 3.0
"""After its user has pressed stop."""
AGENT, CUSTOMER = 0, 1
Message = dict[str, Any]
"""A server's message; what is in it, each test asserts."""


def said(channel: int, turns: int = 2) -> str:
    return excerpt(turns).texts[channel]


def narrow(channel: int, turns: int = 2) -> NDArray[np.int16]:
    """A party's speech at 8 kHz, without most of the silence around it."""
    pcm = excerpt(turns).channels[channel]
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 500)
    return pcm[max(0, loud[0] - RATE // 2) : loud[-1] + RATE // 2]


def wide(channel: int, turns: int = 2) -> bytes:
    """The same at 16 kHz."""
    return soxr.resample(narrow(channel, turns), RATE, WIDE).astype("<i2").tobytes()  # type: ignore[no-any-return]


def assert_words(reference: str, heard: str) -> None:
    assert word_error_rate([reference], [heard]) <= LIMIT, heard


def kept(service: RunningService, wav_name: str, reference: str) -> Json:
    """The ended call of a client that named its audio so; it is stored with what was said."""
    call = service.wait_call(wav_name)
    assert (call["dialect"], call["trunk"], call["caller"]["name"]) == ("funasr", "calls", wav_name)
    assert_words(reference, spoken(service, call["id"]))
    return call


def name() -> str:
    return f"speech-{uuid4().hex}"


@asynccontextmanager
async def client(service: RunningService) -> AsyncIterator[ClientConnection]:
    """A client that offers no subprotocol, as browsers, Java and C# do."""
    async with connect(f"ws://127.0.0.1:{service.funasr_port}", proxy=None) as socket:
        yield socket


async def answers(socket: ClientConnection) -> list[Message]:
    """Everything up to and with the first `is_final`."""
    told: list[Message] = []
    while not told or told[-1]["is_final"] is not True:
        message = json.loads(await socket.recv())
        assert {"mode", "text", "is_final"} <= message.keys()
        assert isinstance(message.get("timestamp", ""), str)
        told.append(message)
    return told


def shown(messages: Sequence[Message]) -> str:
    """What the browser page shows in the end."""
    stands = online = ""
    for message in messages:
        if message["mode"] in ("2pass-offline", "offline"):
            stands, online = stands + message["text"], ""
        else:
            online += message["text"]
    return stands + online


async def send(socket: ClientConnection, pcm: bytes, size: int, rest_s: float = 0.0) -> None:
    for place in range(0, len(pcm), size):
        await socket.send(pcm[place : place + size])
        await asyncio.sleep(rest_s)


def write_wav(path: Path, pcm: bytes, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


async def test_the_package_funasr_client_has_a_file_understood(service: RunningService, tmp_path: Path) -> None:
    wav_name = name()
    file = write_wav(tmp_path / "speech.wav", wide(CUSTOMER), WIDE)
    message = await async_file_asr(file, f"ws://127.0.0.1:{service.funasr_port}", "2pass", wav_name=wav_name)
    assert_words(said(CUSTOMER), message["text"])
    assert [len(sentence["ts_list"]) > 0 for sentence in message["stamp_sents"]]

    call = await asyncio.to_thread(kept, service, wav_name, said(CUSTOMER))
    with wave.open(io.BytesIO(await asyncio.to_thread(recording, service, call["id"]))) as audio:
        assert (audio.getnchannels(), audio.getframerate()) == (1, WIDE)
        assert audio.getnframes() == len(wide(CUSTOMER)) // 2
    await asyncio.to_thread(wait_for, lambda: jobs_done(service, call["id"]), "the second pass", 120)


def recording(service: RunningService, call_id: str) -> bytes:
    with urllib.request.urlopen(f"{service.web}/api/v1/calls/{call_id}/audio", timeout=10) as response:
        return bytes(response.read())


def test_the_package_funasr_python_has_a_file_understood(service: RunningService, tmp_path: Path) -> None:
    if not FUNASR_PYTHON.is_dir():
        missing("funasr-python is not installed beside the other packages: run `make test`")
    file = write_wav(tmp_path / "speech.wav", wide(CUSTOMER), WIDE)
    command = ["--server", f"ws://127.0.0.1:{service.funasr_port}", "--mode", "offline", "recognize", str(file)]
    outcome = subprocess.run(
        [sys.executable, "-m", "funasr_client.cli", *command],
        env={**os.environ, "PYTHONPATH": str(FUNASR_PYTHON)}, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    assert_words(said(CUSTOMER), outcome.stdout.partition("Final: ")[2])


async def test_the_package_funasr_client_streams_words_online(service: RunningService) -> None:
    wav_name = name()
    uri = f"ws://127.0.0.1:{service.funasr_port}"
    texts = []
    async with async_funasr_client(uri, "online", wav_name=wav_name, blocking=True, audio_fs=WIDE) as ours:

        async def speak() -> None:
            pcm = wide(AGENT)
            for place in range(0, len(pcm), 1920):
                await ours.send(pcm[place : place + 1920])
                await asyncio.sleep(0.06)
            await ours.signal_close()

        # Its stream holds the lock that its sending needs, so it is received from between.
        speaking = asyncio.create_task(speak())
        while (message := await received(ours.recv)) is not None:
            assert str(message["mode"]) == "online"
            texts.append(message["text"])
        await speaking
    assert len(texts) > 1
    assert_words(said(AGENT), "".join(texts))
    await asyncio.to_thread(kept, service, wav_name, said(AGENT))


async def received(receive: Any) -> FunASRMessageDecoded | None:
    """The next message, asked for in moments as the package itself does."""
    while True:
        try:
            return await receive(0.01)  # type: ignore[no-any-return]
        except TimeoutError:
            await asyncio.sleep(0.01)


async def test_the_browser_page_shows_words_while_they_are_said_and_the_final_before_it_hangs_up(
    service: RunningService,
) -> None:
    wav_name = name()
    config = {"chunk_size": [5, 10, 5], "wav_name": wav_name, "chunk_interval": 10, "mode": "2pass"}
    async with client(service) as page:
        assert page.subprotocol is None
        await page.send(json.dumps({**config, "is_speaking": True, "itn": False, "hotwords": "{}"}))
        listening = asyncio.create_task(answers(page))
        await send(page, wide(AGENT), 1920, rest_s=0.06)
        await page.send(json.dumps({**config, "is_speaking": False}))
        async with asyncio.timeout(H5_HANGS_UP_S):
            messages = await listening
    modes = [message["mode"] for message in messages]
    assert modes.index("2pass-online") < modes.index("2pass-offline")
    assert [message["is_final"] for message in messages].count(True) == 1
    assert_words(said(AGENT), shown(messages))
    await asyncio.to_thread(kept, service, wav_name, said(AGENT))


async def test_the_java_client_s_hotwords_with_weights_as_strings_spell_the_name(service: RunningService) -> None:
    wav_name = name()
    async with client(service) as java:
        config = {"mode": "offline", "chunk_size": [5, 10, 5], "chunk_interval": 10, "wav_name": wav_name}
        await java.send(json.dumps({**config, "hotwords": '{"Bennet":"30"}', "wav_format": "pcm", "is_speaking": True}))
        await send(java, wide(CUSTOMER), 1920)
        await java.send(json.dumps({"is_speaking": False}))
        (message,) = await answers(java)
    assert message["mode"] == "offline"
    # The engine's own spelling has two t.
    assert "Laura Bennet." in message["text"]
    assert_words(said(CUSTOMER).replace("Bennett", "Bennet"), message["text"])
    call = await asyncio.to_thread(service.wait_call, wav_name)
    texts = [item["final"]["text"] for item in utterances(service, call["id"])]
    assert "Laura Bennet." in " ".join(texts)


async def test_the_c_sharp_client_s_own_mode_is_two_passes(service: RunningService) -> None:
    wav_name = name()
    async with client(service) as sharp:
        config = {"mode": "office", "chunk_size": "5,10,5", "chunk_interval": 10, "wav_name": wav_name}
        await sharp.send(json.dumps({**config, "is_speaking": True, "hotwords": ""}))
        await send(sharp, wide(AGENT), 102_400)
        await sharp.send(json.dumps({"is_speaking": False}))
        messages = await answers(sharp)
    assert messages[-1]["mode"] == "2pass-offline"
    assert_words(said(AGENT), shown(messages))
    # The trunk's own hotwords are preferred too.
    assert "Summit Telecom" in shown(messages)
    await asyncio.to_thread(kept, service, wav_name, said(AGENT))


async def test_the_python_client_sends_files_one_after_the_other_and_is_acknowledged(service: RunningService) -> None:
    names = [name(), name()]
    spoken_by = (CUSTOMER, AGENT)
    async with client(service) as python:
        for wav_name, channel in zip(names, spoken_by, strict=True):
            config = {"mode": "offline", "chunk_size": [5, 10, 5], "chunk_interval": 10, "audio_fs": RATE}
            config |= {"encoder_chunk_look_back": 4, "decoder_chunk_look_back": 0, "wav_name": wav_name}
            await python.send(json.dumps({**config, "wav_format": "pcm", "is_speaking": True, "hotwords": "a,b"}))
            await send(python, narrow(channel).tobytes(), 960)
            await python.send(json.dumps({"is_speaking": False, "is_end": True}))
            (message,) = await answers(python)
            ack = json.loads(await python.recv())
            assert (ack["is_end"], ack["is_final"], ack["wav_name"]) == (True, True, wav_name)
            assert_words(said(channel), message["text"])
    for wav_name, channel in zip(names, spoken_by, strict=True):
        call = await asyncio.to_thread(kept, service, wav_name, said(channel))
        ids = {pair["kind"]: pair["value"] for pair in call["outside_ids"]}
        assert ids["wav-name"] == wav_name


async def test_the_times_of_words_are_those_of_the_audio(service: RunningService) -> None:
    silence = bytes(2 * WIDE * 5)
    async with client(service) as phone:
        await phone.send(json.dumps({"mode": "offline", "wav_name": name(), "is_speaking": True}))
        await send(phone, silence + wide(AGENT), 204_800)
        await phone.send(json.dumps({"is_speaking": False}))
        (message,) = await answers(phone)
    first, *_, last = message["stamp_sents"]
    assert first["text_seg"].split()[0].lower() == "thank"
    assert 5_000 <= first["start"] <= 6_000
    assert first["ts_list"][0][0] == first["start"]
    assert last["end"] <= 5_000 + len(wide(AGENT)) / 32


async def test_a_client_that_breaks_off_leaves_what_it_said(service: RunningService) -> None:
    wav_name = name()
    async with client(service) as phone:
        await phone.send(json.dumps({"wav_name": wav_name, "is_speaking": True}))
        await send(phone, wide(AGENT), 1921)
        await asyncio.sleep(0.2)
        phone.transport.abort()
    call = await asyncio.to_thread(kept, service, wav_name, said(AGENT))
    assert call["end_reason"] == "connection-lost"


async def test_nonsense_costs_nobody_a_word(service: RunningService) -> None:
    wav_name = name()
    async with client(service) as phone:
        for nonsense in ("", "{", "[" * 10_000, "START", '{"mode": 7, "hotwords": 3, "wav_name": null}'):
            await phone.send(nonsense)
        await phone.send(json.dumps({"wav_name": wav_name, "mode": "offline"}))
        await send(phone, wide(AGENT), 4_801)
        await phone.send(json.dumps({"is_finished": True}))
        (message,) = await answers(phone)
    assert_words(said(AGENT), message["text"])
    await asyncio.to_thread(
        wait_for, lambda: service.counter("callscribe_funasr_messages_invalid") >= 4, "what was counted"
    )


async def test_audio_of_another_rate_is_refused_in_the_protocol_s_words(service: RunningService) -> None:
    async with client(service) as phone:
        await phone.send(json.dumps({"mode": "2pass", "audio_fs": 44_100, "is_speaking": True}))
        (message,) = await answers(phone)
        assert message["text"] == "ERROR. audio_fs is 44100: send audio of 8000 or 16000 Hz"
        with pytest.raises(ConnectionClosed):
            await phone.recv()
