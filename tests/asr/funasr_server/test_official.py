"""The engine against FunASR's own server code, with real models.

`funasr.bin.realtime_ws` is in the package funasr. The runtime's Python servers are not in any package: name checked out
copies of FunASR's runtime/python/websocket/funasr_wss_server.py in CALLSCRIBE_TEST_FUNASR_SERVERS, and they are asked
too.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from websockets.asyncio.client import connect

from asr.engine import EMPTY, ENGINE_RATE, Decoding, DecodingJob, Waveform
from asr.engines.funasr_server import FunasrServerEngine
from asr.resampling import Upsampler
from asr.server import RecognizerServer
from asr.settings import FunasrServerSettings, RecognizerSettings
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
from callscribe.domain.language import joined, units
from tests import tiny_speech
from tests.tiny_speech import RATE, Language
from tests.wer import normalise, word_error_rate

pytestmark = pytest.mark.skipif(not find_spec("funasr"), reason="callscribe[funasr] is not installed")

SCRIPTS = [script for script in os.environ.get("CALLSCRIBE_TEST_FUNASR_SERVERS", "").split(os.pathsep) if script]
LIMIT = 0.25
"""Errors per word: FunASR's voice activity detector cuts the speech too, and the tiny one is no good one."""
STEP = ENGINE_RATE // 5


@dataclass(frozen=True, slots=True)
class Official:
    """A server of FunASR's that runs."""

    settings: FunasrServerSettings
    language: Language

    @property
    def says_marks(self) -> bool:
        return self.settings.protocol == "runtime" and self.language == "en"

    @property
    def lines(self) -> tuple[tuple[str, Waveform], ...]:
        """What its models know, and how that sounds."""
        return spoken(self.language)


@pytest.fixture(
    scope="module",
    params=[(name, language) for name in ("realtime", *SCRIPTS) for language in ("en", "zh")],
    ids=lambda asked: f"{Path(asked[0]).stem}-{asked[1]}",
)
def official(request: pytest.FixtureRequest) -> Iterator[Official]:
    name, language = request.param
    protocol: Literal["realtime", "runtime"] = "realtime" if name == "realtime" else "runtime"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.asr.funasr_server.official", name, language],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        ports = (line.split()[1] for line in process.stdout if line.startswith("port "))
        url = f"ws://127.0.0.1:{next(ports)}"
        settings = FunasrServerSettings(url=url, protocol=protocol, hotwords="words", languages=(language,))
        yield Official(settings, language)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def engine(official: Official) -> Iterator[FunasrServerEngine]:
    found = FunasrServerEngine(official.settings)
    yield found
    found.close()


@cache
def spoken(language: Language) -> tuple[tuple[str, Waveform], ...]:
    return tuple((line.text, wide(line.samples)) for line in tiny_speech.utterances(language))


def spaced(text: str) -> str:
    """With blanks between all units, so that errors are counted by them."""
    return " ".join(units(text))


def wide(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> Waveform:
    upsampler = Upsampler(RATE)
    return np.concatenate([upsampler.push(samples), upsampler.flush()])


def shown(engine: FunasrServerEngine, audio: Waveform) -> Decoding:
    """The last partial of what is spoken at twice the speed: the realtime server looks at the clock."""
    decoding = EMPTY
    for end in range(STEP, len(audio), STEP):
        [decoding] = engine.decode([DecodingJob(audio[:end], earlier=decoding, final=False)])
        time.sleep(STEP / ENGINE_RATE / 2)
    return decoding


def test_finals_have_the_words_that_were_said(official: Official, engine: FunasrServerEngine) -> None:
    decodings = engine.decode([DecodingJob(audio) for _, audio in official.lines])
    texts = [decoding.text for decoding in decodings]
    assert word_error_rate([spaced(text) for text, _ in official.lines], list(map(spaced, texts))) <= LIMIT, texts
    assert all(text.endswith((".", "?")) == official.says_marks for text in texts)


def test_partials_have_the_words_as_far_as_they_came(official: Official, engine: FunasrServerEngine) -> None:
    right = told = 0
    for text, audio in official.lines[:4]:
        last = shown(engine, audio)
        words = units(last.text)
        right, told = right + sum(word in units(text) for word in words), told + len(words)
        [final] = engine.decode([DecodingJob(audio, earlier=last)])
        [alone] = engine.decode([DecodingJob(audio)])
        assert final.text == alone.text
    assert told >= 4
    assert right >= 0.7 * told


def test_silence_has_no_words(engine: FunasrServerEngine) -> None:
    hiss = np.random.default_rng(0).normal(0.0, 1e-4, 32_000).astype(np.float32)
    decodings = engine.decode([DecodingJob(np.zeros(32_000, np.float32)), DecodingJob(hiss)])
    assert [decoding.text for decoding in decodings] == ["", ""]


@pytest.fixture
async def recognizer(official: Official) -> AsyncIterator[RecognizerServer]:
    running = RecognizerServer(RecognizerSettings(port=0, engine="funasr-server", funasr_server=official.settings))
    await running.start()
    yield running
    await running.stop()


async def test_a_call_in_real_time_has_partials_and_finals(official: Official, recognizer: RecognizerServer) -> None:
    pause = np.zeros(RATE, np.int16)
    said = tiny_speech.utterances(official.language)[:3]
    pcm = np.concatenate([pause, *(piece for line in said for piece in (line.samples, pause))]).tobytes()
    messages: list[ServerMessage] = []
    async with connect(f"ws://127.0.0.1:{recognizer.port}") as client:
        ready = parse_server(await client.recv())
        assert isinstance(ready, Ready)
        assert ready.engine == "funasr-server"
        assert ready.capabilities.languages == (official.language,)
        options = ChannelOptions(channel=0, rate=RATE, language=official.language)
        await client.send(encode_client(Open(0, 0, options)))
        for start in range(0, len(pcm), 3_200):
            await client.send(encode_client(Audio(0, start // 2, pcm[start : start + 3_200])))
            # A server's partials come when they come, and are told while there is audio.
            await asyncio.sleep(0.1)
        await client.send(encode_client(Close(0)))
        while Closed(0, len(pcm) // 2) not in messages:
            messages.append(parse_server(await client.recv()))
    finals = [message.final for message in messages if isinstance(message, FinalReport)]
    texts = " ".join(spaced(final.text) for final in finals)
    assert word_error_rate([" ".join(spaced(line.text) for line in said)], [texts]) <= LIMIT, texts
    partials = [message.partial for message in messages if isinstance(message, PartialReport)]
    first = [partial for partial in partials if partial.start == finals[0].start]
    assert units(normalise(joined(first[-1].committed, first[-1].tentative)))[0] == units(said[0].text)[0]
    assert all(final.engine == "funasr-server" and final.language == official.language for final in finals)
