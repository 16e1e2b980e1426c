"""onnxruntime sessions as a recogniser process wants them: one thread each, no spinning, errors in our tree."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as native

from asr.settings import Device
from callscribe.domain.errors import EngineUnavailable, RecognitionError

_ERRORS_ONLY = 3
_CUDA = "CUDAExecutionProvider"
_PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": [_CUDA, "CPUExecutionProvider"]}
_LOAD_ERRORS = (native.Fail, native.InvalidArgument, native.InvalidGraph, native.InvalidProtobuf, native.NotImplemented)
_RUN_ERRORS = (native.Fail, native.InvalidArgument, native.RuntimeException)


Arrays = Mapping[str, NDArray[Any]]
"""A model's inputs by name, each of the type and shape that the model asks for."""


def device_for(wanted: Device) -> Literal["cpu", "cuda"]:
    """Where models run: "auto" is the GPU where this onnxruntime is built for one.

    Raises EngineUnavailable when a GPU is wanted that onnxruntime knows nothing of.
    """
    built = _CUDA in onnxruntime.get_available_providers()
    if wanted == "cuda" and not built:
        raise EngineUnavailable(
            "recognizer.device is cuda, but this onnxruntime knows no CUDA; install onnxruntime-gpu instead, or say cpu"
        )
    return "cuda" if built and wanted != "cpu" else "cpu"


class Model:
    """A loaded model, on one CPU thread or on the GPU."""

    def __init__(self, model: Path | bytes, device: Literal["cpu", "cuda"] = "cpu") -> None:
        """Open a model's file, or what one would hold.

        Raises EngineUnavailable when it is missing or no model, or when the GPU cannot be used.
        """
        self._session = _open(model, device)

    def run(self, inputs: Arrays, outputs: Sequence[str] | None = None) -> list[NDArray[Any]]:
        """The named outputs, or all. Raises RecognitionError when the model fails on the inputs."""
        try:
            found: list[NDArray[Any]] = self._session.run(outputs, inputs)
        except _RUN_ERRORS as error:
            raise RecognitionError("the model failed on what it was given") from error
        return found


def _open(model: Path | bytes, device: Literal["cpu", "cuda"]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # A waiting thread that spins takes a core from the channels beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    name = f"model file {model}" if isinstance(model, Path) else "a model made at the start"
    if isinstance(model, Path) and not model.is_file():
        raise EngineUnavailable(f"{name} is missing; install Callscribe's packages again")
    source = str(model) if isinstance(model, Path) else model
    try:
        session = onnxruntime.InferenceSession(source, options, providers=_PROVIDERS[device])
    except _LOAD_ERRORS as error:
        raise EngineUnavailable(f"{name} cannot be loaded: {type(error).__name__}") from error
    # onnxruntime falls back to the CPU in silence.
    if session.get_providers()[0] != _PROVIDERS[device][0]:
        raise EngineUnavailable(
            "onnxruntime cannot use the GPU; install its driver and CUDA, or set recognizer.device = cpu"
        )
    return session


def package_folder(package: str) -> Path:
    """Where a package lies, without importing it. Raises EngineUnavailable when it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EngineUnavailable(f"the package {package.replace('_', '-')} is not installed")
    return Path(spec.origin).parent
