"""Speech that the tiny models of tests/models know: sentences of their words in voices of their training.

The recordings are committed, so that a test hears the same wherever it runs; tests/models/README.md says how they were
made.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from telephony.caller.wav import read_wav
from tests.asr.speech import through_mu_law

RATE = 8_000
Language = Literal["en", "zh"]
Vocabulary = Literal["en", "zh", "names"]
"""What is spoken of; names are English words and names, which only tests/models/seaco knows."""
Samples = NDArray[np.int16]
"""PCM at RATE, on the levels of mu-law."""

_FOLDER = Path(__file__).parent / "models" / "speech"
_LEAD_S = 1.0
_PAUSES_S = (1.0, 1.5, 2.0, 1.2, 1.8)
_NOISE = 0.001 * 32_768
"""Root mean square of the recordings' own noise."""


@dataclass(frozen=True, slots=True, eq=False)
class SpokenLine:
    """One recording of 2 to 4 s, with 0.15 s without words at either end."""

    name: str
    channel: int
    """0: the agent, 1: the caller; each has a voice of its own."""
    text: str
    """What is said: words between blanks in English, characters without any in Chinese, no punctuation."""
    samples: Samples


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A line and where it stands in a conversation, in samples."""

    line: SpokenLine
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.line.samples)


@dataclass(frozen=True, slots=True, eq=False)
class Conversation:
    """A call: samples of both channels, (samples, 2), and who says what when."""

    samples: Samples
    turns: tuple[Turn, ...]

    def channel(self, number: int) -> Samples:
        """One side alone."""
        return np.ascontiguousarray(self.samples[:, number])


@cache
def utterances(vocabulary: Vocabulary) -> tuple[SpokenLine, ...]:
    """The vocabulary's recordings, agent and caller in turn; together they are a conversation."""
    return tuple(
        SpokenLine(entry["name"], entry["channel"], entry["text"], _recorded(entry["name"]))
        for entry in json.loads((_FOLDER / "speech.json").read_text("utf-8"))
        if entry["vocabulary"] == vocabulary
    )


@cache
def conversation(vocabulary: Vocabulary) -> Conversation:
    """All recordings one after another, each on its channel, with pauses of 1 to 2 s and the noise of idle lines."""
    turns = tuple(_turns(vocabulary))
    length = turns[-1].end + int(_PAUSES_S[0] * RATE)
    noise = np.random.default_rng(0).normal(0.0, _NOISE, (length, 2))
    samples = through_mu_law(np.round(noise).astype(np.int16))
    for turn in turns:
        samples[turn.start : turn.end, turn.line.channel] = turn.line.samples
    return Conversation(samples, turns)


def _turns(vocabulary: Vocabulary) -> Iterator[Turn]:
    start = int(_LEAD_S * RATE)
    for line, pause_s in zip(utterances(vocabulary), cycle(_PAUSES_S), strict=False):
        turn = Turn(line, start)
        yield turn
        start = turn.end + int(pause_s * RATE)


def _recorded(name: str) -> Samples:
    return np.frombuffer(read_wav(_FOLDER / f"{name}.wav", RATE), "<i2")
