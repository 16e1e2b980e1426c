"""Settings of diarisation, as plain values."""

from dataclasses import dataclass, field
from typing import Literal

from asr.diarization.turns import SpeakerCount
from asr.settings import Device

DiarizationEngine = Literal["light", "cam++", "pyannote"]


@dataclass(frozen=True, slots=True)
class DiarizationSettings:
    """Who spoke when, found after the end of a call in channels that carry more than one party."""

    enabled: bool = True
    engine: DiarizationEngine = "light"
    """"light" needs nothing but what is installed; the others need torch and a model."""
    model: str = ""
    """Of "cam++" a model, of "pyannote" a pipeline: a folder, or "modelscope:ID" or "huggingface:ID", at a revision
    where "@REVISION" follows."""
    device: Device = "auto"
    """Where "cam++" and "pyannote" run."""
    speakers: SpeakerCount = field(default_factory=SpeakerCount)

    def __post_init__(self) -> None:
        if self.engine == "light" and self.model:
            raise ValueError('model is for the engines "cam++" and "pyannote"; "light" brings its own')
        if self.engine != "light" and not self.model:
            raise ValueError(f'model must name the model that "{self.engine}" uses, or engine be "light"')
