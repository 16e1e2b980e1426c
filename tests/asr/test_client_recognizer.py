"""The pool and a real recogniser process that is killed while people speak: words are neither lost nor doubled."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from asr.files import AudioFile, read_audio
from asr.wire.client import ChannelOptions, PoolTimings, RecognizerPool
from callscribe.cli.ports import free_port
from callscribe.domain.audio import AudioChunk
from tests.asr.test_client import Transcripts, running, until
from tests.wer import word_error_rate

MEDIA = Path(__file__).parents[2] / "callscribe" / "cli" / "media"
SECONDS = 21.8
"""The demo call up to the end of its fifth turn."""
SPEED = 5
"""Times as fast as people spoke."""
KILLED_AT_S = 8.5
"""In the middle of the customer's first turn."""
PROGRAM = "import sys; from asr.server import run_recognizer; from asr.settings import RecognizerSettings; \
run_recognizer(RecognizerSettings(port=int(sys.argv[1])))"


@contextmanager
def recognizer(port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def references() -> list[str]:
    """What each party says within SECONDS."""
    turns = json.loads((MEDIA / "demo-call.json").read_text())["turns"]
    said = [turn for turn in turns if turn["end_ms"] <= SECONDS * 1000]
    return [" ".join(turn["text"] for turn in said if turn["channel"] == channel) for channel in (0, 1)]


async def play(pool: RecognizerPool, call: AudioFile, start_s: float, end_s: float) -> None:
    """Both channels in chunks of 100 ms, at SPEED."""
    step = call.rate // 10
    began = time.monotonic()
    for offset in range(round(start_s * call.rate), round(end_s * call.rate), step):
        for channel, pcm in enumerate(call.channels):
            pool.send(channel, AudioChunk(channel, offset, pcm[offset : offset + step].tobytes()))
        due = began + (offset / call.rate - start_s + 0.1) / SPEED
        await asyncio.sleep(max(0.0, due - time.monotonic()))


@pytest.mark.integration
async def test_a_recogniser_killed_while_somebody_speaks_costs_no_word() -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    heard, port = Transcripts(), free_port()
    pool = RecognizerPool((f"ws://127.0.0.1:{port}",), heard, timings=PoolTimings(unreachable_s=40.0))
    async with running(pool):
        for channel in (0, 1):
            pool.open(channel, ChannelOptions(channel, call.rate))
        with recognizer(port) as first:
            await until(pool.ready, 40.0)
            await play(pool, call, 0.0, KILLED_AT_S)
            await until(lambda: any(key == 1 for key, _ in heard.partials), 20.0)
            first.send_signal(signal.SIGKILL)
            first.wait()
        before_loss = list(heard.finals)
        with recognizer(port):
            await play(pool, call, KILLED_AT_S, SECONDS)
            for channel in (0, 1):
                pool.close(channel)
            await until(lambda: len(heard.closings) == 2, 60.0)
    said = [" ".join(heard.text(channel)) for channel in (0, 1)]
    assert word_error_rate(references(), said) <= 0.1
    assert heard.finals[: len(before_loss)] == before_loss
    for channel in (0, 1):
        spans = np.array([(final.start, final.end) for key, final in heard.finals if key == channel])
        assert np.all(spans[1:, 0] >= spans[:-1, 1])
        assert heard.closings[channel] == pytest.approx(SECONDS * call.rate, abs=call.rate // 10)
    assert pool.counters()["recognizer_losses"] == 1
    assert pool.counters()["recognizer_connections"] == 2
