"""Diarisation by embeddings of voices.

A segmentation model tells where somebody speaks, changes or joins in; short cuts of what it finds are embedded, and the
embeddings grouped by voice. Cuts are few, because embeddings are what costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import soxr
from numpy.typing import NDArray

from asr.diarization.clustering import Embeddings, likeness, voices_of
from asr.diarization.segmentation import FRAMES_S, Segmentation, Stretch
from asr.diarization.turns import SpeakerCount, Turn
from asr.diarization.voices import PackagedVoices, VoiceModel
from asr.engine import ENGINE_RATE, Waveform
from asr.resampling import Samples

_CUT_EVERY = 3 * FRAMES_S
"""Frames of a stretch for each cut."""
_SHORTEST = FRAMES_S // 5
"""Stretches shorter than this are of who spoke before: they are too short to tell a voice."""
_LONGEST_OVERLAP = 3 * FRAMES_S // 2
"""Frames beyond which several voices at once are an error of the model: people give way sooner."""
_JOINS_IN = 0.4
"""Share of the best likeness that a second voice must have to be heard beside the first."""
_CLOSED = FRAMES_S // 5
"""Frames of a pause that does not end a turn, when nobody else speaks in it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a stretch that stands for what is around it, in frames."""

    start: int
    end: int
    covers: tuple[int, int]
    """First frame that it stands for, and the one after the last."""
    voices: int
    """How many speak at once."""


class EmbeddingDiarizer:
    """Who speaks when, by what a model of voices tells; by itself as on a fresh machine, without torch or a hub."""

    def __init__(self, voices: VoiceModel | None = None) -> None:
        """Raises EngineUnavailable where the package that carries the segmentation is missing."""
        self._segmentation = Segmentation()
        self._voices = voices or PackagedVoices()

    @property
    def name(self) -> str:
        return self._voices.name

    def diarize(self, pcm: Samples, rate: int, speakers: SpeakerCount) -> tuple[Turn, ...]:
        """As Diarizer's."""
        audio: Waveform = soxr.resample(pcm.astype(np.float32) / np.float32(32_768), rate, ENGINE_RATE)
        stretches = self._segmentation.stretches(audio)
        cuts = cuts_of(stretches, round(self._voices.cut_s * FRAMES_S))
        if not cuts:
            return ()
        embeddings = self._embed(audio, cuts)
        alone = np.array([cut.voices == 1 for cut in cuts])
        told = alone if alone.any() else ~alone
        seconds = np.array([cut.end - cut.start for cut in cuts]) / FRAMES_S
        centres = voices_of(embeddings[told], seconds[told], speakers, self._voices.same_voice)
        active = activity(cuts, likeness(embeddings, centres), stretches)
        return turns_of(active, rate, len(pcm))

    def _embed(self, audio: Waveform, cuts: Sequence[Cut]) -> Embeddings:
        frame = ENGINE_RATE // FRAMES_S
        return self._voices.embed([audio[cut.start * frame : cut.end * frame] for cut in cuts])


def cuts_of(stretches: Sequence[Stretch], longest: int) -> list[Cut]:
    """The middle of each stretch, and of each part of a long one, of `longest` frames at most."""
    cuts = []
    for stretch in stretches:
        length = stretch.end - stretch.start
        if length < _SHORTEST:
            continue
        voices = stretch.voices if length <= _LONGEST_OVERLAP else 1
        parts = max(1, round(length / _CUT_EVERY))
        edges = [stretch.start + length * part // parts for part in range(parts + 1)]
        for start, end in pairwise(edges):
            spare = max(0, end - start - longest) // 2
            cuts.append(Cut(start + spare, end - spare, (start, end), voices))
    return cuts


def activity(cuts: Sequence[Cut], likenesses: Embeddings, stretches: Sequence[Stretch]) -> NDArray[np.bool_]:
    """Whether each voice speaks in each frame, of shape (frames, voices).

    A cut in which several speak at once is of the voices that it is most like, when it is like them at all.
    """
    active = np.zeros((stretches[-1].end, likenesses.shape[1]), bool)
    ranked = np.argsort(-likenesses, axis=1)
    for cut, ranks, alike in zip(cuts, ranked, likenesses, strict=True):
        heard = ranks[: cut.voices]
        active[slice(*cut.covers), heard[alike[heard] >= _JOINS_IN * alike[heard[0]]]] = True
    starts = np.array([cut.covers[0] for cut in cuts])
    for stretch in stretches:
        if stretch.end - stretch.start < _SHORTEST:
            nearest = max(0, int(np.searchsorted(starts, stretch.start)) - 1)
            active[stretch.start : stretch.end, ranked[nearest, 0]] = True
    return active


def turns_of(active: NDArray[np.bool_], rate: int, samples: int) -> tuple[Turn, ...]:
    """Turns in samples at `rate`, short pauses closed, speakers numbered in the order in which they are first heard."""
    anyone: NDArray[np.bool_] = np.any(active, axis=1)
    spoken = [
        (start, end, voice)
        for voice in range(active.shape[1])
        for start, end in _closed(_runs(active[:, voice]), anyone)
    ]
    numbers: dict[int, int] = {}
    turns = []
    for start, end, voice in sorted(spoken):
        number = numbers.setdefault(voice, len(numbers))
        turns.append(Turn(start * rate // FRAMES_S, min(end * rate // FRAMES_S, samples), number))
    return tuple(turns)


def _runs(frames: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _closed(runs: Sequence[tuple[int, int]], anyone: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs, joined over pauses in which nobody speaks."""
    closed: list[tuple[int, int]] = []
    for start, end in runs:
        if closed and start - closed[-1][1] <= _CLOSED and not anyone[closed[-1][1] : start].any():
            closed[-1] = (closed[-1][0], end)
        else:
            closed.append((start, end))
    return closed
