"""Streaming Paraformer over several streams at once.

Chunk by chunk, a stream hears new vectors together with the last ones of the chunk before, which were its look-ahead
then. Each result is that of FunASR's own streaming inference with the same chunk and look-backs; what differs is that
streams share a forward pass, that a stream is a value which never changes, and that a chunk costs the same however old
its stream is (FunASR computes all positions from the first one anew).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asr.engine import Waveform
from asr.engines.funasr.features import Features
from asr.engines.funasr.firing import Firing, Weights, fire
from asr.engines.funasr.layers import ChunkDecoder, ChunkEncoder, Heard
from asr.engines.funasr.loading import LoadedModel
from callscribe.domain.errors import EngineUnavailable, RecognitionError

_LONGEST_TOKEN = 8
"""Vectors: a token that took longer to complete began after a pause."""


@dataclass(frozen=True, slots=True)
class Chunking:
    """What is heard at once, in feature vectors, and what is remembered, in chunks."""

    new: int = 10
    ahead: int = 5
    """Of the new ones, those that only help to understand the others, until the next chunk."""
    encoder_look_back: int = 4
    decoder_look_back: int = 1


@dataclass(frozen=True, slots=True)
class HeardToken:
    """A token of a stream."""

    id: int
    probability: float
    """0 to 1, as the decoder saw it among all others."""
    start: int
    """Sample of the stream's audio, to 60 ms."""
    end: int
    """Sample of the stream's audio, exclusive."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """All that matters of what a stream has heard in whole chunks; 9 MB where the model is FunASR's large one.

    Nobody changes its tensors in place.
    """

    position: int
    """Vectors heard."""
    tokens: tuple[HeardToken, ...]
    ahead: Tensor
    """(ahead, features): the last vectors heard, with their positions."""
    encoder_memory: Tensor
    """(layers, 2, heads, remembered, width of a head): keys and values, the newest last."""
    encoder_known: int
    """Vectors remembered; what is before them in `encoder_memory` means nothing."""
    decoder_memory: Tensor
    """As `encoder_memory`."""
    decoder_known: int
    decoder_past: Tensor
    """(layers, width, tokens): what the decoder's memory blocks remember."""
    begun: Tensor
    """(width,): the token that is not complete yet, as an encoded vector."""
    begun_weight: float
    """How much of it there is."""
    fired: int = 0
    """Vector at which the last token was complete."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stream with its audio from the very first sample, as far as it is known."""

    stream: Stream
    audio: Waveform
    ended: bool
    """True where nothing follows."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What came of a part."""

    stream: Stream
    """From which to go on when more audio is there: as far as there were whole chunks."""
    tokens: tuple[HeardToken, ...]
    """The stream's, and where it ended those of what is left."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One chunk of one stream."""

    stream: Stream
    vectors: Tensor
    """(new ones, features), fewer than a whole chunk only if last."""
    last: bool


@dataclass(frozen=True, slots=True)
class _Encoded:
    """The chunks of several streams, encoded."""

    vectors: Tensor
    """(rows, length, width): what was ahead before and what is new, zero behind a row's last."""
    padding: Tensor
    """(rows, length): True there."""
    keys_values: Tensor
    """(layers, 2, rows, heads, length, width of a head)."""


class StreamingParaformer:
    """A loaded streaming model. Used by one thread at a time."""

    def __init__(self, model: LoadedModel, chunking: Chunking) -> None:
        """Raises EngineUnavailable when the model is none."""
        if model.kind != "ParaformerStreaming" or model.frontend is None or model.normalization is None:
            raise EngineUnavailable(f"{model.folder} is a {model.kind}; streaming wants a ParaformerStreaming")
        self.tokens = model.tokens
        self._chunking = chunking
        self._device = model.device
        self._features = Features(model.frontend, model.normalization)
        self._vector_samples = model.frontend.vector_samples
        module: Any = model.module
        if type(module.predictor).__name__ != "CifPredictorV2":
            raise EngineUnavailable(
                f"{model.folder} counts its tokens in an unknown way; choose a streaming Paraformer"
            )
        self._encoder = ChunkEncoder(module.encoder)
        self._decoder = ChunkDecoder(module.decoder)
        self._predictor = module.predictor
        self._blank = self._blank_stream(model.frontend.width)
        if self._features.count(self.chunk_samples, ended=False) < chunking.new:
            raise EngineUnavailable(
                f"the features of {model.folder} reach beyond a chunk; choose a streaming Paraformer"
            )

    @property
    def chunk_samples(self) -> int:
        """Samples at ENGINE_RATE in which a stream is heard."""
        return self._chunking.new * self._vector_samples

    def heard_samples(self, stream: Stream) -> int:
        """Samples of its audio that a stream has heard, in whole chunks."""
        return stream.position * self._vector_samples

    def begin(self) -> Stream:
        """A stream that has heard nothing."""
        return self._blank

    def hear(self, parts: Sequence[Part]) -> list[Understood]:
        """Go on with streams, each as far as its audio has whole chunks, or to its end; in order.

        Raises RecognitionError when the model fails, as where a GPU has no memory left.
        """
        try:
            with torch.inference_mode():
                return self._hear(parts)
        except RuntimeError as error:
            raise RecognitionError("the streaming Paraformer failed") from error

    def _hear(self, parts: Sequence[Part]) -> list[Understood]:
        streams = [part.stream for part in parts]
        tokens = [part.stream.tokens for part in parts]
        waiting = list(range(len(parts)))
        while waiting:
            steps = {place: step for place in waiting if (step := self._step(streams[place], parts[place]))}
            heard = self._forward(list(steps.values()))
            for (place, step), stream in zip(steps.items(), heard, strict=True):
                tokens[place] = stream.tokens
                if not step.last:
                    streams[place] = stream
            waiting = [place for place, step in steps.items() if not step.last]
        return [Understood(stream, said) for stream, said in zip(streams, tokens, strict=True)]

    def _blank_stream(self, features: int) -> Stream:
        chunking, encoder, decoder = self._chunking, self._encoder, self._decoder
        shape = (encoder.layers, 2, encoder.heads, chunking.encoder_look_back * chunking.new, encoder.head_width)
        decoder_shape = (
            decoder.layers,
            2,
            decoder.heads,
            chunking.decoder_look_back * chunking.new,
            decoder.head_width,
        )
        return Stream(
            position=0,
            tokens=(),
            ahead=torch.zeros(chunking.ahead, features, device=self._device),
            encoder_memory=torch.zeros(shape, device=self._device),
            encoder_known=0,
            decoder_memory=torch.zeros(decoder_shape, device=self._device),
            decoder_known=0,
            decoder_past=torch.zeros(decoder.layers, decoder.width, decoder.past, device=self._device),
            begun=torch.zeros(encoder.width, device=self._device),
            begun_weight=0.0,
        )

    def _step(self, stream: Stream, part: Part) -> _Step | None:
        """The stream's next chunk; None where there is none yet, or nothing at all is left."""
        first, end = stream.position, stream.position + self._chunking.new
        last = end * self._vector_samples > len(part.audio)
        if last and not part.ended:
            return None
        if last:
            left = len(part.audio) - first * self._vector_samples
            # FunASR too drops what is shorter than a vector's step.
            end = self._features.count(len(part.audio), ended=True) if left >= self._vector_samples else first
            if end == first and (first == 0 or not self._chunking.ahead):
                return None
        vectors = torch.from_numpy(self._features.vectors(part.audio, first, end)).to(self._device)
        scale = math.sqrt(self._encoder.width)
        return _Step(stream, vectors * scale + self._positions(first, end, vectors.shape[1]), last)

    def _positions(self, first: int, end: int, width: int) -> Tensor:
        """Sinusoids (vectors, width) of places that are counted from 1: Vaswani et al., arXiv 1706.03762, section 3.5.

        Computed for the vectors that are needed: a table of an hour would take 130 MB.
        """
        half = width // 2
        rates = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10_000) / (width / 2 - 1)))
        angles = torch.arange(first + 1, end + 1, dtype=torch.float32)[:, None] * rates
        return torch.cat((angles.sin(), angles.cos()), dim=1).to(self._device)

    def _forward(self, steps: Sequence[_Step]) -> list[Stream]:
        """What each stream is after its step, in one pass; after the last one only its tokens mean something."""
        if not steps:
            return []
        encoded = self._encode(steps)
        firing = fire(self._weights(steps, encoded), self._predictor.threshold)
        # What has begun comes before the chunk, and the end's weight behind it has no sound.
        begun = torch.stack([step.stream.begun for step in steps])[:, None]
        sounds = torch.cat((begun, encoded.vectors, torch.zeros_like(begun)), dim=1)
        embedded = torch.from_numpy(firing.shares).to(self._device) @ sounds
        decoded = self._decode(steps, firing, embedded, encoded)
        streams = []
        for row, step in enumerate(steps):
            stream = decoded.get(row, step.stream)
            if not step.last:
                stream = self._moved_on(stream, step, encoded.keys_values[:, :, row])
                rest, weight = embedded[row, firing.counts[row]], float(firing.left[row])
                stream = replace(stream, begun=rest / weight if weight else rest.clone(), begun_weight=weight)
            streams.append(stream)
        return streams

    def _encode(self, steps: Sequence[_Step]) -> _Encoded:
        windows = [torch.cat((step.stream.ahead, step.vectors)) for step in steps]
        vectors = torch.nn.utils.rnn.pad_sequence(windows, batch_first=True)
        lengths = torch.tensor([len(window) for window in windows], device=self._device)
        padding = torch.arange(vectors.shape[1], device=self._device) >= lengths[:, None]
        memory = torch.stack([step.stream.encoder_memory for step in steps], dim=2)
        known = [step.stream.encoder_known for step in steps]
        encoded, keys_values = self._encoder.run(vectors, Heard(memory, self._unknown(memory, known), padding))
        return _Encoded(encoded, padding, keys_values)

    def _unknown(self, memory: Tensor, known: Sequence[int]) -> Tensor:
        first = memory.shape[-2] - torch.tensor(known, device=self._device)
        return torch.arange(memory.shape[-2], device=self._device) < first[:, None, None, None]

    def _weights(self, steps: Sequence[_Step], encoded: _Encoded) -> Weights:
        """How much of a token each vector is: of what has begun, of the chunk, and at the stream's end of nothing."""
        predictor = self._predictor
        around = torch.relu(predictor.cif_conv1d(predictor.pad(encoded.vectors.transpose(1, 2)))).transpose(1, 2)
        likely = torch.sigmoid(predictor.cif_output(around)).squeeze(-1)
        weights = torch.relu(likely * predictor.smooth_factor - predictor.noise_threshold)
        found = np.zeros((len(steps), weights.shape[1] + 2), np.float32)
        found[:, 1:-1] = weights.masked_fill(encoded.padding, 0.0).cpu().numpy()
        for row, step in enumerate(steps):
            found[row, 0] = step.stream.begun_weight
            if step.last:
                found[row, -1] = predictor.tail_threshold
            else:
                found[row, 1 + self._chunking.new :] = 0.0
        return found

    def _decode(self, steps: Sequence[_Step], firing: Firing, embedded: Tensor, encoded: _Encoded) -> dict[int, Stream]:
        """The streams of rows in which a token was completed, with these tokens; the others' decoders stand still."""
        rows = [row for row, count in enumerate(firing.counts) if count]
        if not rows:
            return {}
        streams = [steps[row].stream for row in rows]
        memory = torch.stack([stream.decoder_memory for stream in streams], dim=2)
        unknown = self._unknown(memory, [stream.decoder_known for stream in streams])
        past = torch.stack([stream.decoder_past for stream in streams], dim=1)
        heard = Heard(memory, unknown, encoded.padding[rows])
        tokens = embedded[rows, : max(firing.counts)]
        logits, keys_values, past = self._decoder.run(tokens, encoded.vectors[rows], heard, past)
        best = logits.softmax(dim=-1).max(dim=-1)
        said = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        found: dict[int, Stream] = {}
        for place, (row, stream, (ids, probabilities)) in enumerate(zip(rows, streams, said, strict=True)):
            count = firing.counts[row]
            heard_tokens, fired = self._placed(steps[row], firing.fired[row], zip(ids, probabilities, strict=True))
            found[row] = replace(
                stream,
                tokens=stream.tokens + heard_tokens,
                fired=fired,
                decoder_memory=_remembered(stream.decoder_memory, keys_values[:, :, place]),
                decoder_known=min(stream.decoder_known + encoded.vectors.shape[1], memory.shape[-2]),
                decoder_past=past[:, place, :, count : count + self._decoder.past].clone(),
            )
        return found

    def _placed(
        self, step: _Step, fired: NDArray[np.bool_], said: Iterable[tuple[int, float]]
    ) -> tuple[tuple[HeardToken, ...], int]:
        """What was said, as far as it fired, at its place in the audio, and the vector at which the last fired."""
        # The chunk's first vectors are those that the stream heard ahead, and one weight before them had begun.
        first = step.stream.position - self._chunking.ahead - 1
        before = step.stream.fired
        tokens = []
        for place, (number, probability) in zip(np.flatnonzero(fired), said, strict=False):
            end = min(max(first + int(place) + 1, 0), step.stream.position + len(step.vectors))
            start = max(before, end - _LONGEST_TOKEN)
            tokens.append(HeardToken(number, probability, start * self._vector_samples, end * self._vector_samples))
            before = end
        return tuple(tokens), before

    def _moved_on(self, stream: Stream, step: _Step, keys_values: Tensor) -> Stream:
        """The stream, a whole chunk later."""
        settled = keys_values[..., : self._chunking.new, :]
        return replace(
            stream,
            position=stream.position + self._chunking.new,
            ahead=torch.cat((stream.ahead, step.vectors))[self._chunking.new :].clone(),
            encoder_memory=_remembered(stream.encoder_memory, settled),
            encoder_known=min(stream.encoder_known + self._chunking.new, stream.encoder_memory.shape[-2]),
        )


def _remembered(memory: Tensor, newer: Tensor) -> Tensor:
    """As much as `memory` holds of it and what is newer, as a tensor of its own: a part of the batch's would keep all
    streams of the batch in memory."""
    size = memory.shape[-2]
    newer = newer[..., max(newer.shape[-2] - size, 0) :, :]
    return torch.cat((memory[..., newer.shape[-2] :, :], newer), dim=-2)
