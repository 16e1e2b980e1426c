"""A streaming Paraformer's layers over one chunk of several streams at once, on the model's own weights.

Zhang et al., "Streaming Chunk-Aware Multihead Attention for Online End-to-End Speech Recognition" (SCAMA), arXiv
2006.01712, of layers with a memory block beside the attention: Gao et al., "SAN-M", arXiv 2006.01713. FunASR's own code
for a chunk takes one stream only, and changes its caches in place.

Rows of a batch differ in length, and in how far back they remember, so they are padded and masked: streams of one age,
which could be grouped by shape instead, hardly ever wait for a chunk at the same time, and chunks without a token leave
decoders of one age at different places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from callscribe.domain.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class Heard:
    """What several streams attend to in a layer stack: what they remember, and what this chunk brings."""

    memory: Tensor
    """(layers, 2, rows, heads, remembered, width of a head): keys and values, the newest last."""
    unknown: Tensor
    """(rows, 1, 1, remembered): True where a row remembers nothing yet."""
    padding: Tensor
    """(rows, length): True behind a row's last vector of this chunk."""

    @property
    def mask(self) -> Tensor:
        """(rows, 1, 1, remembered + length): True where there is something to attend to."""
        return ~torch.cat((self.unknown, self.padding[:, None, None, :]), dim=-1)


class ChunkEncoder:
    """The encoder's layers."""

    def __init__(self, encoder: Any) -> None:
        """Raises EngineUnavailable when it is of another make than FunASR's streaming Paraformers."""
        self._layers = [*encoder.encoders0, *encoder.encoders]
        first = self._layers[0].self_attn
        placed = type(encoder.embed).__name__ == "StreamSinusoidalPositionEncoder"
        known = placed and encoder.normalize_before and hasattr(first, "fsmn_block")
        if not known or self._layers[0].concat_after:
            raise EngineUnavailable(
                "the streaming model's encoder is of an unknown make; choose a streaming Paraformer"
            )
        self._norm = encoder.after_norm
        self.layers = len(self._layers)
        self.heads: int = first.h
        self.head_width: int = first.d_k
        self.width: int = first.h * first.d_k

    def run(self, vectors: Tensor, heard: Heard) -> tuple[Tensor, Tensor]:
        """Encode (rows, length, features). Gives (rows, length, width), zero where padded, and the keys and values of
        these vectors, shaped as `Heard.memory`."""
        mask, padding = heard.mask, heard.padding[:, :, None]
        found = []
        for layer, memory in zip(self._layers, heard.memory, strict=True):
            attended, keys_values = self._attend(layer.self_attn, layer.norm1(vectors), memory, (mask, padding))
            # The first layer changes the width: it has nothing to add to.
            vectors = vectors + attended if layer.in_size == layer.size else attended
            vectors = vectors + layer.feed_forward(layer.norm2(vectors))
            found.append(keys_values)
        return self._norm(vectors).masked_fill(padding, 0.0), torch.stack(found)

    def _attend(
        self, block: Any, vectors: Tensor, memory: Tensor, masks: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        mask, padding = masks
        queries, keys, values = block.linear_q_k_v(vectors).split(self.width, dim=-1)
        values = values.masked_fill(padding, 0.0)
        near = block.fsmn_block(block.pad_fn(values.transpose(1, 2))).transpose(1, 2) + values
        keys_values = torch.stack((_split_heads(keys, self.heads), _split_heads(values, self.heads)))
        everything = torch.cat((memory, keys_values), dim=-2)
        attended = scaled_dot_product_attention(
            _split_heads(queries, self.heads), everything[0], everything[1], attn_mask=mask
        )
        return block.linear_out(_join_heads(attended)) + near, keys_values


class ChunkDecoder:
    """The decoder's layers."""

    def __init__(self, decoder: Any) -> None:
        """Raises EngineUnavailable when it is of another make than FunASR's streaming Paraformers."""
        first = decoder.decoders[0]
        # A decoder whose memory looks ahead would need tokens that no chunk has yet.
        if not decoder.normalize_before or decoder.decoders2 is not None or first.self_attn.pad_fn.padding[1]:
            raise EngineUnavailable(
                "the streaming model's decoder is of an unknown make; choose a streaming Paraformer"
            )
        self._decoder = decoder
        self.layers = len(decoder.decoders)
        self.heads: int = first.src_attn.h
        self.head_width: int = first.src_attn.d_k
        self.width: int = first.src_attn.h * first.src_attn.d_k
        self.past: int = first.self_attn.kernel_size - 1
        """Tokens that the memory blocks look back."""

    def run(self, tokens: Tensor, encoded: Tensor, heard: Heard, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decode (rows, tokens, width) with what was encoded (rows, length, width).

        `past` (layers, rows, width, `self.past`) is what the memory blocks remember of tokens before. Gives logits
        (rows, tokens, vocabulary), the keys and values of what was encoded, shaped as `Heard.memory`, and `past` with
        these tokens behind it. A row's tokens do not depend on those after them, so these may be padding.
        """
        mask = heard.mask
        keys_values_found, past_found = [], []
        for layer, memory, before in zip(self._decoder.decoders, heard.memory, past, strict=True):
            inner = layer.norm2(layer.feed_forward(layer.norm1(tokens)))
            remembered = torch.cat((before, inner.transpose(1, 2)), dim=2)
            tokens = tokens + layer.self_attn.fsmn_block(remembered).transpose(1, 2) + inner
            attended, keys_values = self._attend(layer.src_attn, layer.norm3(tokens), encoded, memory, mask)
            tokens = tokens + attended
            keys_values_found.append(keys_values)
            past_found.append(remembered)
        for layer in self._decoder.decoders3:
            tokens = layer.feed_forward(layer.norm1(tokens))
        logits = self._decoder.output_layer(self._decoder.after_norm(tokens))
        return logits, torch.stack(keys_values_found), torch.stack(past_found)

    def _attend(
        self, block: Any, tokens: Tensor, encoded: Tensor, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        keys, values = block.linear_k_v(encoded).split(self.width, dim=-1)
        keys_values = torch.stack((_split_heads(keys, self.heads), _split_heads(values, self.heads)))
        everything = torch.cat((memory, keys_values), dim=-2)
        queries = _split_heads(block.linear_q(tokens), self.heads)
        attended = scaled_dot_product_attention(queries, everything[0], everything[1], attn_mask=mask)
        return block.linear_out(_join_heads(attended)), keys_values


def _split_heads(vectors: Tensor, heads: int) -> Tensor:
    """(rows, length, width) as (rows, heads, length, width of a head)."""
    return vectors.unflatten(-1, (heads, -1)).transpose(1, 2)


def _join_heads(vectors: Tensor) -> Tensor:
    return vectors.transpose(1, 2).flatten(2)
