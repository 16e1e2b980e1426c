"""A model of voices for tests of pyannote.audio: no weights, only how sound is spread over pitch, and how that varies.

Enough for two made-up voices. A pipeline loads it by the names that its checkpoint tells.
"""

from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import __version__ as lightning_version
from pyannote.audio.core.model import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications, Task
from torch import Tensor

_FRAME, _SHIFT = 400, 160
_BANDS = 24
_LEAST_FRAMES = 10


class VoiceEmbedding(Model):  # type: ignore[misc]
    """Mean and deviation of log energies in bands over pitch."""

    def __init__(self, sample_rate: int = 16_000, num_channels: int = 1, task: Task | None = None) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        edges = torch.from_numpy(np.geomspace(3, 90, _BANDS + 1).round().astype(int))
        bins = torch.arange(_FRAME // 2 + 1)
        within = (bins >= edges[:-1, None]) & (bins < edges[1:, None])
        self.register_buffer("bands", within.float() / within.sum(1, keepdim=True).clamp_min(1))

    @property
    def dimension(self) -> int:
        return 2 * _BANDS

    def forward(self, waveforms: Tensor, weights: Tensor | None = None) -> Tensor:
        frames = waveforms[:, 0].unfold(-1, _FRAME, _SHIFT) * torch.hann_window(_FRAME)
        energies = torch.log(torch.fft.rfft(frames).abs().square() @ self.bands.T + 1e-6)
        heard = torch.ones(energies.shape[:2])
        if weights is not None:
            heard = torch.nn.functional.interpolate(weights[:, None].float(), energies.shape[1])[:, 0]
        return torch.stack([self._embed(each[mask > 0.5]) for each, mask in zip(energies, heard, strict=True)])

    def _embed(self, energies: Tensor) -> Tensor:
        if len(energies) < _LEAST_FRAMES:
            return torch.full((self.dimension,), float("nan"))
        level = energies - energies.mean(1, keepdim=True)
        return torch.cat([level.mean(0), level.std(0)])


def write_checkpoint(path: Path) -> None:
    """A checkpoint as pyannote.audio saves one."""
    model = VoiceEmbedding()
    model.save_hyperparameters({"sample_rate": 16_000, "num_channels": 1})
    model.specifications = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0)
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": lightning_version,
        "epoch": 0,
        "global_step": 0,
        "loops": None,
    }
    model.on_save_checkpoint(checkpoint)
    path.parent.mkdir(parents=True)
    torch.save(checkpoint, path)


def write_plda(folder: Path) -> None:
    """Statistics of voices that change nothing: the pipeline asks for some, and this one's clustering uses none."""
    folder.mkdir()
    kept, dimension = _BANDS, 2 * _BANDS
    np.savez(
        folder / "xvec_transform.npz", mean1=np.zeros(dimension), mean2=np.zeros(kept), lda=np.eye(dimension, kept)
    )
    np.savez(folder / "plda.npz", mu=np.zeros(kept), tr=np.eye(kept), psi=np.linspace(2.0, 1.0, kept))
