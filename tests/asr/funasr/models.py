"""The tiny models that FunASR's parts are tested with, and speech that they know.

tests/models/README.md says what they know. The speech was made by espeak-ng and flite, in voices of the models'
training but with other sentences, and is kept as a telephone carries it: 8 kHz, mu-law.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml  # type: ignore[import-untyped]

from asr.engine import Waveform
from asr.engines.funasr.loading import LoadedModel, library, load_model
from asr.resampling import Upsampler
from callscribe.domain.errors import EngineUnavailable
from tests.asr.speech import silence
from tests.tiny_speech import utterances

_FOLDER = Path(__file__).parents[2] / "models"
_RATE = 8_000
_PAUSED = {
    "transfer": (0.21, 0.88),
    "broken": (1.16, 1.65),
    "manager": (1.82, 2.36),
    "tomorrow": (2.55, 3.21),
    "four": (3.31, 3.66),
}


def model(name: str) -> Path:
    """The folder of a tiny model."""
    return _FOLDER / name


@cache
def loaded(name: str) -> LoadedModel:
    """A tiny model; nothing that is tested changes it."""
    return load_model(model(name), "cpu")


@cache
def spoken() -> Mapping[str, Waveform]:
    """What was said, with the words of each line."""
    with np.load(Path(__file__).with_name("speech.npz")) as lines:
        return {name.replace("_", " "): _heard(codes) for name, codes in lines.items() if name != "paused"}


@cache
def spoken_chinese() -> Mapping[str, Waveform]:
    """Likewise, with the characters of each line."""
    return {line.text: wide(line.samples) for line in utterances("zh")}


@cache
def paused() -> tuple[Waveform, Mapping[str, tuple[float, float]]]:
    """Words with pauses between, and where each begins and ends, in seconds."""
    with np.load(Path(__file__).with_name("speech.npz")) as lines:
        return _heard(lines["paused"]), _PAUSED


@cache
def idle(seconds: float) -> Waveform:
    """A line on which nobody speaks."""
    return wide(silence(seconds))


def made(folder: Path, settings: Mapping[str, Any], tokens: list[str], seed: int = 0) -> LoadedModel:
    """A model with random weights, made of these settings in FunASR's names, loaded from its folder."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(settings)))
    (folder / "tokens.txt").write_text("\n".join(tokens))
    frontend = settings.get("frontend_conf")
    width = frontend["n_mels"] * frontend["lfr_m"] if frontend else None
    if width:
        row = "<LearnRateCoef> 0 [ {} ]"
        shift, scale = row.format(" ".join(["-9.0"] * width)), row.format(" ".join(["0.3"] * width))
        (folder / "am.mvn").write_text(f"<AddShift> {width} {width}\n{shift}\n<Rescale> {width} {width}\n{scale}\n")
    # It fails for want of weights, when it has imported the model's class.
    with pytest.raises(EngineUnavailable, match=r"model\.pt is missing"):
        load_model(folder, "cpu")
    with library():
        from funasr.register import tables

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        parts = {**settings["model_conf"], **settings, "vocab_size": len(tokens), "input_size": width}
        torch.save(tables.model_classes[settings["model"]](**parts).state_dict(), folder / "model.pt")
    return load_model(folder, "cpu")


def _heard(codes: np.ndarray[Any, np.dtype[np.uint8]]) -> Waveform:
    compressed = codes / 127.5 - 1
    sound = np.sign(compressed) * (np.power(256.0, np.abs(compressed)) - 1) / 255
    return wide(np.round(sound * 32767).astype(np.int16))


def wide(samples: np.ndarray[Any, np.dtype[np.int16]]) -> Waveform:
    """A telephone's samples as an engine hears them."""
    upsampler = Upsampler(_RATE)
    return np.concatenate([upsampler.push(samples), upsampler.flush()])
