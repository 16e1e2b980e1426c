"""CAM++: FunASR's model of voices, from a folder or a hub.

H. Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking", Interspeech
2023.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from asr.diarization.clustering import Embeddings
from asr.diarization.voices import of_length_one
from asr.engine import Waveform
from asr.engines.funasr.loading import library, load_model
from asr.models import model_folder
from asr.settings import Device
from callscribe.domain.errors import EngineUnavailable, RecognitionError

_BATCH = 32
"""Sounds of one forward pass at most."""


class CamPlusPlusVoices:
    """The loaded model."""

    name = "cam++"
    cut_s = 1.5
    """As FunASR's own pipeline cuts speech (funasr.models.campplus.utils, sv_chunk)."""
    same_voice = 0.78
    """From which FunASR's own pipeline takes two groups for one voice (cluster_backend, merge_thr)."""

    def __init__(self, model: str, device: Device) -> None:
        """Load what `model` names (asr.models). Raises EngineUnavailable."""
        folder = model_folder(model)
        self._model = load_model(folder, device)
        if self._model.kind != "CAMPPlus":
            raise EngineUnavailable(f"{folder} holds a {self._model.kind}, no CAM++; name one of CAM++")
        with library():
            from funasr.models.campplus.utils import extract_feature
        self._filter_banks = extract_feature

    def embed(self, sounds: Sequence[Waveform]) -> Embeddings:
        """As VoiceModel's. Only sounds of one length share a pass: what fills up shorter ones would be heard too."""
        import torch

        rows: dict[int, NDArray[np.float32]] = {}
        try:
            with torch.inference_mode():
                for batch in _batches([len(sound) for sound in sounds]):
                    features, _, _ = self._filter_banks([torch.from_numpy(sounds[place]) for place in batch])
                    found = self._model.module(features.to(self._model.device, torch.float32))
                    rows.update(zip(batch, found.cpu().numpy(), strict=True))
        except (ValueError, RuntimeError) as error:
            raise RecognitionError(f"CAM++ failed on the audio: {type(error).__name__}") from error
        return of_length_one(np.stack([rows[place] for place in range(len(sounds))]))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of sounds of one length, _BATCH at most."""
    places = sorted(range(len(lengths)), key=lengths.__getitem__)
    for _, alike in groupby(places, key=lengths.__getitem__):
        of_one = list(alike)
        for first in range(0, len(of_one), _BATCH):
            yield of_one[first : first + _BATCH]
