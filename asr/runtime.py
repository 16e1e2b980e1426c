"""onnxruntime sessions as a recogniser process wants them: one thread each, no spinning, errors in our tree."""

from importlib.util import find_spec
from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from callscribe.domain.errors import EngineUnavailable

_ERRORS_ONLY = 3
_LOAD_ERRORS = (native.Fail, native.InvalidArgument, native.InvalidGraph, native.InvalidProtobuf, native.NotImplemented)


def open_model(file: Path) -> onnxruntime.InferenceSession:
    """A session on one CPU thread. Raises EngineUnavailable when the file is missing or no model."""
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
