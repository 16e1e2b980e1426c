from collections.abc import Iterable
from pathlib import Path

import pytest

from asr.engines.sherpa.folder import offline_files, streaming_files
from callscribe.domain.errors import EngineUnavailable
from tests.asr.sherpa.test_metadata import saved

TRANSDUCER = ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt")


def folder_of(path: Path, names: Iterable[str]) -> Path:
    for name in names:
        (path / name).write_bytes(b"")
    return path


def test_three_parts_are_a_transducer(tmp_path: Path) -> None:
    files = streaming_files(folder_of(tmp_path, TRANSDUCER), "auto", quantized=True)

    assert files.kind == "transducer"
    assert {part: path.name for part, path in files.parts.items()} == {
        "encoder": "encoder.onnx",
        "decoder": "decoder.onnx",
        "joiner": "joiner.onnx",
    }
    assert files.tokens == tmp_path / "tokens.txt"


@pytest.mark.parametrize(("quantized", "ending"), [(True, ".int8.onnx"), (False, ".onnx")])
def test_weights_of_8_bits_are_taken_where_they_are_wanted(tmp_path: Path, quantized: bool, ending: str) -> None:
    parts = [f"{part}-epoch-99-avg-1{bits}.onnx" for part in ("encoder", "joiner") for bits in ("", ".int8")]
    files = streaming_files(
        folder_of(tmp_path, [*parts, "decoder-epoch-99-avg-1.onnx", "tokens.txt"]),
        "auto",
        quantized=quantized,
    )

    assert files.parts["encoder"].name == f"encoder-epoch-99-avg-1{ending}"
    assert files.parts["joiner"].name == f"joiner-epoch-99-avg-1{ending}"
    assert files.parts["decoder"].name == "decoder-epoch-99-avg-1.onnx"


def test_two_parts_are_a_whisper_offline_and_a_paraformer_streaming(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["tiny-encoder.int8.onnx", "tiny-decoder.int8.onnx", "tiny-tokens.txt"])

    assert offline_files(folder, "auto", quantized=True).kind == "whisper"
    assert streaming_files(folder, "auto", quantized=True).kind == "paraformer"
    assert offline_files(folder, "auto", quantized=True).tokens.name == "tiny-tokens.txt"


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("paraformer", "paraformer"),
        ("sense_voice_ctc", "sense-voice"),
        ("EncDecCTCModelBPE", "nemo-ctc"),
        ("wenet_ctc", "wenet-ctc"),
        ("zipformer2_ctc", "zipformer-ctc"),
        ("omnilingual-asr", "wav2vec2-ctc"),
    ],
)
def test_one_file_tells_what_it_is(tmp_path: Path, told: str, kind: str) -> None:
    saved(tmp_path / "model.int8.onnx", model_type=told)

    files = offline_files(folder_of(tmp_path, ["tokens.txt"]), "auto", quantized=True)
    assert (files.kind, files.parts) == (kind, {"model": tmp_path / "model.int8.onnx"})


def test_a_kind_that_is_set_is_believed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["model.onnx", "tokens.txt"])

    assert streaming_files(folder, "zipformer2-ctc", quantized=True).kind == "zipformer2-ctc"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((), "holds no ONNX model; name a folder"),
        (TRANSDUCER[:3], "tokens.txt is missing"),
        (("encoder.onnx", "joiner.onnx", "tokens.txt"), "no transducer model .*decoder.onnx is missing"),
        (("model.onnx", "tokens.txt"), "does not tell of what kind its model is; set recognizer.sherpa.streaming_kind"),
    ],
)
def test_what_is_missing_is_told_in_one_sentence(tmp_path: Path, names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(EngineUnavailable, match=sentence) as told:
        streaming_files(folder_of(tmp_path, names), "auto", quantized=True)

    assert str(tmp_path) in str(told.value)
    assert "\n" not in str(told.value)


def test_tokens_of_another_model_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model.onnx", model_type="paraformer", vocab_size="3")
    (tmp_path / "tokens.txt").write_text("<blank> 0\nyes 1\n", "utf-8")

    with pytest.raises(EngineUnavailable, match=r"names 2 tokens, but the model has 3; fetch the model again"):
        offline_files(tmp_path, "auto", quantized=True)
