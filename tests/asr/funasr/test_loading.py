import json
import shutil
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.engines.funasr.loading import load_model
from callscribe.domain.errors import EngineUnavailable
from tests.asr.funasr.models import model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the offline Paraformer that a test may spoil."""
    return Path(shutil.copytree(model("paraformer-offline"), tmp_path / "model"))


@pytest.mark.parametrize(
    ("name", "kind", "width"),
    [
        ("paraformer-offline", "Paraformer", 280),
        ("paraformer-streaming", "ParaformerStreaming", 280),
        ("fsmn-vad", "FsmnVADStreaming", 400),
        ("sensevoice", "SenseVoiceSmall", 280),
    ],
)
def test_every_kind_loads_with_its_frontend(name: str, kind: str, width: int) -> None:
    loaded = load_model(model(name), "cpu")

    assert loaded.kind == kind
    assert loaded.frontend is not None
    assert loaded.frontend.width == width
    assert loaded.normalization is not None
    assert loaded.normalization.shift.shape == loaded.normalization.scale.shape == (width,)
    assert not loaded.module.training


def test_a_punctuation_model_reads_tokens_and_hears_nothing() -> None:
    loaded = load_model(model("ct-punc"), "cpu")

    assert loaded.tokens[:2] == ("<unk>", "a")
    assert loaded.frontend is None


def test_the_weights_are_the_folders() -> None:
    stored = torch.load(model("paraformer-offline") / "model.pt", weights_only=True)["state_dict"]

    loaded = load_model(model("paraformer-offline"), "cpu").module.state_dict()

    assert all(torch.equal(loaded[name], stored[name]) for name in loaded)


def test_weights_in_whole_precision_stay_in_their_file_and_are_shared(folder: Path) -> None:
    file = folder / "model.pt"
    stored = {name: value.float() for name, value in torch.load(file, weights_only=True)["state_dict"].items()}
    torch.save(stored, file)

    loaded = load_model(folder, "cpu").module.state_dict()

    assert str(file) in Path("/proc/self/maps").read_text()
    assert all(torch.equal(loaded[name], stored[name]) for name in loaded)


def test_weights_in_torch_s_older_form_are_read(folder: Path) -> None:
    file = folder / "model.pt"
    stored = torch.load(file, weights_only=True)["state_dict"]
    torch.save(stored, file, _use_new_zipfile_serialization=False)

    loaded = load_model(folder, "cpu").module.state_dict()

    assert all(torch.equal(loaded[name], stored[name]) for name in loaded)


def test_a_feature_vector_of_a_paraformer_is_sixty_milliseconds() -> None:
    frontend = load_model(model("paraformer-offline"), "cpu").frontend

    assert frontend is not None
    assert frontend.vector_samples == 960


def test_loading_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert load_model(model("paraformer-offline"), "cpu").tokens[3] == "zero"


def test_loading_changes_no_random_numbers_and_starts_no_thread() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    threads = threading.active_count()

    torch.manual_seed(7)
    load_model(model("paraformer-offline"), "cpu")

    assert torch.equal(torch.rand(3), expected)
    assert threading.active_count() == threads
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("file", ["config.yaml", "model.pt", "tokens.json", "am.mvn"])
def test_a_missing_file_is_named_with_the_folder_and_the_cure(folder: Path, file: str) -> None:
    (folder / file).unlink()

    with pytest.raises(EngineUnavailable, match=rf"{folder} holds no whole FunASR model \({file}.*modelscope:ID"):
        load_model(folder, "cpu")


def test_a_folder_that_is_not_there_is_no_name_on_a_hub(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="there is no model folder"):
        load_model(tmp_path / "paraformer-zh", "cpu")


@pytest.mark.parametrize("package", ["torch", "funasr.register", "omegaconf"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(EngineUnavailable, match=rf"{package} is missing: install callscribe\[funasr\], and torch"):
        load_model(model("paraformer-offline"), "cpu")


def test_weights_that_would_run_code_are_refused(folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"state_dict": Trap()}, folder / "model.pt")

    with pytest.raises(EngineUnavailable, match="holds more than weights"):
        load_model(folder, "cpu")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_model_are_refused(folder: Path) -> None:
    shutil.copy(model("sensevoice") / "model.pt", folder / "model.pt")

    with pytest.raises(EngineUnavailable, match=r"model\.pt does not fit the config\.yaml beside it"):
        load_model(folder, "cpu")


@pytest.mark.parametrize("held", [[1, 2], {"state_dict": [1]}, {"state_dict": {"encoder": 3}}, {}])
def test_a_file_without_weights_is_refused(folder: Path, held: object) -> None:
    torch.save(held, folder / "model.pt")

    with pytest.raises(EngineUnavailable, match=r"model\.pt does not fit the config\.yaml beside it"):
        load_model(folder, "cpu")


def test_weights_that_only_training_needs_may_be_missing(folder: Path) -> None:
    weights = torch.load(folder / "model.pt", weights_only=True)["state_dict"]
    kept = {f"module.{name}": tensor for name, tensor in weights.items() if not name.startswith("ctc.")}
    torch.save(kept, folder / "model.pt")

    assert len(kept) < len(weights)
    assert load_model(folder, "cpu").kind == "Paraformer"


@pytest.mark.parametrize("kind", ["WhisperWarp", "Qwen/Qwen3-ASR-0.6B"])
def test_a_kind_of_model_that_fetches_its_own_weights_is_refused(folder: Path, kind: str) -> None:
    told = (folder / "config.yaml").read_text().replace("model: Paraformer", f"model: {kind}")
    (folder / "config.yaml").write_text(told)

    with pytest.raises(EngineUnavailable, match=f"{kind}, which is not supported"):
        load_model(folder, "cpu")


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("encoder", "OpenAIWhisperEncoderWarp"),
        ("predictor", "CifPredictor"),
        ("normalize", "GlobalMVN"),
        ("frontend", "WhisperFrontend"),
    ],
)
def test_a_part_that_may_do_what_it_likes_is_refused(folder: Path, role: str, part: str) -> None:
    lines = [line for line in (folder / "config.yaml").read_text().splitlines() if not line.startswith(f"{role}:")]
    (folder / "config.yaml").write_text("\n".join([*lines, f"{role}: {part}"]))

    with pytest.raises(EngineUnavailable, match=f"has the {role} {part}, which is not supported"):
        load_model(folder, "cpu")


def test_a_model_for_eight_kilohertz_is_refused(folder: Path) -> None:
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text().replace("fs: 16000", "fs: 8000"))

    with pytest.raises(EngineUnavailable, match="hears 8000 Hz"):
        load_model(folder, "cpu")


@pytest.mark.parametrize("frontend", ["frontend_conf: [1]", "frontend_conf: {n_mels: null}", "frontend_conf: {fs: x}"])
def test_a_frontend_that_makes_no_sense_is_refused(folder: Path, frontend: str) -> None:
    told = (folder / "config.yaml").read_text()
    begin, end = told.index("frontend_conf:"), told.index("tokenizer:")
    (folder / "config.yaml").write_text(f"{told[:begin]}{frontend}\n{told[end:]}")

    with pytest.raises(EngineUnavailable, match="describes no frontend"):
        load_model(folder, "cpu")


def test_what_is_no_yaml_is_refused(folder: Path) -> None:
    (folder / "config.yaml").write_text("model: [")

    with pytest.raises(EngineUnavailable, match="is no YAML"):
        load_model(folder, "cpu")


def test_files_may_have_other_names_that_the_folder_tells(folder: Path) -> None:
    (folder / "tokens.json").rename(folder / "words.json")
    (folder / "model.pt").rename(folder / "weights.pt")
    names = {"init_param": "weights.pt", "tokenizer_conf": {"token_list": "words.json"}}
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": names}))

    assert load_model(folder, "cpu").tokens[3] == "zero"


def test_a_name_that_leads_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "tokens.json").rename(folder.parent / "tokens.json")
    names = {"tokenizer_conf": {"token_list": "../tokens.json"}}
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": names}))

    with pytest.raises(EngineUnavailable, match=r"tokens\.json is missing"):
        load_model(folder, "cpu")


def test_tokens_may_stand_in_lines_and_words_be_spelled(folder: Path) -> None:
    tokens = json.loads((folder / "tokens.json").read_text())
    (folder / "tokens.json").unlink()
    (folder / "tokens.txt").write_text("\n".join(tokens) + "\n")
    (folder / "seg_dict").write_text("callscribe call@@ scribe\n")

    loaded = load_model(folder, "cpu")

    assert loaded.tokens == tuple(tokens)
    assert loaded.spellings == {"callscribe": ("call@@", "scribe")}


def test_normalization_is_that_of_the_file() -> None:
    normalization = load_model(model("paraformer-offline"), "cpu").normalization

    assert normalization is not None
    assert np.allclose(normalization.shift[:2], [-8.999145, -10.440701])
    assert np.allclose(normalization.scale[:2], [0.174271, 0.156321])
