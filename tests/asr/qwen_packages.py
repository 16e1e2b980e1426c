"""The imitations of `fake_qwen` for another process: packages that it finds as installed, and notes of what was asked.

What is heard is that of the imitated services (`tests.asr.cloud.script`): a word for each half second of any sound.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asr.engine import Waveform
from asr.engines.cloud.dictation import pcm16
from tests.asr import fake_qwen
from tests.asr.cloud.script import understood
from tests.asr.fake_qwen import Ear, Request, RequestOutput, SamplingParams, Vllm

_PACKAGES = {
    "torch/__init__.py": "from torch import cuda\n",
    "torch/cuda.py": "def is_available():\n    return True\n",
    "vllm/__init__.py": f"from {__name__} import NotingVllm as LLM, SamplingParams\n",
    "vllm/v1/__init__.py": "",
    "vllm/v1/engine/__init__.py": "",
    "vllm/v1/engine/exceptions.py": "from tests.asr.fake_qwen import EngineDeadError\n",
    "qwen_asr/__init__.py": f"from {__name__} import Qwen3ASRModel\n",
}
_NOTES = "asked"


def save_packages(folder: Path) -> None:
    """Write packages to a folder that is to stand on the other process's PYTHONPATH, before this repository."""
    for name, text in _PACKAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def save_model(folder: Path) -> None:
    """Write a model's folder as far as it is looked at."""
    (folder / _NOTES).mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_asr"}))
    (folder / "model.safetensors").touch()


def asked(folder: Path) -> Iterator[Request]:
    """What vLLM was asked of the model in this folder so far, in order."""
    for note in sorted((folder / _NOTES).glob("*.npz")):
        with np.load(note) as noted:
            yield Request(str(noted["prompt"]), noted["audio"], SamplingParams())


def hear(audio: Waveform) -> list[str]:
    """The words of the script."""
    return understood(pcm16(audio))


@dataclass
class NotingVllm(Vllm):
    """Writes down each request in its model's folder."""

    ear: Ear = field(default_factory=lambda: Ear(hear, language="German", unsure=""))

    def generate(self, *arguments: Any, **options: Any) -> list[RequestOutput]:
        outputs = super().generate(*arguments, **options)
        notes = Path(self.model) / _NOTES
        for place, request in enumerate(self.calls[-1]):
            unfinished = notes / f"{len(self.calls):04}-{place:02}.part"
            with unfinished.open("wb") as file:
                np.savez(file, prompt=np.array(request.prompt), audio=request.audio)
            unfinished.rename(unfinished.with_suffix(".npz"))
        return outputs


class Qwen3ASRModel(fake_qwen.Qwen3ASRModel):
    """The package's class of this name, on that vLLM."""

    vllm = NotingVllm
