"""torch as a process wants it that works beside others: where it runs a model, and what belongs to it."""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from asr.settings import Device
from callscribe.domain.errors import EngineUnavailable

if TYPE_CHECKING:
    import torch


def torch_device(wanted: Device) -> torch.device:
    """The device; "auto" is the GPU where torch finds one. On the CPU torch uses one thread from then on, in the whole
    process.

    Raises EngineUnavailable where a GPU is wanted that torch does not find, and ImportError without torch.
    """
    import torch

    found = torch.cuda.is_available()
    if wanted == "cuda" and not found:
        raise EngineUnavailable("the device is cuda, but this torch finds no GPU; install torch for CUDA, or say cpu")
    if found and wanted != "cpu":
        return torch.device("cuda")
    # Channels share the cores already: more threads for one decoding make all of them slower.
    torch.set_num_threads(1)
    return torch.device("cpu")


def import_torchaudio() -> None:
    """Import torchaudio where it is installed, without its native part where that does not load: its packages are built
    for CUDA. What models ask of it, resampling and filter banks, is Python."""
    if find_spec("torchaudio") is None:
        return
    try:
        import torchaudio  # noqa: F401
    except (OSError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _without_native_part()


def _without_native_part() -> types.ModuleType:
    def refusing(_: object) -> NoReturn:
        raise RuntimeError("torchaudio has no native part here")

    stub = types.ModuleType("torchaudio._extension")
    stub.__dict__.update(
        __path__=[],
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda function: refusing,
    )
    return stub
