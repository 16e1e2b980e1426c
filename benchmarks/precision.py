"""The second pass's weights in several precisions on this CPU: what they take, cost and get wrong. Clips one by one."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import ctranslate2
import numpy as np
import soxr

from asr.engine import ENGINE_RATE
from asr.engines.whisper import WINDOW_S, WhisperEngine
from asr.level import leveled
from asr.settings import SecondPassSettings
from benchmarks.corpus import RATE, Clip
from tests.wer import word_error_rate

PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True, slots=True)
class Precision:
    """One row of the table."""

    name: str
    supported: bool
    """False: this CPU has no arithmetic for it, and CTranslate2 refuses or replaces it."""
    memory_mb: float = 0.0
    """Resident memory that loading takes."""
    cpu_s_per_audio_s: float = 0.0
    word_error_rate: float = 0.0


def compare(clips: Sequence[Clip]) -> list[Precision]:
    """Every precision over the clips, each in a process of its own."""
    able = ctranslate2.get_supported_compute_types("cpu")
    rows = []
    for name in PRECISIONS:
        if name not in able:
            rows.append(Precision(name, supported=False))
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(_measure, name, list(clips)).result())
    return rows


def _measure(name: str, clips: list[Clip]) -> Precision:
    clips = [clip for clip in clips if len(clip.pcm) < WINDOW_S * RATE]
    import faster_whisper  # noqa: F401 - its own memory is not the weights'

    before = _resident_mb()
    engine = WhisperEngine(None, SecondPassSettings().beam, 1, compute_type=name)
    engine.decode(np.zeros(ENGINE_RATE, np.float32), "en")
    memory, began = _resident_mb() - before, time.process_time()
    texts = []
    for clip in clips:
        audio = leveled(soxr.resample(clip.pcm.astype(np.float32) / 32768, RATE, ENGINE_RATE))
        texts.append("".join(word.text for word in engine.decode(audio, "en")))
    cpu_s = time.process_time() - began
    seconds = sum(len(clip.pcm) for clip in clips) / RATE
    errors = word_error_rate([clip.text for clip in clips], texts)
    return Precision(name, True, round(memory), round(cpu_s / seconds, 4), round(errors, 4))


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
