"""Speech for the acceptance tests: stretches of the demo call with their reference text, as PCM and as mu-law."""

import json
import wave
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.files import read_audio

RATE = 8000
CLICK_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of the demo call: two channels of equal length, and what each says."""

    channels: tuple[NDArray[np.int16], ...]
    texts: tuple[str, ...]
    conversation: str
    """What all say, in the order they begin."""

    @property
    def seconds(self) -> float:
        return len(self.channels[0]) / RATE


@cache
def excerpt(turns: int) -> Excerpt:
    """The first `turns` turns, with a second of silence after the last."""
    media = files("callscribe.cli") / "media"
    reference = json.loads((media / "demo-call.json").read_text())
    spoken = reference["turns"][:turns]
    end = (max(turn["end_ms"] for turn in spoken) + 1000) * RATE // 1000
    audio = read_audio(Path(str(media / "demo-call.wav")))
    assert audio.rate == RATE
    channels = []
    for index, channel in enumerate(audio.channels):
        last = max((turn["end_ms"] for turn in spoken if turn["channel"] == index), default=0) * RATE // 1000
        # What the next turn begins while the last one here still sounds is not in the reference.
        kept = channel[:end].copy()
        kept[last + RATE // 5 :] = 0
        channels.append(np.pad(kept, (0, end - len(kept))))
    texts = (" ".join(turn["text"] for turn in spoken if turn["channel"] == index) for index in range(len(channels)))
    return Excerpt(tuple(channels), tuple(texts), " ".join(turn["text"] for turn in spoken))


def clicks(seconds: int) -> Excerpt:
    """A burst of noise of 20 ms every ten seconds, the same on both channels: nothing that is speech."""
    burst = (np.random.default_rng(5).standard_normal(RATE // 50) * 6000).astype(np.int16)
    channel = np.zeros(seconds * RATE, np.int16)
    for start in range(RATE, len(channel) - RATE, CLICK_EVERY_S * RATE):
        channel[start : start + len(burst)] = burst
    return Excerpt((channel, channel), ("", ""), "")


def write_wav(path: Path, *channels: NDArray[np.int16]) -> Path:
    """Write channels of 8 kHz PCM as one WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack(channels, axis=1).tobytes())
    return path


def mu_law(pcm: NDArray[np.int16]) -> bytes:
    """G.711 mu-law of 16-bit PCM (ITU-T G.711, table 2a)."""
    clipped = np.minimum(np.abs(pcm.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(clipped)).astype(np.int32) - 7
    mantissa = (clipped >> (exponent + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0)
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))
