"""Offline Paraformers: whole utterances to tokens, several at once, each as if it were alone.

Our own call of the model's modules. FunASR's takes one hotword list for a batch, and gives a row other words where
longer ones stand beside it: its predictor counts what lies beyond a row's end.

Gao et al., "Paraformer: Fast and Accurate Parallel Transformer for Non-autoregressive End-to-End Speech Recognition",
arXiv 2206.08317; times by Shi et al., "Achieving Timestamp Prediction While Recognizing with Non-autoregressive
End-to-End ASR Model", arXiv 2301.12343.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from torch import Tensor

from asr.engine import ENGINE_RATE, Waveform
from asr.engines.funasr.biasing import Encoded, Spelling, Weights, decoder_of
from asr.engines.funasr.features import Features
from asr.engines.funasr.firing import Firing, fire
from asr.engines.funasr.loading import LoadedModel
from asr.engines.funasr.spelling import Speller
from asr.engines.funasr.streaming import HeardToken
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword

log = structlog.get_logger()

_KINDS = ("Paraformer", "BiCifParaformer", "SeacoParaformer", "ContextualParaformer")
_LONGEST_WORD = ENGINE_RATE // 2
"""Of a plain Paraformer's tokens: what is before it was silence."""
_LONGEST_SYLLABLE = ENGINE_RATE * 240 // 1000
"""Of those with a timestamp head: what is behind it is silence."""
_LATE = 1.5
"""Steps by which a timestamp head is taken to fire late, by FunASR too."""
_COMPLETE = 1.0 - 1e-4
"""Sum at which a timestamp head fires, likewise."""


class OfflineParaformer:
    """An offline Paraformer, with hotwords where it is a SeACo or a Contextual one. Used by one thread at a time."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Raises EngineUnavailable when it is another kind of model."""
        if loaded.kind not in _KINDS or loaded.frontend is None or loaded.normalization is None:
            raise EngineUnavailable(f"{loaded.folder} is no offline Paraformer; it is a {loaded.kind}")
        self._module: Any = loaded.module
        self._device = loaded.device
        self.tokens = loaded.tokens
        self._features = Features(loaded.frontend, loaded.normalization)
        self._frame = loaded.frontend.vector_samples
        self._decoder = decoder_of(loaded)
        self._speller = Speller(loaded.tokens, loaded.spellings)
        self._silent = {self._module.sos, self._module.eos, self._module.blank_id}
        self._upsampled = int(getattr(self._module.predictor, "upsample_times", 0))
        self._warned = False

    @property
    def biasing(self) -> bool:
        """Whether hotwords change what is heard."""
        return self._decoder.biasing

    def decode(
        self, audios: Sequence[Waveform], hotwords: Sequence[Sequence[Hotword]]
    ) -> tuple[tuple[HeardToken, ...], ...]:
        """The tokens of each utterance, for which `hotwords` has a list. Raises RecognitionError."""
        heard: list[tuple[HeardToken, ...]] = [()] * len(audios)
        rows = [row for row, audio in enumerate(audios) if self._features.count(len(audio), ended=True)]
        if rows:
            spelled = [self._spelled(hotwords[row]) for row in rows]
            try:
                with torch.inference_mode():
                    found = self._decode([audios[row] for row in rows], spelled)
            except (RuntimeError, IndexError) as error:
                raise RecognitionError("the offline Paraformer failed") from error
            for row, tokens in zip(rows, found, strict=True):
                heard[row] = tokens
        return tuple(heard)

    def _spelled(self, hotwords: Sequence[Hotword]) -> Weights:
        """Those that the model has tokens for; of the others a warning tells, once."""
        if not self.biasing:
            return {}
        weights: dict[Spelling, float] = {}
        left_out = 0
        for hotword in hotwords:
            if spelling := self._speller.spell(hotword.text):
                weights[spelling] = max(hotword.weight, weights.get(spelling, 0.0))
            else:
                left_out += 1
        if left_out and not self._warned:
            self._warned = True
            log.warning("hotwords_not_in_vocabulary", left_out=left_out)
        return weights

    def _decode(self, audios: Sequence[Waveform], hotwords: Sequence[Weights]) -> list[tuple[HeardToken, ...]]:
        vectors = [self._features.vectors(audio, 0, self._features.count(len(audio), ended=True)) for audio in audios]
        lengths = torch.tensor([len(row) for row in vectors], device=self._device)
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in vectors], batch_first=True)
        memory, _ = self._module.encode(padded.to(self._device), lengths)
        # Padding is zero from here on, as it is beyond the end of a row that is alone.
        beyond = torch.arange(memory.shape[1], device=self._device) >= lengths[:, None]
        memory = memory.masked_fill(beyond[..., None], 0.0)
        weights, firing = self._fire(memory, lengths, beyond)
        counts = firing.counts
        if not any(counts):
            return [()] * len(audios)
        shares = torch.from_numpy(firing.shares[:, : max(counts), :-1]).to(self._device)
        own = torch.arange(max(counts), device=self._device) < torch.tensor(counts, device=self._device)[:, None]
        acoustics = (shares @ memory).masked_fill(~own[..., None], 0.0)
        encoded = Encoded(memory, lengths, acoustics, torch.tensor(counts, device=self._device))
        best = self._decoder.log_probabilities(encoded, hotwords).max(-1)
        numbers, logarithms = best.indices.tolist(), best.values.tolist()
        heard = []
        for row, count in enumerate(counts):
            spans = self._spans(memory[row : row + 1, : len(vectors[row])], weights[row], count)
            spans = spans.clip(0, len(audios[row])).astype(int).tolist()
            heard.append(self._heard(numbers[row][:count], logarithms[row], spans))
        return heard

    def _fire(self, memory: Tensor, lengths: Tensor, beyond: Tensor) -> tuple[NDArray[np.float32], Firing]:
        """Weights of the frames, and what fires; a frame behind each row's last completes what has begun."""
        predictor = self._module.predictor
        heard = torch.relu(predictor.cif_conv1d(predictor.pad(memory.transpose(1, 2)))).transpose(1, 2)
        weights = torch.sigmoid(predictor.cif_output(heard)).squeeze(-1)
        weights = torch.relu(weights * predictor.smooth_factor - predictor.noise_threshold).masked_fill(beyond, 0.0)
        weights = torch.nn.functional.pad(weights, (0, 1))
        weights[torch.arange(len(lengths)), lengths] = predictor.tail_threshold
        found = weights.cpu().numpy()
        return found, fire(found, predictor.threshold)

    def _heard(
        self, numbers: Sequence[int], logarithms: Sequence[float], spans: Sequence[Sequence[int]]
    ) -> tuple[HeardToken, ...]:
        return tuple(
            HeardToken(number, min(float(np.exp(logarithm)), 1.0), start, end)
            for number, logarithm, (start, end) in zip(numbers, logarithms, spans, strict=False)
            if number not in self._silent
        )

    def _spans(self, memory: Tensor, weights: NDArray[np.float32], count: int) -> NDArray[np.float64]:
        """First and last sample of each token, to 20 ms where the model has a timestamp head, else to 60 ms.

        Such a head fires where a token begins. A plain Paraformer only tells when it has heard enough of a token: it is
        taken to lie where its weights come from, which on made-up words is right to 150 ms on average.
        """
        if not self._upsampled:
            edges = _crossings(weights, np.arange(count + 1) * self._module.predictor.threshold) * self._frame
            return np.stack([np.maximum(edges[:-1], edges[1:] - _LONGEST_WORD), edges[1:]], axis=1)
        mask = torch.ones(1, 1, memory.shape[1], device=self._device)
        wanted = torch.tensor([count], device=self._device)
        _, _, fine, _ = self._module.predictor.get_upsample_timestamp(memory, mask, wanted)
        sums = np.cumsum(fine[0].cpu().numpy(), dtype=np.float64)
        fired = np.searchsorted(sums, np.arange(1, count + 1) * _COMPLETE)
        starts = (fired - _LATE) * self._frame / self._upsampled
        return np.stack([starts, np.minimum(np.append(starts[1:], np.inf), starts + _LONGEST_SYLLABLE)], axis=1)


def _crossings(weights: NDArray[np.float32], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where, in frames, the sum of the weights reaches each of these, in between by the straight line."""
    reached = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    return np.interp(sums, reached, np.arange(len(reached)))
