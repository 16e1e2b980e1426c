"""Moonshine tiny as two ONNX graphs of our own: the encoder up to the decoder's keys and values, and the decoder.

Architecture: Jeffries et al., arXiv 2410.15608. What differs from the graphs that the package carries, and why:

- Activations are quantised row by row, each by its own largest value. A row's result so does not depend on the rows
  beside it: a batch, a draft verified at one go and a single step say the same.
- The decoder is told each token's position and what it may attend to. Utterances of different length go on together,
  and so do rival beginnings of one utterance, as branches of one tree, without a copy of the cache.
- The keys and values of what was heard are the encoder's output, computed once an utterance.
- Attention, rotary embedding and normalisation are one node each: the packaged graphs run 900 nodes a step.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from asr.engines.moonshine.weights import Linear, Weights, joined

Precision = Literal["int8", "fp32"]

LAYERS = 6
HEADS = 8
HEAD_SIZE = 36
WIDTH = HEADS * HEAD_SIZE
VOCABULARY = 32_768
HOP = 384
"""Samples between two frames."""
BEST = 8
"""Tokens that the decoder names as likeliest."""
ALIGNING = 4
"""The decoder's layer that looks straight at what it writes."""
QUERY = f"query_{ALIGNING}"
_ROTATED = 32
"""Values of a head that the rotary embedding turns; Su et al., arXiv 2104.09864."""
_ROTARY_BASE = 10_000.0
_POSITIONS = 2_048
_FULL = 127.0
_ZERO = 128
_OPSET = 18
_IR_VERSION = 8
_OURS = "com.microsoft"


class _Graph:
    """A graph while it is put together. Methods add a node and give the name of its output."""

    def __init__(self, precision: Precision) -> None:
        self._precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: dict[str, onnx.TensorProto] = {}
        self._rows: dict[str, tuple[str, str]] = {}

    def constant(self, array: NDArray[Any] | np.generic) -> str:
        name = f"constant_{len(self._arrays)}"
        self._arrays[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes(kind, inputs, 1, **attributes)[0]

    def nodes(self, kind: str, inputs: Sequence[str], outputs: int | Sequence[str], **attributes: Any) -> list[str]:
        """As `node`, with several outputs: their count, or their names."""
        number = len(self._nodes)
        names = [f"value_{number}_{place}" for place in range(outputs)] if isinstance(outputs, int) else list(outputs)
        domain = _OURS if kind in _CONTRIBUTED else ""
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def linear(self, of: str, weights: Linear) -> str:
        """A product with weights, over the last axis."""
        if self._precision == "fp32":
            product = self.node("MatMul", of, self.constant(weights.matrix))
        else:
            rows, largest = self._quantised(of)
            product = self.node("Mul", self._integer_product(rows, weights, 1.0 / _FULL), largest)
        return product if weights.bias is None else self.node("Add", product, self.constant(weights.bias))

    def normalised(self, of: str, gain: NDArray[np.float32]) -> str:
        return self.node("LayerNormalization", of, self.constant(gain), axis=-1, epsilon=1e-5)

    def rotated(self, of: str, positions: str, tables: tuple[str, str]) -> str:
        return self.node(
            "RotaryEmbedding",
            of,
            positions,
            *tables,
            interleaved=1,
            num_heads=HEADS,
            rotary_embedding_dim=_ROTATED,
        )

    def rotary_tables(self) -> tuple[str, str]:
        """Cosines and sines of shape (positions, half of the turned values)."""
        frequencies = _ROTARY_BASE ** (-np.arange(0, _ROTATED, 2) / _ROTATED)
        angles = np.arange(_POSITIONS)[:, None] * frequencies
        return self.constant(np.cos(angles).astype(np.float32)), self.constant(np.sin(angles).astype(np.float32))

    def strided(self, of: str, weights: NDArray[np.float32], bias: NDArray[np.float32], stride: int) -> str:
        """A convolution in 8 bits, as a product over the unfolded time axis: shape (1, time, channels) in and out.

        Only for activations without outliers: there is one scale for all of them. `weights` has the shape (outputs,
        inputs, taps).
        """
        outputs, inputs, taps = weights.shape
        codes, scale, zero = self.nodes("DynamicQuantizeLinear", [of], 3)
        length = self.node("Sub", self.node("Squeeze", self.node("Shape", of, start=1, end=2)), self._whole(taps))
        count = self.node("Add", self.node("Div", length, self._whole(stride)), self._whole(1))
        starts = self.node("Mul", self.node("Range", self._whole(0), count, self._whole(1)), self._whole(stride))
        column = self.node("Unsqueeze", starts, self.constant(np.array([1])))
        places = self.node("Add", column, self.constant(np.arange(taps)[None]))
        unfolded = self.node("Gather", codes, places, axis=1)
        rows = self.node("Reshape", unfolded, self.constant(np.array([1, -1, taps * inputs])))
        linear = Linear.of(weights.transpose(2, 1, 0).reshape(taps * inputs, outputs), bias)
        scales, zeros = self.constant(linear.scales), self.constant(linear.zero_points)
        matrix, offset = self.constant(linear.codes), self.constant(bias)
        return self.node("MatMulIntegerToFloat", rows, matrix, scale, scales, zero, zeros, offset)

    def model(self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> bytes:
        """The graph as a model file's bytes."""
        graph = helper.make_graph(self._nodes, "moonshine", inputs, outputs, list(self._arrays.values()))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_OURS, 1)]
        file: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()
        return file

    def _quantised(self, of: str) -> tuple[str, str]:
        """Rows as codes of 8 bits, and the largest magnitude of each; once for each value."""
        if of not in self._rows:
            # A row of nothing but zeros has to stay one.
            largest = self.node("ReduceMax", self.node("Abs", of), self.constant(np.array([-1])), keepdims=1)
            largest = self.node("Max", largest, self.constant(np.float32(1e-9)))
            unit, zero = self.constant(np.float32(1.0 / _FULL)), self.constant(np.uint8(_ZERO))
            self._rows[of] = self.node("QuantizeLinear", self.node("Div", of, largest), unit, zero), largest
        return self._rows[of]

    def _integer_product(self, rows: str, weights: Linear, unit: float) -> str:
        scales = self.constant(weights.scales * np.float32(unit))
        codes, zeros = self.constant(weights.codes), self.constant(weights.zero_points)
        one, zero = self.constant(np.float32(1.0)), self.constant(np.uint8(_ZERO))
        return self.node("MatMulIntegerToFloat", rows, codes, one, scales, zero, zeros)

    def _whole(self, value: int) -> str:
        return self.constant(np.int64(value))


_CONTRIBUTED = {"RotaryEmbedding", "MultiHeadAttention", "MatMulIntegerToFloat", "QuickGelu", "Gelu"}
"""Kinds of nodes that are onnxruntime's own."""


def encoder_graph(encoder: Weights, decoder: Weights, precision: Precision) -> bytes:
    """Input "audio", float32 of shape (1, samples). Output "heard" of shape (2 * LAYERS, 1, HEADS, frames, HEAD_SIZE):
    keys and values of each layer, by turns, for the decoder's attention to what was heard."""
    graph = _Graph(precision)
    hidden = _frames(graph, encoder, precision)
    tables, start = graph.rotary_tables(), graph.constant(np.zeros(1, np.int64))
    for layer in range(LAYERS):
        name = f"layers.{layer}."
        queries, keys, values = _attended(
            graph, graph.normalised(hidden, encoder.norms[name + "input_layernorm"]), encoder, name
        )
        queries, keys = graph.rotated(queries, start, tables), graph.rotated(keys, start, tables)
        attended = graph.node("MultiHeadAttention", queries, keys, values, num_heads=HEADS)
        hidden = graph.node("Add", hidden, graph.linear(attended, encoder.linears[name + "self_attn.o_proj"]))
        inner = graph.normalised(hidden, encoder.norms[name + "post_attention_layernorm"])
        inner = graph.node("Gelu", graph.linear(inner, encoder.linears[name + "mlp.fc1"]))
        hidden = graph.node("Add", hidden, graph.linear(inner, encoder.linears[name + "mlp.fc2"]))
    hidden = graph.normalised(hidden, encoder.norms["norm"])
    parts = [decoder.linears[f"layers.{n}.encoder_attn.{part}_proj"] for n in range(LAYERS) for part in "kv"]
    shape = graph.constant(np.array([0, 0, 2 * LAYERS, HEADS, HEAD_SIZE]))
    heard = graph.node("Reshape", graph.linear(hidden, joined(parts)), shape)
    graph.nodes("Transpose", [heard], ["heard"], perm=[2, 0, 3, 1, 4])
    return graph.model(
        [_tensor("audio", [1, "samples"])], [_tensor("heard", [2 * LAYERS, 1, HEADS, "frames", HEAD_SIZE])]
    )


def decoder_graph(decoder: Weights, precision: Precision) -> bytes:
    """The next token after each of several, for several utterances.

    Inputs: "tokens" and "positions", int64 of shape (rows, new); "attended" of shape (rows, 1, new, past + new), added
    to the attention to tokens, and "audible" of shape (rows, 1, new, frames), to that to frames: 0 or very low; for
    each layer N "past_key_N", "past_value_N" of shape (rows, HEADS, past, HEAD_SIZE) and "heard_key_N",
    "heard_value_N" of shape (rows, HEADS, frames, HEAD_SIZE).

    Outputs: "logits" (rows, new, VOCABULARY); the highest of them, "best", and their tokens, "best_tokens", both (rows,
    new, BEST); QUERY (rows, new, WIDTH), with which the layer ALIGNING looked for what was heard; "key_N", "value_N",
    past and new.
    """
    graph = _Graph(precision)
    hidden = _embedded(graph, decoder)
    tables = graph.rotary_tables()
    for layer in range(LAYERS):
        hidden = _decoder_layer(graph, hidden, decoder, layer, tables)
    hidden = graph.normalised(hidden, decoder.norms["norm"])
    graph.nodes("Identity", [graph.linear(hidden, decoder.linears["head"])], ["logits"])
    graph.nodes("TopK", ["logits", graph.constant(np.array([BEST]))], ["best", "best_tokens"], axis=-1)
    whole = TensorProto.INT64
    inputs = [_tensor("tokens", ["rows", "new"], whole), _tensor("positions", ["rows", "new"], whole)]
    inputs += [_tensor("attended", ["rows", 1, "new", "all"]), _tensor("audible", ["rows", 1, "new", "frames"])]
    outputs = [_tensor("logits", ["rows", "new", VOCABULARY]), _tensor(QUERY, ["rows", "new", WIDTH])]
    outputs += [_tensor("best", ["rows", "new", BEST]), _tensor("best_tokens", ["rows", "new", BEST], whole)]
    for layer in range(LAYERS):
        for part in ("key", "value"):
            inputs.append(_tensor(f"past_{part}_{layer}", ["rows", HEADS, "past", HEAD_SIZE]))
            inputs.append(_tensor(f"heard_{part}_{layer}", ["rows", HEADS, "frames", HEAD_SIZE]))
            outputs.append(_tensor(f"{part}_{layer}", ["rows", HEADS, "all", HEAD_SIZE]))
    return graph.model(inputs, outputs)


def _frames(graph: _Graph, encoder: Weights, precision: Precision) -> str:
    """The three convolutions: audio as frames of shape (1, frames, WIDTH)."""
    first, second, third = (encoder.arrays[f"conv{n}.weight_add_tensor"] for n in (1, 2, 3))
    audio = graph.node("Unsqueeze", "audio", graph.constant(np.array([1])))
    sound = graph.node("Tanh", graph.node("Conv", audio, graph.constant(first), strides=[64], kernel_shape=[127]))
    # One group over all channels and the whole time.
    flat = graph.node("Reshape", sound, graph.constant(np.array([0, 1, -1])))
    one, none = graph.constant(np.ones(1, np.float32)), graph.constant(np.zeros(1, np.float32))
    level = graph.node("InstanceNormalization", flat, one, none, epsilon=1e-5)
    sound = graph.node("Reshape", level, graph.node("Shape", sound))
    gain, offset = (graph.constant(encoder.arrays[name]) for name in ("onnx::Mul_2080", "onnx::Add_2081"))
    sound = graph.node("Add", graph.node("Mul", sound, gain), offset)
    bias = encoder.arrays["conv2.bias"]
    if precision == "fp32":
        sound = graph.node("Conv", sound, graph.constant(second), graph.constant(bias), strides=[3], kernel_shape=[7])
        sound = graph.node("Gelu", sound)
    else:
        sound = graph.strided(graph.node("Transpose", sound, perm=[0, 2, 1]), second, bias, 3)
        sound = graph.node("Transpose", graph.node("Gelu", sound), perm=[0, 2, 1])
    # What comes out of the second has outliers of 40 times its spread: 8 bits would lose the rest.
    bias = encoder.arrays["conv3.bias"]
    sound = graph.node("Conv", sound, graph.constant(third), graph.constant(bias), strides=[2], kernel_shape=[3])
    return graph.node("Transpose", graph.node("Gelu", sound), perm=[0, 2, 1])


def _attended(graph: _Graph, of: str, weights: Weights, name: str) -> list[str]:
    """Queries, keys and values of a layer's attention to its own input."""
    parts = joined([weights.linears[f"{name}self_attn.{part}_proj"] for part in "qkv"])
    return graph.nodes("Split", [graph.linear(of, parts)], 3, axis=-1, num_outputs=3)


def _embedded(graph: _Graph, decoder: Weights) -> str:
    """Embeddings of the tokens. They are the head's weights, turned."""
    head = decoder.linears["head"]
    rows = graph.node("Gather", graph.constant(head.codes.T), "tokens")
    scale, zero = graph.constant(head.scales[0]), graph.constant(head.zero_points[0])
    return graph.node("DequantizeLinear", rows, scale, zero)


def _decoder_layer(graph: _Graph, hidden: str, decoder: Weights, layer: int, tables: tuple[str, str]) -> str:
    name = f"layers.{layer}."
    queries, keys, values = _attended(
        graph, graph.normalised(hidden, decoder.norms[name + "input_layernorm"]), decoder, name
    )
    queries, keys = graph.rotated(queries, "positions", tables), graph.rotated(keys, "positions", tables)
    past = [queries, keys, values, "", "", "attended", f"past_key_{layer}", f"past_value_{layer}"]
    outputs = [f"attended_{layer}", f"key_{layer}", f"value_{layer}"]
    attended, *_ = graph.nodes("MultiHeadAttention", past, outputs, num_heads=HEADS)
    hidden = graph.node("Add", hidden, graph.linear(attended, decoder.linears[name + "self_attn.o_proj"]))
    inner = graph.normalised(hidden, decoder.norms[name + "post_attention_layernorm"])
    (query,) = graph.nodes(
        "Identity", [graph.linear(inner, decoder.linears[name + "encoder_attn.q_proj"])], [f"query_{layer}"]
    )
    heard = [query, f"heard_key_{layer}", f"heard_value_{layer}", "", "", "audible"]
    (attended,) = graph.nodes("MultiHeadAttention", heard, 1, num_heads=HEADS)
    hidden = graph.node("Add", hidden, graph.linear(attended, decoder.linears[name + "encoder_attn.o_proj"]))
    inner = graph.normalised(hidden, decoder.norms[name + "final_layernorm"])
    inner = graph.linear(inner, decoder.linears[name + "mlp.fc1"])
    value, gate = graph.nodes("Split", [inner], 2, axis=-1, num_outputs=2)
    inner = graph.node("Mul", graph.node("QuickGelu", gate, alpha=1.0), value)
    return graph.node("Add", hidden, graph.linear(inner, decoder.linears[name + "mlp.fc2"]))


def _tensor(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
