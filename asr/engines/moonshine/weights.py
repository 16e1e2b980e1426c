"""Moonshine's weights by their names, out of the model files that the package carries.

Those are onnxruntime's own format (a FlatBuffer): whole graphs, exported for one utterance at a time, that quantise
activations with one scale a tensor, so that what shares a batch changes what is said. Only the weights are taken from
them; graph.py puts them together anew. Product i of a graph is known by the name of what it makes,
"/layers.0/mlp/fc1/Add_output_0".
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime.tools.ort_format_model  # noqa: F401  # puts ort_flatbuffers_py on the path
from numpy.typing import NDArray
from ort_flatbuffers_py import fbs

from callscribe.domain.errors import EngineUnavailable

Array = NDArray[Any]

_PRODUCTS = {"MatMulIntegerToFloat": (1, 3, 5, 6), "DynamicQuantizeMatMul": (1, 2, 3, 4)}
"""Places of codes, scale, zero point and bias among the inputs of a quantised product."""
_NORMS = ("LayerNormalization", "SkipLayerNormalization")
_TYPES: Mapping[int, type[np.generic]] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
}
"""Element types by their numbers in TensorProto."""
_SIGN = 128
"""The files' codes are unsigned; processors multiply unsigned by signed ones at twice the speed."""


@dataclass(frozen=True, slots=True)
class Linear:
    """The weights of a product in 8 bits: (codes - zero_points) * scales."""

    codes: NDArray[np.int8]
    """Shape (inputs, outputs)."""
    scales: NDArray[np.float32]
    """Shape (outputs,)."""
    zero_points: NDArray[np.int8]
    """Shape (outputs,)."""
    bias: NDArray[np.float32] | None = None
    """Shape (outputs,)."""

    @property
    def matrix(self) -> NDArray[np.float32]:
        """The weights as they were meant, shape (inputs, outputs)."""
        centred = self.codes.astype(np.float32) - self.zero_points
        return np.asarray(centred * self.scales, np.float32)

    @classmethod
    def of(cls, matrix: NDArray[np.float32], bias: NDArray[np.float32]) -> "Linear":
        """Quantise a matrix of shape (inputs, outputs), each output by its largest weight."""
        scales = np.abs(matrix).max(0) / 127
        codes = np.round(matrix / scales).astype(np.int8)
        return cls(codes, scales.astype(np.float32), np.zeros(len(scales), np.int8), bias)


def joined(parts: list[Linear]) -> Linear:
    """Products of the same input, none with a bias, as one: their outputs one after the other."""
    return Linear(
        np.concatenate([part.codes for part in parts], axis=1),
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.zero_points for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Weights:
    """All that one model file holds."""

    linears: Mapping[str, Linear]
    """By module, as "layers.0.mlp.fc1"; "head" makes the logits."""
    norms: Mapping[str, NDArray[np.float32]]
    """Gains of the layer normalisations, by module."""
    arrays: Mapping[str, Array]
    """Everything by the name that the file gives it."""


def read_weights(file: Path) -> Weights:
    """Raises EngineUnavailable when the file is missing or is no such model."""
    if not file.is_file():
        raise EngineUnavailable(f"model file {file} is missing; install Callscribe's packages again")
    try:
        graph = fbs.InferenceSession.InferenceSession.GetRootAs(bytearray(file.read_bytes()), 0).Model().Graph()
        arrays: dict[str, Array] = {}
        nodes = list(_nodes(graph, arrays))
        linears = dict(_linears(nodes, arrays))
        norms = {
            _module(outputs[0]): next(arrays[name] for name in inputs if ".weight" in name)
            for kind, inputs, outputs in nodes
            if kind in _NORMS
        }
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, StopIteration, OSError) as error:
        raise EngineUnavailable(f"model file {file} is not a Moonshine model that this release knows") from error
    return Weights(linears, norms, arrays)


_Node = tuple[str, list[str], list[str]]
"""Kind, names of inputs, names of outputs."""


def _nodes(graph: Any, arrays: dict[str, Array]) -> Iterator[_Node]:
    """The nodes of a graph, and for a choice of two those of the branch without a cache, which has all weights."""
    for place in range(graph.InitializersLength()):
        tensor = graph.Initializers(place)
        shape = [tensor.Dims(axis) for axis in range(tensor.DimsLength())]
        raw = tensor.RawDataAsNumpy() if math.prod(shape) else np.zeros(0, np.uint8)
        arrays[tensor.Name().decode()] = np.frombuffer(raw.tobytes(), _TYPES[tensor.DataType()]).reshape(shape)
    for place in range(graph.NodesLength()):
        node = graph.Nodes(place)
        for number in range(node.AttributesLength()):
            attribute = node.Attributes(number)
            if attribute.Name() == b"else_branch":
                yield from _nodes(attribute.G(), arrays)
        yield (
            node.OpType().decode(),
            [node.Inputs(number).decode() for number in range(node.InputsLength())],
            [node.Outputs(number).decode() for number in range(node.OutputsLength())],
        )


def _linears(nodes: list[_Node], arrays: Mapping[str, Array]) -> Iterator[tuple[str, Linear]]:
    for kind, inputs, outputs in nodes:
        if kind not in _PRODUCTS:
            continue
        codes, scale, zero_point, bias = (inputs[p] if p < len(inputs) else "" for p in _PRODUCTS[kind])
        count = arrays[codes].shape[1]
        yield (
            _module(outputs[0]),
            Linear(
                (arrays[codes].astype(np.int16) - _SIGN).astype(np.int8),
                np.full(count, arrays[scale], np.float32),
                np.full(count, int(arrays[zero_point]) - _SIGN, np.int8),
                arrays[bias] if bias else None,
            ),
        )


def _module(output: str) -> str:
    """The module that makes an output: "/model/decoder/layers.0/mlp/fc1/Add_output_0" is of "layers.0.mlp.fc1"."""
    path = output.removeprefix("/model/decoder").strip("/").rpartition("/")[0]
    return path.replace("/", ".") if path else {"logits": "head", "last_hidden_state": "norm"}.get(output, output)
