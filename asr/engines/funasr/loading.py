"""Loading a FunASR model from a local folder, as FunASR's AutoModel would, without what AutoModel does besides.

Nothing here reaches the network, whatever the folder's files say: AutoModel asks the package index for updates, takes a
folder that is not there for a model on ModelScope, and runs code that a folder brings. It also sets the threads and the
random seed of the whole process.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pickle
import re
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE
from asr.settings import Device
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
}
"""Of each kind of model, where in funasr its class and the classes of its parts are registered."""

_TEXT_ONLY = ("CTTransformer", "CTTransformerStreaming")
_INSTALL = "install callscribe[funasr], and torch for this machine (https://pytorch.org/get-started)"
_DOWNLOAD = "give the folder of a whole FunASR model, or modelscope:ID to download one"
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
    """What each number that the model reads or writes stands for; empty for voice activity."""
    frontend: Frontend | None = None
    """None where the model reads text."""
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
        raise EngineUnavailable(f"there is no model folder {folder}; {_DOWNLOAD}")
    with _packages():
        import torch

        configuration = _Folder(folder).configuration()
        kind = _kind(folder, configuration)
        for module in ("register", *_MODULES[kind]):
            importlib.import_module(f"funasr.{module}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise EngineUnavailable("the device is cuda, but this torch finds no GPU; install torch for CUDA, or say cpu")
    if device == "cpu":
        # Channels share the cores already: more threads for one decoding make all of them slower.
        torch.set_num_threads(1)
    return _load(_Folder(folder), kind, configuration, torch.device(device))


def _load(folder: _Folder, kind: ModelKind, configuration: Mapping[str, Any], device: torch.device) -> LoadedModel:
    frontend = None if kind in _TEXT_ONLY else _frontend(folder.path, configuration)
    pieces = folder.pieces() if kind == "SenseVoiceSmall" else None
    tokens: tuple[str, ...] = ()
    if pieces is not None:
        tokens = tuple(pieces.id_to_piece(index) for index in range(pieces.get_piece_size()))
    elif kind != "FsmnVADStreaming":
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
        normalization=folder.normalization(frontend.width) if frontend is not None else None,
        pieces=pieces,
        spellings=folder.spellings(),
        user_words=folder.find("jieba_usr_dict", "jieba_usr_dict"),
    )


class _Folder:
    """A model's folder; its files have their usual names, or those that its configuration.json tells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names: Mapping[str, object] = {}
        described = path / "configuration.json"
        if described.is_file():
            told = _read_json(described)
            names = told.get("file_path_metas") if isinstance(told, dict) else None
            self._names = names if isinstance(names, dict) else {}

    def find(self, key: str, *usual: str) -> Path | None:
        """The file that configuration.json names under `key` ("section.name"), or the first usual one that is there."""
        named: object = self._names
        for part in key.split("."):
            named = named.get(part) if isinstance(named, dict) else None
        # A name that leads out of the folder is somebody else's file.
        inside = [named] if isinstance(named, str) and Path(named).name == named else []
        return next((self.path / name for name in (*inside, *usual) if (self.path / name).is_file()), None)

    def need(self, key: str, *usual: str) -> Path:
        """As `find`. Raises EngineUnavailable when there is none."""
        found = self.find(key, *usual)
        if found is None:
            raise EngineUnavailable(f"{self.path} holds no whole FunASR model ({usual[0]} is missing); {_DOWNLOAD}")
        return found

    def configuration(self) -> Mapping[str, Any]:
        """What config.yaml says. Raises EngineUnavailable."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError  # type: ignore[import-untyped]

        file = self.need("config", "config.yaml")
        try:
            # Unresolved: what stands in `${}` could read this machine's environment.
            configuration = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
        except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
            raise EngineUnavailable(f"{file} is no YAML; {_DOWNLOAD}") from error
        if not isinstance(configuration, dict):
            raise EngineUnavailable(f"{file} describes no model; {_DOWNLOAD}")
        return {str(key): value for key, value in configuration.items()}

    def weights(self) -> Path:
        return self.need("init_param", "model.pt")

    def tokens(self) -> tuple[str, ...]:
        file = self.need("tokenizer_conf.token_list", "tokens.json", "tokens.txt")
        tokens = _read_json(file) if file.suffix == ".json" else _read_text(file).splitlines()
        if not isinstance(tokens, list):
            raise EngineUnavailable(f"{file} is no list of tokens; {_DOWNLOAD}")
        return tuple(str(token).rstrip() for token in tokens)

    def pieces(self) -> SentencePieceProcessor:
        from sentencepiece import SentencePieceProcessor

        file = self.need("tokenizer_conf.bpemodel", "bpe.model", "chn_jpn_yue_eng_ko_spectok.bpe.model")
        try:
            return SentencePieceProcessor(model_file=str(file))
        except (RuntimeError, OSError) as error:
            raise EngineUnavailable(f"{file} is no SentencePiece model; {_DOWNLOAD}") from error

    def normalization(self, width: int) -> Normalization:
        """Read Kaldi's text form of a shift and a scale (`am.mvn`)."""
        file = self.need("frontend_conf.cmvn_file", "am.mvn")
        rows = re.findall(r"<(AddShift|Rescale)>.*?\[([^\]]*)\]", _read_text(file), re.DOTALL)
        numbers = {name: np.array(row.split(), np.float32) for name, row in rows}
        if {name: len(row) for name, row in numbers.items()} != {"AddShift": width, "Rescale": width}:
            raise EngineUnavailable(f"{file} does not fit the model's {width} features; {_DOWNLOAD}")
        return Normalization(shift=numbers["AddShift"], scale=numbers["Rescale"])

    def spellings(self) -> Mapping[str, tuple[str, ...]]:
        file = self.find("tokenizer_conf.seg_dict_file", "seg_dict")
        if file is None:
            return {}
        rows = (line.split() for line in _read_text(file).splitlines())
        return {row[0]: tuple(row[1:]) for row in rows if row}


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineUnavailable(f"{file} cannot be read; {_DOWNLOAD}") from error


def _read_json(file: Path) -> object:
    try:
        told: object = json.loads(_read_text(file))
    except json.JSONDecodeError as error:
        raise EngineUnavailable(f"{file} is no JSON; {_DOWNLOAD}") from error
    return told


@contextlib.contextmanager
def _packages() -> Iterator[None]:
    """Import what models need, and only that: `import funasr` alone imports 3,000 modules in 10 s and 290 MB.

    Afterwards `funasr` is a package whose modules are imported by their own names, `funasr.auto.auto_model` too. Raises
    EngineUnavailable when a package is missing.
    """
    if "funasr" not in sys.modules and (spec := find_spec("funasr")) is not None:
        package = types.ModuleType("funasr")
        package.__spec__, package.__path__ = spec, list(spec.submodule_search_locations or ())
        sys.modules["funasr"] = package
    try:
        # It prints an advertisement for ffmpeg, and its warnings are its own.
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    except ImportError as error:
        raise EngineUnavailable(f"the package {error.name} is missing: {_INSTALL}") from error


def _kind(folder: Path, configuration: Mapping[str, Any]) -> ModelKind:
    # Some of FunASR's other models fetch weights or code from a hub when they are made.
    kind = next((known for known in _MODULES if known == configuration.get("model")), None)
    if kind is None:
        raise EngineUnavailable(f"{folder} is a model of the kind {configuration.get('model')}, which is not supported")
    return kind


def _frontend(folder: Path, configuration: Mapping[str, Any]) -> Frontend:
    told = configuration.get("frontend_conf") or {}
    rate = told.get("fs", ENGINE_RATE)
    if rate != ENGINE_RATE:
        raise EngineUnavailable(f"the model in {folder} hears {rate} Hz; choose one of {ENGINE_RATE} Hz")
    return Frontend(
        mels=int(told.get("n_mels", 80)),
        window=str(told.get("window", "hamming")),
        frame_ms=int(told.get("frame_length", 25)),
        shift_ms=int(told.get("frame_shift", 10)),
        stacked=int(told.get("lfr_m", 1)),
        stride=int(told.get("lfr_n", 1)),
    )


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
    """Put the file's weights into the module; those whose names begin as `spared` may be missing."""
    import torch

    try:
        # Only weights: a pickle from a hub could run any code when it is read.
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise EngineUnavailable(f"{file} cannot be read, or holds more than weights; {_DOWNLOAD}") from error
    for wrapping in ("state_dict", "model_state_dict", "model"):
        found = found.get(wrapping, found)
    weights = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    wanted = {name: tensor for name, tensor in module.state_dict().items() if name in weights or not spared.match(name)}
    unfit = [name for name, tensor in wanted.items() if name not in weights or weights[name].shape != tensor.shape]
    if unfit:
        raise EngineUnavailable(
            f"{file} does not fit the config.yaml beside it: {len(unfit)} weights are missing or of another size, "
            f"the first is {unfit[0]}; {_DOWNLOAD}"
        )
    module.load_state_dict({name: weights[name] for name in wanted}, strict=False)
