"""Loading a FunASR model from a local folder, as FunASR's AutoModel would, without what AutoModel does besides.

Nothing here reaches the network, whatever the folder's files say: AutoModel asks the package index for updates, takes a
folder that is not there for a model on ModelScope, and runs code that a folder brings. It also sets the threads and the
random seed of the whole process.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
import re
import sys
import types
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE
from asr.engines.funasr.folder import DOWNLOAD, ModelFolder
from asr.settings import Device
from asr.torch_runtime import import_torchaudio, torch_device
from callscribe.domain.errors import EngineUnavailable

if TYPE_CHECKING:
    import torch
    from sentencepiece import SentencePieceProcessor

ModelKind = Literal[
    "Paraformer",
    "BiCifParaformer",
    "SeacoParaformer",
    "ContextualParaformer",
    "ParaformerStreaming",
    "FsmnVADStreaming",
    "CTTransformer",
    "CTTransformerStreaming",
    "SenseVoiceSmall",
    "CAMPPlus",
]

_PARAFORMER = (
    "models.sanm.encoder",
    "models.paraformer.decoder",
    "models.paraformer.cif_predictor",
    "models.bicif_paraformer.cif_predictor",
)
_MODULES: Mapping[ModelKind, tuple[str, ...]] = {
    "Paraformer": ("models.paraformer.model", *_PARAFORMER),
    "BiCifParaformer": ("models.bicif_paraformer.model", *_PARAFORMER),
    "SeacoParaformer": ("models.seaco_paraformer.model", *_PARAFORMER),
    "ContextualParaformer": (
        "models.contextual_paraformer.model",
        "models.contextual_paraformer.decoder",
        *_PARAFORMER,
    ),
    "ParaformerStreaming": ("models.paraformer_streaming.model", "models.scama.encoder", *_PARAFORMER),
    "FsmnVADStreaming": ("models.fsmn_vad_streaming.model", "models.fsmn_vad_streaming.encoder"),
    "CTTransformer": ("models.ct_transformer.model", "models.sanm.encoder"),
    "CTTransformerStreaming": ("models.ct_transformer_streaming.model", "models.ct_transformer_streaming.encoder"),
    "SenseVoiceSmall": ("models.sense_voice.model",),
    "CAMPPlus": ("models.campplus.model",),
}
"""Of each kind of model, where in funasr its class and the classes of its parts are registered."""

_PARTS = (
    None,
    *("SANMEncoder", "SANMEncoderChunkOpt", "SANMVadEncoder", "SenseVoiceEncoderSmall", "FSMN"),
    *("ParaformerSANMDecoder", "ContextualParaformerDecoder", "CifPredictorV2", "CifPredictorV3"),
    *("WavFrontend", "WavFrontendOnline"),
)
"""What models may be made of."""

_WITHOUT_FRONTEND = ("CTTransformer", "CTTransformerStreaming", "CAMPPlus")
"""Kinds that read text, or make their features themselves."""
_WITHOUT_TOKENS = ("FsmnVADStreaming", "CAMPPlus")
_INSTALL = "install callscribe[funasr], and torch for this machine (https://pytorch.org/get-started)"
_TRAINING_ONLY = re.compile(r"(?:ctc|criterion_\w+)\.")
"""Weights of a Paraformer that only its training needs: some checkpoints leave them out."""
_NONE = re.compile(r"(?!)")
_BUILD_ERRORS = (TypeError, ValueError, LookupError, AttributeError, AssertionError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Frontend:
    """How a model's features are made of audio: Kaldi's log Mel filter bank, then frames stacked (low frame rate)."""

    mels: int
    window: str
    """Kaldi's name of the window's form."""
    frame_ms: int
    shift_ms: int
    stacked: int
    """Frames that make one feature vector; `lfr_m` in FunASR."""
    stride: int
    """Frames from one feature vector to the next; `lfr_n` in FunASR."""

    @property
    def width(self) -> int:
        """Numbers in a feature vector."""
        return self.mels * self.stacked

    @property
    def vector_samples(self) -> int:
        """Samples at ENGINE_RATE from one feature vector to the next."""
        return self.stride * self.shift_ms * ENGINE_RATE // 1000


@dataclass(frozen=True, slots=True, eq=False)
class Normalization:
    """What brings features to zero mean and unit variance: (feature + shift) * scale."""

    shift: NDArray[np.float32]
    """One number for each of a feature vector."""
    scale: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model as it stood in its folder. Its module is never changed; whoever calls it keeps what goes on in a call."""

    folder: Path
    kind: ModelKind
    module: torch.nn.Module
    """In evaluation mode, on `device`, its parameters without gradients."""
    device: torch.device
    tokens: tuple[str, ...] = ()
    """What each number that the model reads or writes stands for; empty for what hears no words."""
    frontend: Frontend | None = None
    """None where the model reads text, or sound as it is."""
    normalization: Normalization | None = None
    """Present where `frontend` is."""
    pieces: SentencePieceProcessor | None = None
    """The tokenizer whose pieces `tokens` are, where the model has one."""
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of words that are several tokens, which; the file `seg_dict`."""
    user_words: Path | None = None
    """jieba's dictionary for a model of whole Chinese words."""


def load_model(folder: Path, device: Device) -> LoadedModel:
    """Load the model of a folder; "auto" is the GPU where torch finds one. On the CPU torch uses one thread from then
    on, in the whole process.

    Raises EngineUnavailable when a package or one of the folder's files is missing, or they do not belong together.
    """
    if not folder.is_dir():
        raise EngineUnavailable(f"there is no model folder {folder}; {DOWNLOAD}")
    files = ModelFolder(folder)
    with library():
        configuration = files.configuration()
        kind = _kind(folder, configuration)
        for module in ("register", *_MODULES[kind]):
            importlib.import_module(f"funasr.{module}")
        return _load(files, kind, configuration, torch_device(device))


def _load(folder: ModelFolder, kind: ModelKind, configuration: Mapping[str, Any], device: torch.device) -> LoadedModel:
    frontend = None if kind in _WITHOUT_FRONTEND else _frontend(folder.path, configuration)
    pieces = folder.pieces() if kind == "SenseVoiceSmall" else None
    tokens: tuple[str, ...] = ()
    if pieces is not None:
        tokens = tuple(pieces.id_to_piece(index) for index in range(pieces.get_piece_size()))
    elif kind not in _WITHOUT_TOKENS:
        tokens = folder.tokens()
    module = _build(folder.path, kind, configuration, len(tokens), frontend)
    _fill(module, folder.weights(), _TRAINING_ONLY if "Paraformer" in kind else _NONE)
    return LoadedModel(
        folder=folder.path,
        kind=kind,
        module=module.to(device).eval().requires_grad_(False),
        device=device,
        tokens=tokens,
        frontend=frontend,
        normalization=Normalization(*folder.normalization(frontend.width)) if frontend is not None else None,
        pieces=pieces,
        spellings=folder.spellings(),
        user_words=folder.find("jieba_usr_dict", "jieba_usr_dict"),
    )


@contextlib.contextmanager
def library() -> Iterator[None]:
    """Within it the modules of funasr can be imported one by one, by their whole names.

    `import funasr` imports all of its 3,000 modules, in 10 s and 290 MB, and changes the root logger. So a bare package
    stands in for it meanwhile; afterwards the real one can be imported as ever, and has the same modules. Raises
    EngineUnavailable when a package is missing.
    """
    spec = find_spec("funasr") if "funasr" not in sys.modules else None
    if spec is not None:
        package = types.ModuleType("funasr")
        package.__spec__, package.__path__ = spec, list(spec.submodule_search_locations or ())
        sys.modules["funasr"] = package
    try:
        # It prints an advertisement for ffmpeg, and its warnings are its own.
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            import_torchaudio()
            yield
    except ImportError as error:
        raise EngineUnavailable(f"the package {error.name} is missing: {_INSTALL}") from error
    finally:
        if spec is not None:
            sys.modules.pop("funasr", None)


def _kind(folder: Path, configuration: Mapping[str, Any]) -> ModelKind:
    # Some of FunASR's other models, and parts of models, fetch weights or code from a hub when they are made.
    kind = next((known for known in _MODULES if known == configuration.get("model")), None)
    if kind is None:
        raise EngineUnavailable(f"{folder} is a model of the kind {configuration.get('model')}, which is not supported")
    for role in ("frontend", "encoder", "decoder", "seaco_decoder", "predictor", "normalize"):
        if configuration.get(role) not in _PARTS:
            raise EngineUnavailable(f"{folder} has the {role} {configuration[role]}, which is not supported")
    return kind


def _frontend(folder: Path, configuration: Mapping[str, Any]) -> Frontend:
    told = configuration.get("frontend_conf") or {}
    try:
        rate = int(told.get("fs", ENGINE_RATE))
        frontend = Frontend(
            mels=int(told.get("n_mels", 80)),
            window=str(told.get("window", "hamming")),
            frame_ms=int(told.get("frame_length", 25)),
            shift_ms=int(told.get("frame_shift", 10)),
            stacked=int(told.get("lfr_m", 1)),
            stride=int(told.get("lfr_n", 1)),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise EngineUnavailable(f"the config.yaml of {folder} describes no frontend; {DOWNLOAD}") from error
    if rate != ENGINE_RATE:
        raise EngineUnavailable(f"the model in {folder} hears {rate} Hz; choose one of {ENGINE_RATE} Hz")
    return frontend


def _build(
    folder: Path, kind: ModelKind, configuration: Mapping[str, Any], tokens: int, frontend: Frontend | None
) -> torch.nn.Module:
    """The model's module with weights that mean nothing yet."""
    import torch
    from funasr.register import tables

    left_out = ("model", "model_conf", "tokenizer", "frontend", "specaug", "specaug_conf", "jieba_usr_dict")
    told = {key: value for key, value in configuration.items() if key not in left_out}
    size = {"vocab_size": tokens, "input_size": frontend.width if frontend is not None else None}
    try:
        # Random weights are drawn, and must not change what anybody else draws.
        with torch.random.fork_rng(devices=()):
            module: torch.nn.Module = tables.model_classes[kind](**{**configuration["model_conf"], **told, **size})
    except _BUILD_ERRORS as error:
        raise EngineUnavailable(f"the config.yaml of {folder} makes no {kind}: {error}") from error
    return module


def _fill(module: torch.nn.Module, file: Path, spared: re.Pattern[str]) -> None:
    """Put the file's weights into the module; those whose names begin as `spared` may be missing.

    They stay in the file, mapped: processes share the memory of one model, and of a vocabulary's hundreds of thousands
    of embeddings only those that are looked up ever take any. Weights in half precision are copied as they widen.
    """
    import torch

    try:
        # Only weights: a pickle from a hub could run any code when it is read.
        found = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise EngineUnavailable(f"{file} cannot be read, or holds more than weights; {DOWNLOAD}") from error
    for wrapping in ("state_dict", "model_state_dict", "model"):
        found = found.get(wrapping, found) if isinstance(found, Mapping) else {}
    weights = {str(name).removeprefix("module."): tensor for name, tensor in found.items()}
    wanted = {name: tensor for name, tensor in module.state_dict().items() if name in weights or not spared.match(name)}
    unfit = [name for name, tensor in wanted.items() if getattr(weights.get(name), "shape", None) != tensor.shape]
    if unfit:
        raise EngineUnavailable(
            f"{file} does not fit the config.yaml beside it: {len(unfit)} weights are missing or of another size, "
            f"the first is {unfit[0]}; {DOWNLOAD}"
        )
    fitting = {name: weights[name].to(tensor.dtype) for name, tensor in wanted.items()}
    module.load_state_dict(fitting, strict=False, assign=True)
