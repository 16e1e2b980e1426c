"""pyannote.audio's pipelines: any that tells speakers apart, from a folder or a hub.

Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023; Bredin,
"pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023.
"""

import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import soxr

from asr.diarization.turns import SpeakerCount, Turn
from asr.engine import ENGINE_RATE
from asr.models import model_folder
from asr.resampling import FULL_SCALE, Samples
from asr.settings import Device
from asr.torch_runtime import import_torchaudio, torch_device
from callscribe.domain.errors import EngineUnavailable, RecognitionError

_INSTALL = "install callscribe[pyannote], and torch for this machine (https://pytorch.org/get-started)"
_CONFIGURATION = "config.yaml"
_PARTS = ("segmentation", "embedding", "plda")
_WITHIN = "$model/"
_LEAST_S = 0.5
"""Shorter audio has nobody in it: the models ask for more."""
_LOAD_ERRORS = (OSError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, pickle.UnpicklingError)


class PyannoteDiarizer:
    """A pipeline of pyannote.audio 4."""

    name = "pyannote"

    def __init__(self, model: str, device: Device) -> None:
        """Load the pipeline that `model` names (asr.models).

        Its files are read as pyannote.audio reads them: they can run code, so they must come from whom one trusts. Of
        a folder on this machine all parts must lie in it; one of a hub may name parts that lie there elsewhere. Raises
        EngineUnavailable.
        """
        folder = model_folder(model)
        with warnings.catch_warnings(action="ignore"):
            try:
                if Path(model).expanduser().is_dir():
                    _check_whole(folder)
                self._pipeline = _load(folder)
                self._pipeline.to(torch_device(device))
            except ImportError as error:
                raise EngineUnavailable(f"the package {error.name} is missing: {_INSTALL}") from error
            except _LOAD_ERRORS as error:
                raise EngineUnavailable(f"the pipeline in {folder} cannot be loaded: {error}") from error

    def diarize(self, pcm: Samples, rate: int, speakers: SpeakerCount) -> tuple[Turn, ...]:
        """As asr.diarization.engine.Diarizer's."""
        import torch

        if len(pcm) < _LEAST_S * rate or not pcm.any():
            return ()
        sound = soxr.resample(pcm.astype("float32") / FULL_SCALE, rate, ENGINE_RATE)
        least, most = speakers.bounds
        given = {"waveform": torch.from_numpy(sound)[None], "sample_rate": ENGINE_RATE}
        try:
            with warnings.catch_warnings(action="ignore"), torch.inference_mode():
                found = self._pipeline(given, min_speakers=least, max_speakers=most)
        except (ValueError, RuntimeError) as error:
            raise RecognitionError(f"pyannote.audio failed on the audio: {type(error).__name__}") from error
        # A pipeline of the old kind gives the annotation itself.
        annotation = getattr(found, "speaker_diarization", found)
        return _turns(annotation, rate, len(pcm))


def _load(folder: Path) -> Any:
    import_torchaudio()
    # It would tell its makers of each pipeline that is loaded and each file that is worked on.
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    from pyannote.audio import Pipeline

    pipeline = Pipeline.from_pretrained(folder)
    if pipeline is None:
        raise EngineUnavailable(f"a part of the pipeline in {folder} is not to be had; accept its terms on its hub")
    return pipeline


def _check_whole(folder: Path) -> None:
    """Raise EngineUnavailable where the folder names parts that are not in it: they would be asked of a hub."""
    import yaml  # type: ignore[import-untyped]

    try:
        told = yaml.safe_load((folder / _CONFIGURATION).read_text(encoding="utf-8"))
        parts: Mapping[str, object] = told["pipeline"].get("params") or {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise EngineUnavailable(f"{folder} has no {_CONFIGURATION} of a pipeline of pyannote.audio") from error
    elsewhere = [name for name in _PARTS if not str(parts.get(name, "")).startswith(_WITHIN)]
    if elsewhere:
        raise EngineUnavailable(
            f"{folder} has not all parts of its pipeline; put {' and '.join(elsewhere)} into it and name it in "
            f'{_CONFIGURATION} as "{_WITHIN}{elsewhere[0]}"'
        )


def _turns(annotation: Any, rate: int, samples: int) -> tuple[Turn, ...]:
    """Turns of a pyannote.core.Annotation, whose speakers have names in no order."""
    found = sorted((stretch.start, stretch.end, name) for stretch, _, name in annotation.itertracks(yield_label=True))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for _, _, name in found))}
    spans = ((round(start * rate), min(round(end * rate), samples), numbers[name]) for start, end, name in found)
    return tuple(Turn(start, end, speaker) for start, end, speaker in spans if start < end)
