"""Telephone prompts of a real voice with their texts, from the Debian packages asterisk-core-sounds-en(-wav)."""

import gzip
import os
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_SHORTEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """One recording and what it says."""

    name: str
    text: str
    rate: int
    pcm: NDArray[np.int16]


def load_prompts() -> list[Prompt]:
    """All prompts of at least two seconds, in the text file's order; empty where the packages are not installed."""
    if not TEXTS.exists():
        return []
    prompts = []
    for line in gzip.decompress(TEXTS.read_bytes()).decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(":")
        file = SOUNDS / f"{name.strip()}.wav"
        # Texts in brackets tell of sounds that are no words.
        if not colon or line.startswith(";") or "[" in text or "/" in name or not text.strip() or not file.exists():
            continue
        with wave.open(str(file)) as recording:
            rate, pcm = recording.getframerate(), recording.readframes(recording.getnframes())
        if len(pcm) >= _SHORTEST_S * rate * 2:
            prompts.append(Prompt(name.strip(), text.strip(), rate, np.frombuffer(pcm, "<i2")))
    return prompts


def prompts_or_skip() -> list[Prompt]:
    """As `load_prompts`; skips the test where the packages are missing, and fails it in CI."""
    prompts = load_prompts()
    if not prompts:
        missing = "the Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav are not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return prompts
