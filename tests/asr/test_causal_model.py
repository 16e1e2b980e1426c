"""Neural language models: a tiny real one, trained here, loaded by the real library with nothing but a folder."""

import json
import math
import shutil
import sys
from pathlib import Path

import pytest

from asr.causal_model import CausalModel
from callscribe.domain.errors import EngineUnavailable

pytest.importorskip("transformers")
pytest.importorskip("torch")

from tests.asr.tiny_causal import save_tiny_causal_model

SAID = "I have a caller waiting."
NEVER_SAID = "I have a collar waiting."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("causal")
    save_tiny_causal_model(made, [SAID, "The caller is waiting for you."], other_words=["collar"])
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> CausalModel:
    return CausalModel(folder, "cpu")


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "model"))


def test_what_is_said_is_far_more_probable_than_what_only_sounds_like_it(model: CausalModel) -> None:
    said, never = model.log_probabilities([SAID, NEVER_SAID])
    assert never + 3.0 < said < 0.0


def test_a_text_is_as_probable_as_its_tokens_are_after_each_other(model: CausalModel, folder: Path) -> None:
    import torch
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    module = GPT2LMHeadModel.from_pretrained(folder)
    row = [0, *PreTrainedTokenizerFast.from_pretrained(folder).encode(SAID)]
    expected = 0.0
    for place in range(1, len(row)):
        with torch.inference_mode():
            expected += math.log(torch.softmax(module(torch.tensor([row[:place]])).logits[0, -1], -1)[row[place]])
    assert model.log_probabilities([SAID])[0] == pytest.approx(expected, abs=1e-4)


def test_texts_of_a_batch_are_as_probable_as_alone(model: CausalModel) -> None:
    texts = [SAID, "I have", "The caller is waiting for you. I have a caller waiting for you.", "", NEVER_SAID]
    alone = [model.log_probabilities([text])[0] for text in texts]
    assert model.log_probabilities(texts) == pytest.approx(alone, abs=1e-4)
    assert alone[3] == 0.0
    assert model.log_probabilities([]) == ()


def test_a_text_longer_than_any_utterance_is_looked_at_as_far_as_it_is_one(model: CausalModel) -> None:
    long = " ".join([SAID] * 200)
    (found,) = model.log_probabilities([long])
    assert math.isfinite(found)
    assert model.log_probabilities([long + " " + NEVER_SAID])[0] == pytest.approx(found, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "shown"), [("config.json", r"config\.json"), ("model.safetensors", r"\*\.safetensors")]
)
def test_a_file_that_is_missing_is_named(folder: Path, tmp_path: Path, name: str, shown: str) -> None:
    broken = copied(folder, tmp_path)
    (broken / name).unlink()
    with pytest.raises(EngineUnavailable, match=rf"holds no causal language model \({shown} is missing\)"):
        CausalModel(broken, "cpu")


def test_pickled_weights_are_not_loaded(folder: Path, tmp_path: Path) -> None:
    broken = copied(folder, tmp_path)
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    with pytest.raises(EngineUnavailable, match=r"\*\.safetensors is missing"):
        CausalModel(broken, "cpu")


@pytest.mark.parametrize(("name", "content"), [("model.safetensors", b"no weights"), ("config.json", b"{")])
def test_a_file_that_is_broken_is_told_in_one_sentence(folder: Path, tmp_path: Path, name: str, content: bytes) -> None:
    broken = copied(folder, tmp_path)
    (broken / name).write_bytes(content)
    with pytest.raises(EngineUnavailable, match=r"^the language model in .* cannot be loaded: [^\n]+$"):
        CausalModel(broken, "cpu")


def test_weights_that_are_missing_are_not_made_up(folder: Path, tmp_path: Path) -> None:
    broken = copied(folder, tmp_path)
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"n_layer": 3}))
    with pytest.raises(EngineUnavailable, match=r"lacks weights that its config\.json tells of"):
        CausalModel(broken, "cpu")


def test_code_of_a_models_is_not_run(folder: Path, tmp_path: Path) -> None:
    broken = copied(folder, tmp_path)
    config = json.loads((broken / "config.json").read_text())
    own = {"model_type": "unheard-of", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (broken / "config.json").write_text(json.dumps(config | own))
    (broken / "own.py").write_text("raise SystemExit('this was run')\n")
    with pytest.raises(EngineUnavailable, match="cannot be loaded: "):
        CausalModel(broken, "cpu")


def test_packages_that_are_missing_are_named_with_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        EngineUnavailable, match=r"needs the extra lm .*; install it with pip install 'callscribe\[lm\]'"
    ):
        CausalModel(folder, "cpu")


def test_a_gpu_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineUnavailable, match=r"second_pass\.device is cuda, but this torch finds no GPU; say cpu"):
        CausalModel(folder, "cuda")
