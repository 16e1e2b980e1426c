"""What a model hears of a line: 7 stacked frames of 40 log-mel bands every 60 ms, brought to mean 0 and deviation 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from funasr.frontends.wav_frontend import WavFrontend
from numpy.typing import NDArray

from scripts.tiny_models.corpus import Utterance
from scripts.tiny_models.telephone import Sound, wide

BANDS = 40
STACKED = 7
FRONTEND: dict[str, str | int | float] = {
    "fs": 16_000,
    "window": "hamming",
    "n_mels": BANDS,
    "frame_length": 25,
    "frame_shift": 10,
    "lfr_m": STACKED,
    "lfr_n": 6,
    "dither": 0.0,
}
"""Arguments of FunASR's frontends."""
_LEAST_DEVIATION = 0.5
_RESAMPLERS = 3


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Mean and deviation of each of BANDS * STACKED features over the training speech."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    @classmethod
    def of(cls, features: Sequence[torch.Tensor]) -> "Normalisation":
        """That of these features."""
        frames = torch.cat(list(features))
        return cls(frames.mean(0).numpy(), frames.std(0).clamp(min=_LEAST_DEVIATION).numpy())

    def applied(self, features: torch.Tensor) -> torch.Tensor:
        """Features as the model takes them."""
        return (features - torch.from_numpy(self.mean)) / torch.from_numpy(self.deviation)

    def kaldi_text(self) -> str:
        """The same as a Kaldi network of two layers, which is what FunASR reads from `am.mvn`."""
        size = len(self.mean)
        shift, scale = (" ".join(f"{value:.6f}" for value in values) for values in (-self.mean, 1 / self.deviation))
        return (
            f"<Nnet>\n<Splice> {size} {size}\n[ 0 ]\n"
            f"<AddShift> {size} {size}\n<LearnRateCoef> 0 [ {shift} ]\n"
            f"<Rescale> {size} {size}\n<LearnRateCoef> 0 [ {scale} ]\n</Nnet>\n"
        )


def heard(utterances: Sequence[Utterance]) -> list[torch.Tensor]:
    """Features of each utterance, (frames, BANDS * STACKED), not yet normalised; the resamplers take turns."""
    frontend = WavFrontend(**FRONTEND)
    return [
        features_of(wide(utterance.codes, index % _RESAMPLERS), frontend) for index, utterance in enumerate(utterances)
    ]


def features_of(sound: Sound, frontend: WavFrontend) -> torch.Tensor:
    """Features of sound at 16 kHz."""
    features: torch.Tensor = frontend(torch.from_numpy(sound)[None], torch.tensor([len(sound)]))[0][0]
    return features


def blurred(batch: torch.Tensor, lengths: Sequence[int], strength: float, random: Random) -> torch.Tensor:
    """Normalised features (utterances, frames, features) made harder: bands and moments erased, noise, a tilt.

    Erasing follows SpecAugment (Park et al., 2019). Strength 1 is for learning to read speech, more for learning to
    rely on hotwords.
    """
    harder = batch.clone()
    bands = harder.view(*batch.shape[:2], STACKED, BANDS)
    for index, length in enumerate(lengths):
        height = random.randint(0, int(BANDS / 6 * strength))
        low = random.randint(0, BANDS - height)
        bands[index, :, :, low : low + height] = 0
        duration = random.randint(0, int(2 * strength))
        begin = random.randint(0, max(0, length - duration))
        bands[index, begin : begin + duration] = 0
        bands[index] += random.gauss(0, 0.15)
        if random.random() < 0.5:
            bands[index] += torch.linspace(-1, 1, BANDS) * random.gauss(0, 0.2)
    harder += torch.randn_like(harder) * (0.1 * strength)
    return harder
