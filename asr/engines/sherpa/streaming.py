"""Streaming models: several streams in one call, each going on from where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.engine import ENGINE_RATE, DecodingJob
from asr.engines.sherpa.biasing import Biaser
from asr.engines.sherpa.reading import Transcript
from callscribe.domain.hotword import Hotword

_TAIL = np.zeros(ENGINE_RATE * 66 // 100, np.float32)
"""Silence behind a final's audio: a model hears ahead, and many say a word only when they have heard what follows."""


@dataclass(slots=True, eq=False)
class _Feed:
    """A stream of the library's, with what it was fed."""

    stream: Any
    hotwords: tuple[Hotword, ...]
    samples: int = 0
    turn: int = 0
    """How often it was gone on with."""

    def push(self, audio: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        """Feed what lies behind the samples that it was fed already."""
        self.stream.accept_waveform(ENGINE_RATE, audio[self.samples :])
        self.samples = len(audio)
        self.turn += 1


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a decoding ended: a feed at one of its turns.

    A stream of the library's cannot be copied, and going on changes it. So a place does not hold what was heard, it
    only says which turn of the feed it was: while that is the last one, the feed may go on from here; afterwards a job
    that comes with this place begins anew, and so hears what it would have heard the first time.
    """

    feed: _Feed
    turn: int

    def serves(self, job: DecodingJob) -> bool:
        """True where the job's audio goes on from here, with the same hotwords."""
        feed = self.feed
        return feed.turn == self.turn and feed.samples <= len(job.audio) and feed.hotwords == job.hotwords


class StreamingModel:
    """A loaded streaming recogniser. Used by one thread at a time."""

    def __init__(self, recognizer: Any, biaser: Biaser) -> None:
        self._recognizer = recognizer
        self._biaser = biaser

    @property
    def biasing(self) -> bool:
        return self._biaser.biasing

    def go_on(self, jobs: Sequence[DecodingJob]) -> list[tuple[Transcript, Place]]:
        """What is understood of each job's audio so far, and where that ended. Raises RuntimeError, IndexError."""
        feeds = []
        for job in jobs:
            place = job.earlier.state
            if isinstance(place, Place) and place.serves(job):
                feed = place.feed
            else:
                feed = _Feed(self._biaser.stream(job.hotwords), job.hotwords)
            feed.push(job.audio)
            feeds.append(feed)
        self._run([feed.stream for feed in feeds])
        return [(self._transcript(feed.stream), Place(feed, feed.turn)) for feed in feeds]

    def decode(self, jobs: Sequence[DecodingJob]) -> list[Transcript]:
        """What is understood of each job's audio as a whole. Raises RuntimeError, IndexError.

        A stream of its own hears all of it again, so that a final depends on its audio alone: what was streamed had the
        level of the utterance's beginning.
        """
        streams = []
        for job in jobs:
            stream = self._biaser.stream(job.hotwords)
            stream.accept_waveform(ENGINE_RATE, job.audio)
            stream.accept_waveform(ENGINE_RATE, _TAIL)
            stream.input_finished()
            streams.append(stream)
        self._run(streams)
        return [self._transcript(stream) for stream in streams]

    def _run(self, streams: Sequence[Any]) -> None:
        while ready := [stream for stream in streams if self._recognizer.is_ready(stream)]:
            self._recognizer.decode_streams(ready)

    def _transcript(self, stream: Any) -> Transcript:
        result = self._recognizer.get_result_all(stream)
        return Transcript(
            text=result.text, tokens=result.tokens, times=result.timestamps, log_probabilities=result.ys_probs
        )
