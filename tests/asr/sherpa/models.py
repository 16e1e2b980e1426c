"""The tiny models that sherpa-onnx is tested with, and speech that they know; tests/models/README.md tells of both."""

from functools import cache
from pathlib import Path

import numpy as np

from asr.engine import Waveform
from asr.level import leveled
from asr.resampling import Upsampler
from tests.tiny_speech import RATE, Language, Samples, utterances

_FOLDER = Path(__file__).parents[2] / "models"


def model(name: str) -> str:
    """The folder of a tiny model."""
    return str(_FOLDER / f"sherpa-{name}")


@cache
def spoken(language: Language) -> dict[str, Waveform]:
    """What was said, with its words."""
    return {line.text: heard(line.samples) for line in utterances(language)}


def heard(samples: Samples) -> Waveform:
    """A telephone's samples as an engine hears them."""
    upsampler = Upsampler(RATE)
    return leveled(np.concatenate([upsampler.push(samples), upsampler.flush()]))
