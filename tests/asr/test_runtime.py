import pytest

from asr.engines import load_engine
from asr.engines.moonshine import MoonshineEngine
from asr.runtime import device_for
from asr.settings import RecognizerSettings
from callscribe.domain.errors import EngineUnavailable


def test_without_a_gpu_automatic_means_the_cpu() -> None:
    assert device_for("auto") == device_for("cpu") == "cpu"


def test_a_gpu_that_onnxruntime_does_not_know_is_named_with_its_cure() -> None:
    with pytest.raises(EngineUnavailable, match="install onnxruntime-gpu"):
        load_engine(RecognizerSettings(device="cuda"))


def test_a_gpu_that_onnxruntime_cannot_use_is_an_error_and_no_slow_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.runtime.onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"), pytest.raises(EngineUnavailable, match="cannot use"):
        MoonshineEngine(device="cuda")
