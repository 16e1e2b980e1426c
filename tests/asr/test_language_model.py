"""Language models by what a setting names: a file, a folder, a hub's, or nothing of the kind."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from asr.language_model import load_language_model
from asr.ngrams import NgramModel
from callscribe.domain.errors import EngineUnavailable
from tests.hubs import MODEL, hubs

ARPA = "\\data\\\nngram 1=2\n\n\\1-grams:\n-1\t<unk>\n-1\t</s>\n\\end\\\n"


def test_a_file_a_folder_with_one_and_a_hubs_are_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calls.arpa").write_text(ARPA)
    with hubs({"v1": {"calls.arpa": ARPA.encode(), "README.md": b"for people"}}) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        models = [
            load_language_model(reference, "cpu")
            for reference in (str(tmp_path / "calls.arpa"), str(tmp_path), f"huggingface:{MODEL}@v1")
        ]
    assert [type(model) for model in models] == [NgramModel] * 3
    assert len({model.log_probabilities(["hello"]) for model in models}) == 1


def test_of_several_files_one_must_be_named(tmp_path: Path) -> None:
    for name in ("b.arpa.gz", "a.arpa"):
        (tmp_path / name).write_text(ARPA)
    with pytest.raises(EngineUnavailable, match=r"holds several language models; name one of the files: .*/a\.arpa"):
        load_language_model(str(tmp_path), "cpu")


@pytest.mark.parametrize("reference", ["calls.bin", "/nowhere/gpt2", "huggingface:gpt2", "gpt2"])
def test_what_is_no_language_model_is_told_what_is_one(reference: str, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        load_language_model(reference, "cpu")
    assert str(caught.value).startswith(
        f"{reference} is no language model: a language model is a file in ARPA's format"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"the language model .*/calls\.arpa cannot be read"):
        load_language_model(str(tmp_path / "calls.arpa"), "cpu")


def test_an_empty_folder_is_told_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"holds no causal language model \(config\.json is missing\)"):
        load_language_model(str(tmp_path), "cpu")
