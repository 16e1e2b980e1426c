"""Models in onnxruntime's own format, read as ONNX."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from asr.ort_format import as_onnx
from asr.runtime import Model
from callscribe.domain.errors import EngineUnavailable


def model() -> bytes:
    """Weights in 8 bits, a choice of two branches, and attributes of several kinds."""

    def branch(name: str, kind: str) -> onnx.GraphProto:
        made = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(kind, ["product"], [name])], name, [], [made])

    nodes = [
        helper.make_node("Cast", ["codes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["weights"]),
        helper.make_node("Gemm", ["sound", "weights"], ["gemm"], alpha=0.5, transB=1),
        helper.make_node("Transpose", ["gemm"], ["product"], perm=[1, 0]),
        helper.make_node("ReduceSum", ["sound"], ["sum"], keepdims=0),
        helper.make_node("Constant", [], ["zero"], value=numpy_helper.from_array(np.zeros((), np.float32))),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node(
            "If", ["positive"], ["heard"], then_branch=branch("then", "Identity"), else_branch=branch("else", "Neg")
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["frames", 3])],
        [helper.make_tensor_value_info("heard", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.array([[1, -2, 3], [40, 50, -60]], np.int8), "codes"),
            numpy_helper.from_array(np.full((), 0.25, np.float32), "scale"),
        ],
    )
    file: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return file


def in_own_format(file: bytes, at: Path, level: onnxruntime.GraphOptimizationLevel) -> bytes:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(at)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return at.read_bytes()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_model_gives_the_same_in_either_format(tmp_path: Path, sign: float) -> None:
    own = in_own_format(model(), tmp_path / "model.ort", onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    sound = sign * np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    # Half a quarter of the codes' products; of a negative sound the other branch takes the sign away again.
    expected = 0.125 * np.array([[1 - 4 + 9, 4 - 10 + 18], [40 + 100 - 180, 160 + 250 - 360]], np.float32)
    assert own[4:8] == b"ORTM"
    assert Model(as_onnx(own)).run({"sound": sound})[0] == pytest.approx(expected)
    assert Model(own).run({"sound": sound})[0] == pytest.approx(expected)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0ORTM\0\0\0\0", bytes(1000), b"RIFF" * 20])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(EngineUnavailable, match="none that this release can read"):
        as_onnx(content)
