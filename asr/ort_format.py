"""Models in onnxruntime's own format, a FlatBuffer, as ONNX.

A model in that format runs as it was planned when it was written: weights in 8 bits are turned into floats again in
each run, and nothing is laid out for the processor. Read as ONNX, it is planned anew where it is loaded.
"""

import struct
from typing import Any, Final

import onnx
import onnxruntime.tools.ort_format_model  # noqa: F401  # puts ort_flatbuffers_py on the path
from onnx import AttributeProto as Kind
from onnx import TensorProto
from ort_flatbuffers_py import fbs

from callscribe.domain.errors import EngineUnavailable

_LISTS: Final = {Kind.FLOATS: "Floats", Kind.INTS: "Ints", Kind.STRINGS: "Strings"}
_SINGLE: Final = {Kind.FLOAT: "F", Kind.INT: "I", Kind.STRING: "S"}


def as_onnx(model: bytes) -> bytes:
    """The same graph as an ONNX file's content. Its inputs and outputs are tensors of floats.

    Raises EngineUnavailable where the content is no such model, or holds what only onnxruntime's optimiser writes.
    """
    try:
        packed = fbs.InferenceSession.InferenceSession.GetRootAs(bytearray(model), 0).Model()
        opsets = [packed.OpsetImport(place) for place in range(packed.OpsetImportLength())]
        onnx_opsets = [opset.Version() for opset in opsets if not opset.Domain()]
        file = onnx.helper.make_model(
            _graph(packed.Graph()),
            opset_imports=[onnx.helper.make_opsetid("", onnx_opsets[0])],
            ir_version=packed.IrVersion(),
        )
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, struct.error) as error:
        raise EngineUnavailable("a packaged model is none that this release can read") from error
    content: bytes = file.SerializeToString()
    return content


def _graph(packed: Any) -> onnx.GraphProto:
    return onnx.GraphProto(
        name="graph",
        node=[_node(packed.Nodes(place)) for place in range(packed.NodesLength())],
        initializer=[_tensor(packed.Initializers(place)) for place in range(packed.InitializersLength())],
        input=[_value(packed.Inputs(place)) for place in range(packed.InputsLength())],
        output=[_value(packed.Outputs(place)) for place in range(packed.OutputsLength())],
    )


def _value(name: bytes) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name.decode(), TensorProto.FLOAT, None)


def _node(packed: Any) -> onnx.NodeProto:
    if packed.Domain():
        raise ValueError("an operator of onnxruntime's own")
    return onnx.NodeProto(
        op_type=packed.OpType().decode(),
        input=[packed.Inputs(place).decode() for place in range(packed.InputsLength())],
        output=[packed.Outputs(place).decode() for place in range(packed.OutputsLength())],
        attribute=[_attribute(packed.Attributes(place)) for place in range(packed.AttributesLength())],
    )


def _attribute(packed: Any) -> onnx.AttributeProto:
    kind, name = packed.Type(), packed.Name().decode()
    if kind in _SINGLE:
        value = getattr(packed, _SINGLE[kind])()
    elif kind in _LISTS:
        count = getattr(packed, f"{_LISTS[kind]}Length")()
        value = [getattr(packed, _LISTS[kind])(place) for place in range(count)]
    else:
        value = {Kind.TENSOR: _tensor_of, Kind.GRAPH: _graph_of}[kind](packed)
    return onnx.helper.make_attribute(name, value, attr_type=kind)


def _tensor_of(packed: Any) -> TensorProto:
    return _tensor(packed.T())


def _graph_of(packed: Any) -> onnx.GraphProto:
    return _graph(packed.G())


def _tensor(packed: Any) -> TensorProto:
    if packed.StringDataLength():
        raise ValueError("a tensor of texts")
    return TensorProto(
        name=(packed.Name() or b"").decode(),
        data_type=packed.DataType(),
        dims=[packed.Dims(axis) for axis in range(packed.DimsLength())],
        raw_data=packed.RawDataAsNumpy().tobytes() if packed.RawDataLength() else b"",
    )
