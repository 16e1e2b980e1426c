"""What the recognition benchmarks play: prompts never tuned on, joined to channels of calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.prompts import load_prompts

RATE = 8000
Pcm = NDArray[np.int16]
Sound = NDArray[np.float64]
"""Mono audio at RATE in 16-bit steps, not yet rounded."""

PAUSES_S = (1.0, 2.5)
"""Shortest and longest pause between two turns of a channel."""
_LINE_NOISE = 8.0
"""Root mean square of the noise beneath everything, in 16-bit steps: -72 dBFS."""
_FRAME = RATE // 100
_QUIET_DB = -35.0
"""Frames this far below a clip's loud ones are no speech."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what it says."""

    name: str
    text: str
    pcm: Pcm

    @property
    def speech(self) -> tuple[int, int]:
        """First sample of speech and the first after it, by energy in frames of 10 ms."""
        loud = self._loud_frames()
        return int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME

    def end_of_sound(self, start: int, end: int) -> int:
        """The first sample of the silence that `end` lies in or at, not before `start`."""
        loud = self._loud_frames()
        within = loud[(loud * _FRAME >= start) & (loud * _FRAME < end)]
        return min(end, (int(within[-1]) + 1) * _FRAME) if len(within) else end

    def _loud_frames(self) -> NDArray[np.intp]:
        frames = self.pcm[: len(self.pcm) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
        level = np.sqrt(np.mean(frames**2, axis=1))
        return np.flatnonzero(level > np.percentile(level, 95) * 10 ** (_QUIET_DB / 20))


@dataclass(frozen=True, slots=True)
class Turn:
    """A clip's place in a channel."""

    clip: Clip
    at: int
    """Sample of the channel that is the clip's first."""

    @property
    def start(self) -> int:
        """Sample of the channel at which speech begins."""
        return self.at + self.clip.speech[0]

    @property
    def end(self) -> int:
        """The first sample after its speech."""
        return self.at + self.clip.speech[1]


@dataclass(frozen=True, slots=True)
class Channel:
    """One party's side of a call."""

    name: str
    pcm: Pcm
    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        return " ".join(turn.clip.text for turn in self.turns)

    @property
    def seconds(self) -> float:
        return len(self.pcm) / RATE


def odd_prompts(every: int = 1) -> list[Clip]:
    """Telephone prompts that nothing was tuned on, or every n-th of them. Raises SystemExit where there are none."""
    prompts = load_prompts()[1::2][::every]
    if not prompts:
        raise SystemExit("install the Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav")
    return [Clip(prompt.name, prompt.text, prompt.pcm) for prompt in prompts]


def channels(clips: Sequence[Clip], seconds: float = 60.0) -> list[Channel]:
    """The clips, with pauses between them over a little line noise, as channels of about `seconds`."""
    random = np.random.default_rng(0)
    made: list[Channel] = []
    group: list[Clip] = []
    for clip in clips:
        group.append(clip)
        if sum(len(one.pcm) for one in group) >= seconds * RATE:
            made.append(_joined(f"channel {len(made)}", group, random, PAUSES_S))
            group = []
    return [*made, _joined(f"channel {len(made)}", group, random, PAUSES_S)] if group else made


def unbroken(clips: Sequence[Clip], seconds: float = 40.0) -> list[Channel]:
    """The clips without the silence around them, 150 ms apart: somebody who does not stop for breath."""
    random = np.random.default_rng(0)
    made: list[Channel] = []
    group: list[Clip] = []
    for clip in clips:
        group.append(Clip(clip.name, clip.text, clip.pcm[slice(*clip.speech)]))
        if sum(len(one.pcm) for one in group) >= seconds * RATE:
            made.append(_joined(f"monologue {len(made)}", group, random, (0.15, 0.15)))
            group = []
    return [*made, _joined(f"monologue {len(made)}", group, random, (0.15, 0.15))] if group else made


def _joined(name: str, clips: Sequence[Clip], random: np.random.Generator, pauses_s: tuple[float, float]) -> Channel:
    parts: list[Sound] = [np.zeros(RATE)]
    turns: list[Turn] = []
    for clip in clips:
        turns.append(Turn(clip, sum(map(len, parts))))
        parts += [clip.pcm.astype(np.float64), np.zeros(int(random.uniform(*pauses_s) * RATE))]
    sound = np.concatenate([*parts, np.zeros(RATE)])
    return Channel(name, to_pcm(sound + random.normal(0.0, _LINE_NOISE, len(sound))), tuple(turns))


def to_pcm(sound: NDArray[np.floating[Any]]) -> Pcm:
    """Rounded and clipped to 16 bits."""
    pcm: Pcm = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return pcm
