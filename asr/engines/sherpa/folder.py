"""A model's folder as sherpa-onnx's authors lay theirs out: which files are its parts, and of what kind it is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asr.engines.sherpa.metadata import metadata
from asr.settings import SherpaOfflineKind, SherpaStreamingKind
from callscribe.domain.errors import EngineUnavailable

_PARTS = ("encoder", "decoder", "joiner")
_NEEDED = {"transducer": _PARTS, "paraformer": _PARTS[:2], "whisper": _PARTS[:2]}
"""Parts of models that are several files."""
_STREAMING: Mapping[str, SherpaStreamingKind] = {
    "zipformer2": "zipformer2-ctc",
    "wenet_ctc": "wenet-ctc",
    "EncDecCTCModel": "nemo-ctc",
    "EncDecCTCModelBPE": "nemo-ctc",
    "EncDecHybridRNNTCTCBPEModel": "nemo-ctc",
}
_OFFLINE: Mapping[str, SherpaOfflineKind] = {
    "paraformer": "paraformer",
    "sense_voice_ctc": "sense-voice",
    "zipformer2_ctc": "zipformer-ctc",
    "wenet_ctc": "wenet-ctc",
    "omnilingual-asr": "wav2vec2-ctc",
    "EncDecCTCModel": "nemo-ctc",
    "EncDecCTCModelBPE": "nemo-ctc",
    "EncDecHybridRNNTCTCBPEModel": "nemo-ctc",
}
"""Kinds of models that are one file, by the `model_type` that it tells."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's files."""

    folder: Path
    kind: SherpaStreamingKind | SherpaOfflineKind
    tokens: Path
    parts: Mapping[str, Path]
    """By the name of the part: encoder, decoder and joiner, or model."""


def streaming_files(folder: Path, kind: SherpaStreamingKind, *, quantized: bool) -> ModelFiles:
    """The files of a streaming model; of kind "auto" what the files tell. Raises EngineUnavailable."""
    found = _found(folder, quantized)
    if kind == "auto":
        if "encoder" in found:
            kind = "transducer" if "joiner" in found else "paraformer"
        else:
            kind = _STREAMING.get(_told(folder, found), "auto")
    return _whole(folder, kind, found, _NEEDED.get(kind, ("model",)), "streaming_kind")


def offline_files(folder: Path, kind: SherpaOfflineKind, *, quantized: bool) -> ModelFiles:
    """The files of an offline model; of kind "auto" what the files tell. Raises EngineUnavailable."""
    found = _found(folder, quantized)
    if kind == "auto":
        if "encoder" in found:
            kind = "transducer" if "joiner" in found else "whisper"
        else:
            kind = _OFFLINE.get(_told(folder, found), "auto")
    needed = ("model",) if kind == "paraformer" else _NEEDED.get(kind, ("model",))
    return _whole(folder, kind, found, needed, "offline_kind")


def _found(folder: Path, quantized: bool) -> dict[str, Path]:
    """A file for each part; where there are several, those with weights of 8 bits go before or after the others."""
    files = sorted(folder.glob("*.onnx"), key=lambda path: (len(path.name), path.name), reverse=True)
    files.sort(key=lambda path: (".int8." in path.name) == quantized)
    return {_part(path): path for path in files}


def _part(path: Path) -> str:
    """Which part of a model a file is, by its name."""
    return next((part for part in _PARTS if part in path.name), "model")


def _told(folder: Path, found: Mapping[str, Path]) -> str:
    """What a model that is one file says it is."""
    if "model" not in found:
        raise EngineUnavailable(f"{folder} holds no ONNX model; name a folder of sherpa-onnx's")
    try:
        return metadata(found["model"]).get("model_type", "")
    except (ValueError, OSError) as error:
        raise EngineUnavailable(f"the model in {folder} cannot be read ({error}); fetch it again") from error


def _whole(
    folder: Path,
    kind: SherpaStreamingKind | SherpaOfflineKind,
    found: Mapping[str, Path],
    needed: tuple[str, ...],
    setting: str,
) -> ModelFiles:
    if kind == "auto":
        raise EngineUnavailable(f"{folder} does not tell of what kind its model is; set recognizer.sherpa.{setting}")
    missing = [part for part in needed if part not in found]
    if missing:
        raise EngineUnavailable(f"{folder} holds no {kind} model of sherpa-onnx ({missing[0]}.onnx is missing)")
    tokens = next(iter(sorted(folder.glob("*tokens.txt"))), None)
    if tokens is None:
        raise EngineUnavailable(f"{folder} holds no whole model of sherpa-onnx (tokens.txt is missing)")
    files = ModelFiles(folder, kind, tokens, {part: found[part] for part in needed})
    _check_tokens(files)
    return files


def _check_tokens(files: ModelFiles) -> None:
    """Tokens of another model would be found out by the first word that has none."""
    try:
        named = sum(bool(line.strip()) for line in files.tokens.read_text("utf-8").splitlines())
        told = [metadata(path).get("vocab_size", "0") for path in files.parts.values()]
        known = max(map(int, told))
    except (ValueError, OSError) as error:
        raise EngineUnavailable(f"the model in {files.folder} cannot be read ({error}); fetch it again") from error
    if named < known:
        raise EngineUnavailable(
            f"{files.tokens} names {named} tokens, but the model has {known}; fetch the model again"
        )
