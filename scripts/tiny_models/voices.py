"""Made-up speakers: the variants of espeak-ng and the voices of flite. The models hear no recording of a person.

flite's English voices were built from recordings of people (CMU ARCTIC), under a licence that allows any use.
"""

import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import soxr
from numpy.typing import NDArray

from scripts.tiny_models.telephone import RATE, Sound

_FLITE_SHARE = 0.35
_FLITE_PITCH_HZ = {"kal16": 105, "awb": 120, "slt": 170, "rms": 100}
KNOWN_VARIANTS = (
    *("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f4", "+f5"),
    *("+Andy", "+Annie", "+linda", "+max", "+steph"),
)
HELD_OUT_VARIANTS = ("+m2", "+m4", "+f3", "+Michael")
_ESPEAK_VOICES = {"en": ("en", "en-us", "en-gb-x-rp", "en-029"), "zh": ("cmn-latn-pinyin",)}
"""The plain voice `cmn` of espeak-ng 1.51 reads Chinese as the English names of letters; its pinyin sister does not."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker. Rate and pitch are in the units of its engine's own options."""

    engine: str
    name: str
    rate: float
    pitch: int

    def say(self, text: str) -> Sound:
        """The text as sound at RATE, peaks at 1. Raises CalledProcessError when the engine fails."""
        with TemporaryDirectory() as folder:
            recording = Path(folder) / "speech.wav"
            subprocess.run(self._command(text, recording), check=True, capture_output=True)
            sound = _read(recording)
        return (sound / max(float(np.abs(sound).max(initial=0.0)), 1e-9)).astype(np.float32)

    def _command(self, text: str, recording: Path) -> Sequence[str]:
        if self.engine == "flite":
            options = ["--setf", f"duration_stretch={self.rate}", "--setf", f"int_f0_target_mean={self.pitch}"]
            return ["flite", "-voice", self.name, *options, "-t", text, "-o", str(recording)]
        return [
            "espeak-ng",
            "-v",
            self.name,
            "-s",
            str(int(self.rate)),
            "-p",
            str(self.pitch),
            "-w",
            str(recording),
            text,
        ]


def drawn_voice(language: str, random: Random, held_out: bool = False) -> Voice:
    """A speaker of the language; held-out ones are never trained on."""
    if language == "en" and random.random() < _FLITE_SHARE:
        name = "rms" if held_out else random.choice(("kal16", "awb", "slt"))
        pitch = int(_FLITE_PITCH_HZ[name] * random.uniform(0.85, 1.2))
        return Voice("flite", name, round(random.uniform(0.9, 1.2), 2), pitch)
    variant = random.choice(HELD_OUT_VARIANTS if held_out else KNOWN_VARIANTS)
    name = random.choice(_ESPEAK_VOICES[language]) + variant
    return Voice("espeak", name, random.randint(130, 170), random.randint(30, 70))


def _read(recording: Path) -> NDArray[np.float32]:
    with wave.open(str(recording)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        resampled: NDArray[np.float32] = soxr.resample(samples.astype(np.float32), file.getframerate(), RATE)
    return resampled
