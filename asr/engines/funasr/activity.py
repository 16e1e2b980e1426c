"""Voice activity by FunASR's fsmn-vad: only the network's probabilities, one for each window of a channel.

Of fsmn-vad's own endpointing nothing is used: it waits two seconds where it is told nothing, and its settings are the
model's, not the channel's. Deciding is `asr.endpointing`'s. The network is so small that calling torch for the three
frames of a window would cost ten times what they do, so it is computed here.

Zhang et al., "Deep-FSMN for Large Vocabulary Continuous Speech Recognition", arXiv 1803.05030.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from asr.activity import WINDOW
from asr.engine import ENGINE_RATE, Waveform
from asr.engines.funasr.features import FULL_SCALE, Features
from asr.engines.funasr.loading import LoadedModel
from callscribe.domain.errors import EngineUnavailable

Numbers = NDArray[np.float32]
Memory = tuple[Numbers, ...]
"""Of each layer what it remembers of the vectors before, (vectors, width)."""


class FsmnActivityModel:
    """The loaded model; channels share it."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Raises EngineUnavailable when it is another kind of model, or one that waits for what is said later."""
        if loaded.kind != "FsmnVADStreaming" or loaded.frontend is None or loaded.normalization is None:
            raise EngineUnavailable(f"{loaded.folder} is no voice activity model; it is a {loaded.kind}")
        module: Any = loaded.module
        if loaded.frontend.stride != 1 or any(layer.rorder for layer in module.encoder.fsmn):
            raise EngineUnavailable(f"{loaded.folder} waits for what is said later; choose a streaming fsmn-vad")
        self.features = Features(loaded.frontend, loaded.normalization)
        self.stacked = loaded.frontend.stacked
        self.width = loaded.frontend.width
        self._first = (_Linear.of(module.encoder.in_linear1.linear), _Linear.of(module.encoder.in_linear2.linear))
        self._layers = [_Layer.of(layer) for layer in module.encoder.fsmn]
        self._last = (_Linear.of(module.encoder.out_linear1.linear), _Linear.of(module.encoder.out_linear2.linear))
        self._silences = list(module.vad_opts.sil_pdf_ids)
        margin = float(module.vad_opts.speech_noise_thres)
        # By how much speech is likelier than silence where the model's own decision is speech: 4 in FunASR's models.
        self._odds = np.float32((1.0 + margin) / (1.0 - margin))

    @property
    def blank(self) -> Memory:
        """What is remembered of nothing."""
        return tuple(np.zeros((layer.reach, layer.taps.shape[0]), np.float32) for layer in self._layers)

    def listen(self) -> "FsmnActivity":
        """The ear of another channel."""
        return FsmnActivity(self)

    def judged(self, samples: NDArray[np.intp]) -> NDArray[np.intp]:
        """How many feature vectors so many samples of a channel complete."""
        return np.array([self.features.count(int(heard), ended=False) for heard in samples])

    def run(self, vectors: Numbers, memory: Memory) -> tuple[Numbers, Memory]:
        """How likely each of consecutive feature vectors is speech, 0 to 1, and the memory after them."""
        one, two = self._first
        hidden = np.maximum(two(one(vectors)), 0.0)
        kept = []
        for layer, before in zip(self._layers, memory, strict=True):
            hidden, after = layer.run(hidden, before)
            kept.append(after)
        one, two = self._last
        scores = two(one(hidden))
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        silence = shares[:, self._silences].sum(-1)
        speech = shares.sum(-1) - silence
        # One half where the model's own decision changes.
        likely: Numbers = speech / np.maximum(speech + self._odds * silence, np.finfo(np.float32).tiny)
        return likely, tuple(kept)


class FsmnActivity:
    """The ear of one channel: windows in, probabilities out; what was heard before is kept between."""

    __slots__ = ("_bank", "_frames", "_memory", "_model", "_read", "_windows")

    def __init__(self, model: FsmnActivityModel) -> None:
        self._model = model
        self._memory = model.blank
        self._bank = model.features.bank()
        self._windows = 0
        self._read = 0
        self._frames = np.zeros((0, 0), np.float32)

    def push(self, audio: Waveform) -> Numbers:
        """Probabilities, 0 to 1, of the whole windows that `audio` is: its length is a multiple of WINDOW.

        A frame is judged together with the two after it, so a window's probability is that of the 32 ms that end
        32 ms before its end; the first has none, and 0.
        """
        windows = np.arange(self._windows, self._windows + len(audio) // WINDOW + 1)
        self._windows = int(windows[-1])
        vectors = self._vectors(audio)
        if not len(vectors):
            return np.zeros(len(windows) - 1, np.float32)
        likely, self._memory = self._model.run(vectors, self._memory)
        bounds = self._model.judged(windows * WINDOW)
        bounds -= bounds[0]
        sums = np.concatenate([[0.0], np.cumsum(likely, dtype=np.float64)])[bounds]
        means: Numbers = (np.diff(sums) / np.maximum(np.diff(bounds), 1)).astype(np.float32)
        return means

    def _vectors(self, audio: Waveform) -> Numbers:
        """Feature vectors that more audio completes."""
        stacked = self._model.stacked
        self._bank.accept_waveform(ENGINE_RATE, audio * np.float32(FULL_SCALE))
        ready = self._bank.num_frames_ready
        new = [np.array(self._bank.get_frame(frame)) for frame in range(self._read, ready)]
        self._bank.pop(ready - self._read)
        if new and not self._read:
            # What is before the first frame is taken to be like it.
            new = [new[0]] * (stacked // 2) + new
        self._read = ready
        known = np.stack([*self._frames, *new]) if new else self._frames
        self._frames = known[-(stacked - 1) :]
        if len(known) < stacked:
            return np.zeros((0, self._model.width), np.float32)
        vectors = sliding_window_view(known, stacked, axis=0).swapaxes(1, 2)
        return self._model.features.normalised(vectors.reshape(len(vectors), -1))


@dataclass(frozen=True, slots=True, eq=False)
class _Linear:
    weight: Numbers
    bias: Numbers

    @classmethod
    def of(cls, module: Any) -> "_Linear":
        weight = np.ascontiguousarray(module.weight.cpu().numpy().T)
        bias = np.zeros(weight.shape[1], np.float32) if module.bias is None else module.bias.cpu().numpy()
        return cls(weight, bias)

    def __call__(self, vectors: Numbers) -> Numbers:
        result: Numbers = vectors @ self.weight + self.bias
        return result


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """A memory block between two linear layers."""

    into: _Linear
    taps: Numbers
    """(width, vectors): weights of a vector and of those before it, oldest first."""
    stride: int
    out: _Linear

    @classmethod
    def of(cls, module: Any) -> "_Layer":
        block = module.fsmn_block
        taps = block.conv_left.weight.cpu().numpy()[:, 0, :, 0]
        return cls(_Linear.of(module.linear.linear), taps, int(block.lstride), _Linear.of(module.affine.linear))

    @property
    def reach(self) -> int:
        """Vectors before that matter."""
        return (len(self.taps.T) - 1) * self.stride

    def run(self, vectors: Numbers, before: Numbers) -> tuple[Numbers, Numbers]:
        inner = self.into(vectors)
        known = np.concatenate([before, inner])
        seen = sliding_window_view(known, self.reach + 1, axis=0)[:, :, :: self.stride]
        remembered = inner + np.einsum("twk,wk->tw", seen, self.taps)
        return np.maximum(self.out(remembered), 0.0), known[len(known) - self.reach :]
