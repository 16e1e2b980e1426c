"""A recogniser process with more channels than it can follow: what is shown of them, and that no final is lost."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asr.wire.client import ChannelOptions, LostAudio, RecognizerPool
from callscribe.cli.ports import free_port
from callscribe.domain.audio import AudioChunk
from callscribe.domain.transcript import Final, Partial
from tests.acceptance.role import running_role
from tests.asr.speech import RATE, two_cities
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

CROWD = 40
PRESSED_S, RELIEVED_S = 19, 6
STEP = RATE // 10


@dataclass(slots=True)
class Listener:
    """Keeps what the recogniser tells of each channel."""

    partials: dict[int, list[Partial]] = field(default_factory=dict)
    finals: dict[int, list[Final]] = field(default_factory=dict)
    closed_at: dict[int, tuple[int, tuple[LostAudio, ...]]] = field(default_factory=dict)

    def partial(self, key: int, partial: Partial) -> None:
        self.partials.setdefault(key, []).append(partial)

    def final(self, key: int, final: Final) -> None:
        self.finals.setdefault(key, []).append(final)

    def acknowledged(self, key: int, offset: int) -> None:
        """Nothing is kept here that could be let go."""

    def closed(self, key: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        self.closed_at[key] = offset, lost

    def said(self, key: int, seconds: int) -> str:
        """All that a channel said in its first seconds."""
        return " ".join(final.text for final in self.finals[key] if final.start < (seconds - 1) * RATE)


def chunk(first: int, last: int) -> AudioChunk:
    """The reading from one sample to another."""
    return AudioChunk(0, first, two_cities()[first:last].tobytes())


async def speak(pool: RecognizerPool, keys: range, first_s: int, last_s: int) -> None:
    """These channels say the same, in real time, from one second of the reading to another."""
    began = time.monotonic()
    for step in range(first_s * 10, last_s * 10):
        for key in keys:
            pool.send(key, chunk(step * STEP, (step + 1) * STEP))
        await asyncio.sleep(max(0.0, began + (step + 1) / 10 - first_s - time.monotonic()))


async def close(pool: RecognizerPool, listener: Listener, keys: range) -> None:
    for key in keys:
        pool.close(key)
    async with asyncio.timeout(100):
        while not all(key in listener.closed_at for key in keys):
            await asyncio.sleep(0.05)


@pytest.mark.timeout(240)
async def test_under_pressure_partials_give_way_and_come_back_and_no_final_is_lost(tmp_path: Path) -> None:
    url, listener = f"ws://127.0.0.1:{free_port()}", Listener()
    first, crowd, calm = range(1), range(1, CROWD + 1), range(CROWD + 1, CROWD + 2)
    with running_role("recognizer", tmp_path, {"recognizer.port": url.rpartition(":")[2]}):
        pool = RecognizerPool((url,), listener)
        await pool.start()
        for key in range(CROWD + 2):
            pool.open(key, ChannelOptions(channel=0, rate=RATE, update_ms=200))
        await speak(pool, range(CROWD + 1), 0, PRESSED_S)
        pressed = [len(listener.partials.get(key, [])) / PRESSED_S for key in (*first, *crowd)]
        await close(pool, listener, crowd)
        began = len(listener.partials[0])
        await speak(pool, first, PRESSED_S, PRESSED_S + RELIEVED_S)
        relieved = (len(listener.partials[0]) - began) / RELIEVED_S
        for second in range(PRESSED_S + RELIEVED_S):
            pool.send(calm[0], chunk(second * RATE, (second + 1) * RATE))
        await close(pool, listener, first)
        await close(pool, listener, calm)
        await pool.stop()
    assert max(pressed) < relieved / 2
    for key, seconds in [(0, PRESSED_S + RELIEVED_S), *((key, PRESSED_S) for key in crowd)]:
        decoded, lost = listener.closed_at[key]
        assert decoded >= seconds * RATE
        assert lost == ()
        places = [place for final in listener.finals[key] for place in (final.start, final.end)]
        assert places == sorted(places)
        assert word_error_rate([listener.said(calm[0], seconds)], [listener.said(key, seconds)]) <= 0.15
