"""Recipes against the constructors of the real library: those of models that no test has, too."""

import inspect
from pathlib import Path
from typing import get_args

import pytest

from asr.engines.sherpa.folder import ModelFiles
from asr.engines.sherpa.loading import Biasing, Recipe, biasing_of, offline_recipe, streaming_recipe
from asr.engines.sherpa.vocabulary import Vocabulary
from asr.settings import SherpaOfflineKind, SherpaSettings, SherpaStreamingKind
from callscribe.domain.errors import EngineUnavailable

sherpa_onnx = pytest.importorskip("sherpa_onnx")

STREAMING = [kind for kind in get_args(SherpaStreamingKind) if kind != "auto"]
OFFLINE = [kind for kind in get_args(SherpaOfflineKind) if kind != "auto"]
PIECES = Vocabulary(frozenset({"▁a", "b"}))
CHARACTERS = Vocabulary(frozenset({"订", "单"}))


def files(kind: SherpaStreamingKind | SherpaOfflineKind, *parts: str, folder: Path = Path("/models/one")) -> ModelFiles:
    return ModelFiles(folder, kind, folder / "tokens.txt", {part: folder / f"{part}.onnx" for part in parts})


def parts_of(kind: str, streaming: bool) -> tuple[str, ...]:
    match kind:
        case "transducer":
            return ("encoder", "decoder", "joiner")
        case "whisper":
            return ("encoder", "decoder")
        case "paraformer" if streaming:
            return ("encoder", "decoder")
    return ("model",)


def check(recipe: Recipe) -> None:
    """The constructor takes all of the recipe's options, and wants no other."""
    made = sherpa_onnx.OnlineRecognizer if recipe.streaming else sherpa_onnx.OfflineRecognizer
    taken = inspect.signature(getattr(made, recipe.maker)).parameters
    wanted = {name for name, parameter in taken.items() if parameter.default is inspect.Parameter.empty}
    assert wanted <= set(recipe.options) <= set(taken)


@pytest.mark.parametrize("kind", STREAMING)
def test_a_streaming_model_of_each_kind_has_a_recipe(kind: SherpaStreamingKind) -> None:
    found = files(kind, *parts_of(kind, streaming=True))
    biasing = Biasing("bpe", Path("/models/one/bpe.vocab"))

    check(streaming_recipe(found, SherpaSettings(), "cpu", biasing if kind == "transducer" else None))


@pytest.mark.parametrize("kind", OFFLINE)
def test_an_offline_model_of_each_kind_has_a_recipe(kind: SherpaOfflineKind) -> None:
    found = files(kind, *parts_of(kind, streaming=False))
    biasing = Biasing("cjkchar", None)

    check(offline_recipe(found, SherpaSettings(), "cpu", biasing if kind == "transducer" else None))


@pytest.mark.parametrize(
    ("kind", "languages", "asked"),
    [
        ("sense-voice", ("zh", "en"), "auto"),
        ("sense-voice", ("yue",), "yue"),
        ("whisper", ("de", "fr"), ""),
        ("whisper", ("de",), "de"),
    ],
)
def test_a_language_that_is_known_is_told(kind: SherpaOfflineKind, languages: tuple[str, ...], asked: str) -> None:
    found = files(kind, *parts_of(kind, streaming=False))

    recipe = offline_recipe(found, SherpaSettings(languages=languages), "cpu", None)

    assert recipe.options["language"] == asked


def test_hotwords_are_for_transducers_with_a_beam() -> None:
    settings = SherpaSettings()
    transducer = files("transducer", "encoder", "decoder", "joiner")

    assert biasing_of(transducer, CHARACTERS, settings) == Biasing("cjkchar", None)
    assert biasing_of(transducer, CHARACTERS, SherpaSettings(decoding="greedy_search")) is None
    assert biasing_of(files("zipformer2-ctc", "model"), CHARACTERS, settings) is None


def test_pieces_of_words_need_their_scores(tmp_path: Path) -> None:
    transducer = files("transducer", "encoder", "decoder", "joiner", folder=tmp_path)
    elsewhere = tmp_path / "elsewhere.vocab"

    assert biasing_of(transducer, PIECES, SherpaSettings()) is None
    elsewhere.write_text("▁a\t0\n", "utf-8")
    assert biasing_of(transducer, PIECES, SherpaSettings(bpe_vocab=str(elsewhere))) == Biasing("bpe", elsewhere)
    (tmp_path / "bpe.vocab").write_text("▁a\t0\n", "utf-8")
    assert biasing_of(transducer, PIECES, SherpaSettings()) == Biasing("bpe", tmp_path / "bpe.vocab")


def test_a_gpu_that_this_build_does_not_use_is_told() -> None:
    with pytest.raises(EngineUnavailable, match="runs on CPUs; say cpu"):
        streaming_recipe(files("nemo-ctc", "model"), SherpaSettings(), "cuda", None)
