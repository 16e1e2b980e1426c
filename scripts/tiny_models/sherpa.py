"""Models in sherpa-onnx's format, in tests/models: a transducer and heads for CTC that are trained here, a Paraformer.

    PYTHONPATH=. python -m scripts.tiny_models.sherpa --help

A folder holds ONNX files with the notes that sherpa-onnx reads, and tokens.txt. Weights are kept in 8 bits with a scale
for each row, and become whole again when the file is loaded.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from funasr import AutoModel
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from scripts.tiny_models import transducer
from scripts.tiny_models.corpus import load
from scripts.tiny_models.training import Plan
from scripts.tiny_models.transducer import BANDS, BLANK, CHUNK_AND_AHEAD_FEATURES, CHUNK_FEATURES, LAYERS, WIDTH
from scripts.tiny_models.vocabulary import ENGLISH, Vocabulary

MODELS = Path("tests/models")
_CORPUS = Path("build/tiny_speech")
_OPSET = 14
_LEAST_KEPT = 1_000
"""Numbers of a tensor from which it is kept in 8 bits."""
_LAYER_STATES = 6
"""States that a streaming Zipformer has a layer."""
_STACKED, _SHIFT = 7, 6
"""Features that the Paraformers hear at once, and from one time to the next."""

Axes = dict[str, dict[int, str]]


def main() -> None:
    """Do what the arguments ask."""
    parser = argparse.ArgumentParser(prog="scripts.tiny_models.sherpa", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    train = tasks.add_parser("train", help="the transducer and its heads for CTC, in English")
    train.add_argument("--corpus", type=Path, default=_CORPUS)
    train.add_argument("--steps", type=int, default=5_000)
    tasks.add_parser("convert", help="the Chinese offline Paraformer and the SenseVoice that are in tests/models")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = time.process_time()
    if arguments.task == "convert":
        save_paraformer(MODELS / "paraformer-offline-zh", MODELS / "sherpa-paraformer-zh")
        save_sensevoice(MODELS / "sensevoice", MODELS / "sherpa-sensevoice")
    else:
        taught = transducer.lessons(load(arguments.corpus / "en" / "training.npz"), ENGLISH)
        model = transducer.taught_transducer(taught, ENGLISH, Plan(arguments.steps, peak_rate=3e-3))
        save_all(model, ENGLISH)
    print(f"{(time.process_time() - began) / 60:.1f} minutes of CPU")


def save_all(model: transducer.Transducer, vocabulary: Vocabulary) -> None:
    """The transducer, and its encoder with the head for CTC in a streaming and in an offline format."""
    save_transducer(model, vocabulary, MODELS / "sherpa-transducer")
    save_streaming_ctc(model, vocabulary, MODELS / "sherpa-streaming-ctc")
    save_offline_ctc(model, vocabulary, MODELS / "sherpa-offline-ctc")


def save_transducer(model: transducer.Transducer, vocabulary: Vocabulary, folder: Path) -> None:
    """As sherpa-onnx's "lstm": an encoder with its states, a decoder of the last tokens, a joiner, pieces of words."""
    tokens = transducer.tokens_of(vocabulary)
    _write_tokens(tokens, folder)
    (folder / "bpe.vocab").write_text("".join(f"{token}\t{-number}\n" for number, token in enumerate(tokens)), "utf-8")
    state = torch.zeros(LAYERS, 2, WIDTH)
    states: Axes = {name: {1: "N"} for name in ("h", "c", "next_h", "next_c")}
    _export(
        model.encoder,
        (torch.zeros(2, CHUNK_AND_AHEAD_FEATURES, BANDS), state, state),
        (("x", "h", "c"), ("encoder_out", "next_h", "next_c")),
        states | {"x": {0: "N"}, "encoder_out": {0: "N"}},
        folder / "encoder.onnx",
    )
    _note(
        folder / "encoder.onnx",
        {
            "model_type": "lstm",
            "num_encoder_layers": LAYERS,
            "T": CHUNK_AND_AHEAD_FEATURES,
            "decode_chunk_len": CHUNK_FEATURES,
            "rnn_hidden_size": WIDTH,
            "d_model": WIDTH,
        },
    )
    context = torch.full((2, transducer.CONTEXT), BLANK)
    axes: Axes = {"y": {0: "N"}, "decoder_out": {0: "N"}}
    _export(model.decoder, (context,), (("y",), ("decoder_out",)), axes, folder / "decoder.onnx")
    _note(folder / "decoder.onnx", {"context_size": transducer.CONTEXT, "vocab_size": len(tokens)})
    joined = torch.zeros(2, transducer.JOINED)
    names = ("encoder_out", "decoder_out")
    axes = {name: {0: "N"} for name in (*names, "logit")}
    _export(model.joiner, (joined, joined), (names, ("logit",)), axes, folder / "joiner.onnx")
    _note(folder / "joiner.onnx", {"joiner_dim": transducer.JOINED})


class StreamingCtc(torch.nn.Module):
    """Features (batch, features, BANDS) with the states of a streaming Zipformer, of which two a layer are used.

    They are six a layer, and two more: what the encoder remembers lies where a Zipformer keeps the ends of its
    convolutions. The others go through as they are.
    """

    def __init__(self, model: transducer.Transducer) -> None:
        super().__init__()
        self.encoder, self.head = model.encoder, model.ctc

    def forward(self, features: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        hidden, cell = (torch.cat(states[first:-2:_LAYER_STATES], -1).permute(2, 0, 1) for first in (4, 5))
        frames, hidden, cell = self.encoder(features, hidden.contiguous(), cell.contiguous())
        after = list(states)
        for layer in range(LAYERS):
            after[_LAYER_STATES * layer + 4] = hidden[layer].unsqueeze(-1)
            after[_LAYER_STATES * layer + 5] = cell[layer].unsqueeze(-1)
        after[-1] = states[-1] + CHUNK_FEATURES // transducer.STRIDE
        return self.head(frames).log_softmax(-1), *after


def save_streaming_ctc(model: transducer.Transducer, vocabulary: Vocabulary, folder: Path) -> None:
    """In the format of icefall's streaming Zipformers with CTC."""
    _write_tokens(transducer.tokens_of(vocabulary), folder)
    caches = [torch.zeros(1, 2, 1), torch.zeros(1, 2, 1, 3 * WIDTH // 4), torch.zeros(1, 2, 1), torch.zeros(1, 2, 1)]
    ends = [torch.zeros(2, WIDTH, 1)] * 2
    states = [*(caches + ends) * LAYERS, torch.zeros(2, 128, 3, 19), torch.zeros(2, dtype=torch.long)]
    batch_axes = [*([1] * len(caches) + [0] * len(ends)) * LAYERS, 0, 0]
    names = [f"state_{place}" for place in range(len(states))]
    axes: Axes = {"x": {0: "N"}, "log_probs": {0: "N"}}
    for name, axis in zip(names, batch_axes, strict=True):
        axes |= {name: {axis: "N"}, f"new_{name}": {axis: "N"}}
    _export(
        StreamingCtc(model),
        (torch.zeros(2, CHUNK_AND_AHEAD_FEATURES, BANDS), *states),
        (("x", *names), ("log_probs", *(f"new_{name}" for name in names))),
        axes,
        folder / "model.onnx",
    )
    _note(
        folder / "model.onnx",
        {
            "model_type": "zipformer2",
            "encoder_dims": WIDTH,
            "query_head_dims": 1,
            "value_head_dims": 1,
            "num_heads": 1,
            "num_encoder_layers": LAYERS,
            "cnn_module_kernels": 3,
            "left_context_len": 1,
            "T": CHUNK_AND_AHEAD_FEATURES,
            "decode_chunk_len": CHUNK_FEATURES,
        },
    )


class OfflineCtc(torch.nn.Module):
    """Features (batch, features, BANDS) and their numbers, to logarithms of likelihoods and the numbers of frames."""

    def __init__(self, model: transducer.Transducer) -> None:
        super().__init__()
        self.encoder, self.head = model.encoder, model.ctc

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        state = features.new_zeros(LAYERS, features.shape[0], WIDTH)
        frames, _, _ = self.encoder(features, state, state)
        return self.head(frames).log_softmax(-1), (lengths - transducer.KERNEL) // transducer.STRIDE + 1


def save_offline_ctc(model: transducer.Transducer, vocabulary: Vocabulary, folder: Path) -> None:
    """In the format of icefall's Zipformers with CTC."""
    _write_tokens(transducer.tokens_of(vocabulary), folder)
    axes: Axes = {"x": {0: "N", 1: "T"}, "x_lens": {0: "N"}, "log_probs": {0: "N", 1: "S"}, "log_probs_len": {0: "N"}}
    _export(
        OfflineCtc(model),
        (torch.zeros(2, 100, BANDS), torch.tensor([100, 90])),
        (("x", "x_lens"), ("log_probs", "log_probs_len")),
        axes,
        folder / "model.onnx",
    )
    _note(folder / "model.onnx", {"model_type": "zipformer2_ctc"})


def save_paraformer(source: Path, folder: Path) -> None:
    """A FunASR folder's offline Paraformer, with the normalisation of its features in the notes."""
    loaded = _loaded(source)
    tokens = json.loads((source / "tokens.json").read_text("utf-8"))
    _write_tokens(tokens, folder)
    parts = {name: loaded.kwargs[name] for name in ("encoder", "predictor", "decoder")}
    model = loaded.model.export(type="onnx", max_seq_len=512, **parts)
    names = (("speech", "speech_lengths"), ("logits", "token_num"))
    axes: Axes = {"speech": {0: "N", 1: "T"}, "speech_lengths": {0: "N"}, "logits": {0: "N", 1: "U"}}
    example = (torch.zeros(2, 30, BANDS * _STACKED), torch.tensor([30, 20], dtype=torch.int32))
    _export(model, example, names, axes | {"token_num": {0: "N"}}, folder / "model.onnx")
    _note(folder / "model.onnx", {"model_type": "paraformer", "vocab_size": len(tokens)} | _features(loaded))


def save_sensevoice(source: Path, folder: Path) -> None:
    """A FunASR folder's SenseVoice, with the numbers of its questions in the notes."""
    loaded = _loaded(source)
    pieces = loaded.kwargs["tokenizer"].sp
    tokens = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    _write_tokens(tokens, folder)
    model = loaded.model.export(type="onnx", max_seq_len=512)
    inputs, outputs = ("x", "x_length", "language", "text_norm"), ("logits", "lengths")
    axes: Axes = {name: {0: "N"} for name in (*inputs, *outputs)}
    axes["x"][1], axes["logits"][1] = "T", "L"
    features, lengths = torch.zeros(2, 30, BANDS * _STACKED), torch.tensor([30, 20], dtype=torch.int32)
    questions = torch.zeros(2, dtype=torch.int32)
    _export(model, (features, lengths, questions, questions), (inputs, outputs), axes, folder / "model.onnx")
    asked = {f"lang_{name}": number for name, number in model.lid_dict.items() if name != "nospeech"}
    styles = {"with_itn": model.textnorm_dict["withitn"], "without_itn": model.textnorm_dict["woitn"]}
    notes = {"model_type": "sense_voice_ctc", "vocab_size": len(tokens), "normalize_samples": 0}
    _note(folder / "model.onnx", notes | asked | styles | _features(loaded))


def _loaded(folder: Path) -> AutoModel:
    return AutoModel(model=str(folder), disable_update=True, device="cpu", ncpu=1, disable_pbar=True, log_level="ERROR")


def _features(loaded: AutoModel) -> dict[str, str | int]:
    """Notes of how a FunASR model's features are stacked and normalised."""
    shift, scale = (",".join(f"{value:.6f}" for value in row) for row in loaded.kwargs["frontend"].cmvn.tolist())
    return {"lfr_window_size": _STACKED, "lfr_window_shift": _SHIFT, "neg_mean": shift, "inv_stddev": scale}


def _write_tokens(tokens: Sequence[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens.txt").write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)), "utf-8")


def _export(
    model: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    names: tuple[Sequence[str], Sequence[str]],
    axes: Axes,
    path: Path,
) -> None:
    """Write a model as ONNX; `names` are those of its inputs and outputs, `axes` their dimensions that vary."""
    torch.onnx.export(
        model.eval(),
        example,
        str(path),
        input_names=list(names[0]),
        output_names=list(names[1]),
        dynamic_axes=axes,
        opset_version=_OPSET,
        dynamo=False,
    )


def _note(path: Path, notes: Mapping[str, str | int]) -> None:
    """Add notes to an ONNX file, and bring its weights down to 8 bits."""
    model = onnx.load(str(path))
    graph = model.graph
    for tensor in list(graph.initializer):
        weights = numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.size >= _LEAST_KEPT and weights.ndim > 1:
            graph.initializer.remove(tensor)
            _keep_small(graph, tensor.name, weights)
    helper.set_model_props(model, {key: str(value) for key, value in notes.items()})
    onnx.save(model, str(path))


def _keep_small(graph: onnx.GraphProto, name: str, weights: NDArray[np.float32]) -> None:
    """Weights as whole numbers to 127, with a scale for each row of the last axis but one."""
    axis = weights.ndim - 2
    others = tuple(place for place in range(weights.ndim) if place != axis)
    scale = np.maximum(np.abs(weights).max(axis=others), 1e-9) / 127
    shape = [-1 if place == axis else 1 for place in range(weights.ndim)]
    small = np.round(weights / scale.reshape(shape)).astype(np.int8)
    parts = {
        f"{name}/small": small,
        f"{name}/scale": scale.astype(np.float32),
        f"{name}/zero": np.zeros(len(scale), np.int8),
    }
    graph.initializer.extend(numpy_helper.from_array(part, part_name) for part_name, part in parts.items())
    graph.node.insert(0, helper.make_node("DequantizeLinear", list(parts), [name], axis=axis))


if __name__ == "__main__":
    main()
