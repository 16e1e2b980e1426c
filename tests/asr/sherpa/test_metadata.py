from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from asr.engines.sherpa.metadata import metadata


def saved(path: Path, **notes: str) -> Path:
    """A model of one weight with these notes."""
    weight = numpy_helper.from_array(np.ones((300, 300), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["weight"], ["out"])],
        "graph",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [300, 300])],
        [weight],
    )
    model = helper.make_model(graph)
    helper.set_model_props(model, notes)
    onnx.save(model, str(path))
    return path


def test_the_notes_are_what_onnx_wrote(tmp_path: Path) -> None:
    notes = {"model_type": "lstm", "neg_mean": ",".join(["-1.5"] * 500), "comment": "语音", "empty": ""}

    assert metadata(saved(tmp_path / "model.onnx", **notes)) == notes


def test_a_model_without_notes_has_none(tmp_path: Path) -> None:
    assert metadata(saved(tmp_path / "model.onnx")) == {}


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.onnx", model_type="lstm")
    path.write_bytes(path.read_bytes()[:1_000])

    with pytest.raises(ValueError, match="cut off"):
        metadata(path)


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"\xff" * 40, b"\x0b\x0c"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)

    with pytest.raises(ValueError, match="ONNX"):
        metadata(path)
