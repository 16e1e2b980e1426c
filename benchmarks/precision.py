"""The weights of both passes in several precisions on this CPU: what they take, cost and get wrong, clip by clip."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import ctranslate2
import numpy as np
import soxr

from asr.engine import ENGINE_RATE, DecodingJob, Waveform
from asr.engines.moonshine import MoonshineEngine
from asr.engines.whisper import WhisperEngine
from asr.level import leveled
from asr.settings import SecondPassSettings
from benchmarks.corpus import RATE, Clip
from tests.wer import word_error_rate

_LONGEST_S = 12
"""Longer clips are left out: the live pass never decodes them whole."""

Transcribe = Callable[[Waveform], str]


@dataclass(frozen=True, slots=True)
class Weights:
    """Those of one pass in one precision."""

    name: str
    load: Callable[[], Transcribe] | None
    """None: nothing here computes in it."""


@dataclass(frozen=True, slots=True)
class Precision:
    """One row of the table."""

    name: str
    supported: bool
    """False: there is no arithmetic for it on this CPU."""
    memory_mb: float = 0.0
    """Resident memory that loading and the first decoding take."""
    cpu_s_per_audio_s: float = 0.0
    word_error_rate: float = 0.0


def _live_fp32() -> Transcribe:
    return _live(MoonshineEngine(precision="fp32"))


def _live_int8() -> Transcribe:
    return _live(MoonshineEngine(precision="int8"))


def _live(engine: MoonshineEngine) -> Transcribe:
    return lambda audio: engine.decode([DecodingJob(audio, final=True)])[0].text


def _second_fp32() -> Transcribe:
    return _second("float32")


def _second_fp16() -> Transcribe:
    return _second("float16")


def _second_int8() -> Transcribe:
    return _second("int8")


def _second(compute_type: str) -> Transcribe:
    engine = WhisperEngine(SecondPassSettings(device="cpu", compute_type=compute_type))
    return lambda audio: "".join(word.text for word in engine.decode(audio, "en").words)


def all_weights() -> list[Weights]:
    """Of both passes."""
    able = ctranslate2.get_supported_compute_types("cpu")
    return [
        Weights("live, fp32", _live_fp32),
        Weights("live, fp16", None),
        Weights("live, int8", _live_int8),
        Weights("second pass, fp32", _second_fp32),
        Weights("second pass, fp16", _second_fp16 if "float16" in able else None),
        Weights("second pass, int8", _second_int8),
    ]


def compare(clips: Sequence[Clip]) -> list[Precision]:
    """All weights over the clips, each in a process of its own."""
    spoken = [clip for clip in clips if len(clip.pcm) <= _LONGEST_S * RATE]
    rows = []
    for weights in all_weights():
        if weights.load is None:
            rows.append(Precision(weights.name, supported=False))
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(_measure, weights, spoken).result())
    return rows


def _measure(weights: Weights, clips: list[Clip]) -> Precision:
    # The libraries' own memory is not the weights'.
    import faster_whisper  # noqa: F401

    assert weights.load is not None
    before = _resident_mb()
    transcribe = weights.load()
    transcribe(np.zeros(4 * ENGINE_RATE, np.float32))
    memory, began = _resident_mb() - before, time.process_time()
    texts = []
    for clip in clips:
        audio = soxr.resample(clip.pcm.astype(np.float32) / 32768, RATE, ENGINE_RATE)
        texts.append(transcribe(leveled(audio)))
    cpu_s = time.process_time() - began
    seconds = sum(len(clip.pcm) for clip in clips) / RATE
    errors = word_error_rate([clip.text for clip in clips], texts)
    return Precision(weights.name, True, round(memory), round(cpu_s / seconds, 4), round(errors, 4))


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
