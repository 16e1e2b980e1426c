"""Making sherpa-onnx's recognisers.

The library ends the process, or breaks it, where a model's notes are not what it expects. So another process makes each
recogniser first, and lets it hear a second: what it dies of is told as EngineUnavailable.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from asr.engine import ENGINE_RATE
from asr.engines.sherpa.folder import ModelFiles
from asr.engines.sherpa.vocabulary import ModelingUnit, Vocabulary
from asr.settings import Device, SherpaSettings
from callscribe.domain.errors import EngineUnavailable

log = structlog.get_logger()

Option = str | int | float | bool

_STREAMING = {
    "transducer": "from_transducer",
    "paraformer": "from_paraformer",
    "zipformer2-ctc": "from_zipformer2_ctc",
    "nemo-ctc": "from_nemo_ctc",
    "wenet-ctc": "from_wenet_ctc",
}
_OFFLINE = {
    "transducer": "from_transducer",
    "paraformer": "from_paraformer",
    "sense-voice": "from_sense_voice",
    "whisper": "from_whisper",
    "zipformer-ctc": "from_zipformer_ctc",
    "nemo-ctc": "from_nemo_ctc",
    "wenet-ctc": "from_wenet_ctc",
    "wav2vec2-ctc": "from_omnilingual_asr_ctc",
}
_WITHOUT_FEATURES = frozenset({"whisper", "wav2vec2-ctc"})
"""Kinds of models that make features of their own."""
_PLACE = re.compile(r"^/\S+:\d+ ")
"""The line of its source with which sherpa-onnx begins what it says."""
_RAISED = re.compile(r"^\w+Error: (.*)\Z", re.MULTILINE | re.DOTALL)
"""How a Python process tells what it died of."""
_LONGEST_REASON = 300
"""Characters."""
_TRIAL_S = 300


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a recogniser is made."""

    streaming: bool
    maker: str
    """Name of the constructor."""
    options: Mapping[str, Option]


@dataclass(frozen=True, slots=True)
class Biasing:
    """How a model's hotwords are spelled."""

    unit: ModelingUnit
    bpe_vocab: Path | None
    """Where pieces of words stand with their scores."""


def biasing_of(files: ModelFiles, vocabulary: Vocabulary, settings: SherpaSettings) -> Biasing | None:
    """How hotwords are spelled; None where the search takes none, or pieces of words are nowhere to be found."""
    if files.kind != "transducer" or settings.decoding != "modified_beam_search":
        return None
    unit = vocabulary.unit if settings.modeling_unit == "auto" else settings.modeling_unit
    if "bpe" not in unit:
        return Biasing(unit, None)
    vocab = Path(settings.bpe_vocab).expanduser() if settings.bpe_vocab else files.folder / "bpe.vocab"
    if not vocab.is_file():
        log.warning("hotwords_not_preferred", model=str(files.folder), cure=f"make {vocab}: docs/engines.md tells how")
        return None
    return Biasing(unit, vocab)


def streaming_recipe(files: ModelFiles, settings: SherpaSettings, device: Device, biasing: Biasing | None) -> Recipe:
    """That of a streaming model."""
    options = _options(files, settings, device)
    if files.kind == "transducer":
        # 1: confidences are the model's own probabilities; the library's 2 would make all of them doubtful.
        options |= _beam(settings, biasing) | {"temperature_scale": 1.0}
    return Recipe(True, _STREAMING[files.kind], options)


def offline_recipe(files: ModelFiles, settings: SherpaSettings, device: Device, biasing: Biasing | None) -> Recipe:
    """That of an offline model."""
    options = _options(files, settings, device)
    only = settings.languages[0] if len(settings.languages) == 1 else ""
    match files.kind:
        case "transducer":
            options |= _beam(settings, biasing)
        case "paraformer":
            options["paraformer"] = options.pop("model")
        case "sense-voice":
            options["language"] = only or "auto"
        case "whisper":
            options["language"] = only
    return Recipe(False, _OFFLINE[files.kind], options)


def load(recipe: Recipe, files: ModelFiles) -> Any:
    """The recogniser. Raises EngineUnavailable."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)}
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-m", "asr.engines.sherpa.trial"],
            input=json.dumps(asdict(recipe)),
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TRIAL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"the model in {files.folder} takes longer than {_TRIAL_S} s to load") from error
    if trial.returncode:
        raise EngineUnavailable(
            f"the model in {files.folder} is no {files.kind} model that sherpa-onnx can use ({_reason(trial)}); name "
            "another, or set its kind and feature_bins under recognizer.sherpa"
        )
    return make(recipe)


def make(recipe: Recipe) -> Any:
    """The recogniser, in this process, whatever becomes of that."""
    import sherpa_onnx

    kind = sherpa_onnx.OnlineRecognizer if recipe.streaming else sherpa_onnx.OfflineRecognizer
    return getattr(kind, recipe.maker)(**recipe.options)


def hear_noise(recognizer: Any, streaming: bool) -> None:
    """Let a recogniser hear a second of soft noise. Raises what it dies of."""
    noise = np.random.default_rng(0).normal(0.0, 0.01, ENGINE_RATE).astype(np.float32)
    stream = recognizer.create_stream()
    stream.accept_waveform(ENGINE_RATE, noise)
    if not streaming:
        recognizer.decode_streams([stream])
        return
    stream.input_finished()
    while recognizer.is_ready(stream):
        recognizer.decode_streams([stream])
    recognizer.get_result_all(stream)


def _options(files: ModelFiles, settings: SherpaSettings, device: Device) -> dict[str, Option]:
    """What the constructors of all models take."""
    options: dict[str, Option] = {name: str(path) for name, path in files.parts.items()}
    options |= {"tokens": str(files.tokens), "num_threads": settings.threads}
    options["provider"] = _provider(device)
    if files.kind not in _WITHOUT_FEATURES:
        options["feature_dim"] = settings.feature_bins
    return options


def _provider(device: Device) -> str:
    """onnxruntime's name of where the models run. Raises EngineUnavailable for a GPU that this build does not use."""
    gpu = "cuda" in _version()
    if device == "cuda" and not gpu:
        raise EngineUnavailable(
            "recognizer.device is cuda, but this sherpa-onnx runs on CPUs; say cpu, or install its build for CUDA"
        )
    return "cuda" if gpu and device != "cpu" else "cpu"


def _version() -> str:
    try:
        return version("sherpa-onnx")
    except PackageNotFoundError:
        raise EngineUnavailable("the package sherpa-onnx is missing: install callscribe[sherpa]") from None


def _beam(settings: SherpaSettings, biasing: Biasing | None) -> dict[str, Option]:
    """What the search of a transducer takes beside."""
    options: dict[str, Option] = {
        "decoding_method": settings.decoding,
        "max_active_paths": settings.max_active_paths,
        # What kind of encoder it has the file tells.
        "model_type": "",
    }
    if biasing is not None:
        vocab = str(biasing.bpe_vocab) if biasing.bpe_vocab else ""
        options |= {"modeling_unit": biasing.unit, "bpe_vocab": vocab, "hotwords_score": settings.hotwords_score}
    return options


def _reason(trial: "subprocess.CompletedProcess[str]") -> str:
    """What the library said last: of what it raised all, on one line, else the last line."""
    raised = _RAISED.search(trial.stderr)
    if raised:
        return " ".join(raised[1].split())[:_LONGEST_REASON].rstrip(".")
    lines = [_PLACE.sub("", line.strip()) for line in trial.stderr.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_REASON].rstrip(".") if lines else f"it ended with {trial.returncode}"
