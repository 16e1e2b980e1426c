"""onnxruntime sessions as a recogniser process wants them: one thread each, no spinning, errors in our tree."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as native

from callscribe.domain.errors import EngineUnavailable, RecognitionError

_ERRORS_ONLY = 3
_LOAD_ERRORS = (native.Fail, native.InvalidArgument, native.InvalidGraph, native.InvalidProtobuf, native.NotImplemented)
_RUN_ERRORS = (native.Fail, native.InvalidArgument, native.RuntimeException)


Arrays = Mapping[str, NDArray[Any]]
"""A model's inputs by name, each of the type and shape that the model asks for."""


class Model:
    """A loaded model on one CPU thread."""

    def __init__(self, file: Path) -> None:
        """Raises EngineUnavailable when the file is missing or no model."""
        self._session = _open(file)
        self.outputs = tuple(str(output.name) for output in self._session.get_outputs())

    def run(self, inputs: Arrays) -> list[NDArray[np.float32]]:
        """The outputs, in the order of `outputs`. Raises RecognitionError when the model fails on the inputs."""
        try:
            outputs: list[NDArray[np.float32]] = self._session.run(None, inputs)
        except _RUN_ERRORS as error:
            raise RecognitionError("the model failed on what it was given") from error
        return outputs


def _open(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # A waiting thread that spins takes a core from the channels beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not file.is_file():
        raise EngineUnavailable(f"model file {file} is missing; install Callscribe's packages again")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS as error:
        raise EngineUnavailable(f"model file {file} cannot be loaded: {type(error).__name__}") from error


def package_folder(package: str) -> Path:
    """Where a package lies, without importing it. Raises EngineUnavailable when it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EngineUnavailable(f"the package {package.replace('_', '-')} is not installed")
    return Path(spec.origin).parent
