import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.engines.funasr.loading import LoadedModel, library, load_model
from asr.engines.funasr.punctuation import Punctuation
from callscribe.domain.errors import EngineUnavailable
from tests.asr.funasr.models import loaded, made

SENTENCES = (
    "hello thank you for calling how can i help you today.",
    "i have a problem with my internet connection.",
    "can i have your account number please?",
    "sure it is four two nine seven one.",
    "could you repeat that please?",
    "your refund will arrive by friday.",
)
TOKENS = ["<unk>", "one", "two", "three", "订", "单", "退", "款", "订单", "hello"]
SETTINGS = {
    "model_conf": {
        "ignore_id": 0,
        "embed_unit": 16,
        "att_unit": 16,
        "punc_list": ["<unk>", "_", "，", "。", "？", "、"],
        "sentence_end_id": 3,
    },
    "encoder_conf": {
        "input_size": 16,
        "output_size": 16,
        "attention_heads": 2,
        "linear_units": 32,
        "num_blocks": 3,
        "input_layer": "pe",
        "kernel_size": 11,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
        "padding_idx": 0,
    },
}


@pytest.fixture(scope="module")
def punctuation() -> Punctuation:
    return Punctuation(loaded("ct-punc"))


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model with random weights."""
    settings = SETTINGS | {"model": "CTTransformer", "encoder": "SANMEncoder"}
    return made(tmp_path_factory.mktemp("made") / "offline", settings, TOKENS)


@pytest.fixture(scope="module")
def realtime(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Likewise, of the realtime kind."""
    settings = SETTINGS | {"model": "CTTransformerStreaming", "encoder": "SANMVadEncoder"}
    return made(tmp_path_factory.mktemp("made") / "realtime", settings, TOKENS)


def bare(sentences: Sequence[str]) -> list[str]:
    return " ".join(sentences).replace(".", "").replace("?", "").split()


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_gets_its_mark(punctuation: Punctuation, sentence: str) -> None:
    assert punctuation.marked(bare([sentence])) == sentence


def test_sentences_are_parted_where_they_end(punctuation: Punctuation) -> None:
    assert punctuation.marked(bare(SENTENCES[1:4])) == " ".join(SENTENCES[1:4])


def test_a_long_text_is_marked_to_its_end(punctuation: Punctuation) -> None:
    sentences = [random.Random(place).choice(SENTENCES) for place in range(60)]

    marked = punctuation.marked(bare(sentences))

    assert bare([marked]) == bare(sentences)
    right = sum(one == other for one, other in zip(marked.split(), " ".join(sentences).split(), strict=True))
    assert right > 0.97 * len(marked.split())


def test_marks_are_those_of_the_library(punctuation: Punctuation) -> None:
    with library():
        from funasr.models.ct_transformer.utils import split_words

    module: Any = loaded("ct-punc").module
    words = bare([random.Random(place).choice(SENTENCES) for place in range(12)])
    assert split_words(" ".join(words)) == words

    class Numbers:
        def encode(self, tokens: list[str]) -> list[int]:
            return [loaded("ct-punc").tokens.index(token) for token in tokens]

    with torch.inference_mode():
        [result], _ = module.inference([" ".join(words)], key=["k"], tokenizer=Numbers(), device="cpu")
    western = {"，": ",", "。": ".", "？": "?", "、": ",", "_": "", "<unk>": ""}
    expected = [western[module.punc_list[number]] for number in result["punc_array"].reshape(-1).tolist()]
    assert list(punctuation.marks(words)) == expected


@pytest.mark.parametrize("words", [["yes"], ["account"], ["weasel"], ["hello", "thank"]])
def test_an_utterance_ends_with_a_mark_that_ends(punctuation: Punctuation, words: list[str]) -> None:
    assert punctuation.marks(words)[-1] in (".", "?")


def test_nothing_said_has_no_marks(punctuation: Punctuation) -> None:
    assert punctuation.marks([]) == ()
    assert punctuation.marked([]) == ""


@pytest.mark.parametrize("kind", ["chinese", "realtime"])
def test_a_mark_is_of_the_script_of_its_word(kind: str, request: pytest.FixtureRequest) -> None:
    punctuation = Punctuation(request.getfixturevalue(kind))
    words = [random.Random(place).choice(TOKENS[1:8]) for place in range(400)]

    marks = punctuation.marks(words)

    assert {mark for word, mark in zip(words, marks, strict=True) if word.isascii()} <= {"", ",", ".", "?"}
    assert {mark for word, mark in zip(words, marks, strict=True) if not word.isascii()} <= {"", "，", "。", "？", "、"}
    assert len(set(marks)) > 2


@pytest.mark.parametrize("kind", ["chinese", "realtime"])
@pytest.mark.parametrize("seed", range(20))
def test_no_word_is_dropped_or_changed(kind: str, seed: int, request: pytest.FixtureRequest) -> None:
    punctuation = Punctuation(request.getfixturevalue(kind))
    draw = random.Random(seed)
    words = [draw.choice([*TOKENS[1:8], "货", "APP", "weasel's", "5g"]) for _ in range(draw.randint(1, 300))]

    marks = punctuation.marks(words)

    assert len(marks) == len(words)
    written = punctuation.marked(words)
    for mark in "，。？、,.?":
        written = written.replace(mark, "")
    assert written.replace(" ", "") == "".join(words)


def test_sentences_without_end_are_marked_too(chinese: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def score(text: torch.Tensor, text_lengths: torch.Tensor) -> tuple[torch.Tensor, None]:
        asked.append(int(text_lengths))
        return torch.nn.functional.one_hot(torch.full((1, int(text_lengths)), 1), 6).float(), None

    monkeypatch.setattr(chinese.module, "punc_forward", score)

    marks = Punctuation(chinese).marks(["单"] * 1_000)

    assert marks == ("",) * 999 + ("。",)
    assert max(asked) <= 220


def test_words_of_a_dictionary_are_never_parted(chinese: LoadedModel, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chinese.folder, tmp_path / "words"))
    (folder / "jieba_usr_dict").write_text("退款订单 90000 n\n", encoding="utf-8")
    words = list("退款订单" * 50)

    marks = Punctuation(load_model(folder, "cpu")).marks(words)

    assert len(marks) == len(words)
    assert {mark for place, mark in enumerate(marks) if place % 4 != 3} == {""}


def test_a_bad_dictionary_is_told(chinese: LoadedModel, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chinese.folder, tmp_path / "words"))
    (folder / "jieba_usr_dict").write_bytes(b"\xff\xfe\xff\n")

    with pytest.raises(EngineUnavailable, match="is no dictionary of jieba"):
        Punctuation(load_model(folder, "cpu"))


def test_a_list_of_narrow_marks_is_understood(chinese: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [random.Random(place).choice(TOKENS[1:8]) for place in range(60)]
    marks = Punctuation(chinese).marks(words)

    monkeypatch.setattr(chinese.module, "punc_list", ["<unk>", "_", ",", "。", "?", "、"])

    assert Punctuation(chinese).marks(words) == marks


def test_capitals_are_known_by_their_small_letters(punctuation: Punctuation) -> None:
    words = bare([SENTENCES[2]])

    assert punctuation.marks([word.upper() for word in words]) == punctuation.marks(words)


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="is no punctuation model"):
        Punctuation(loaded("fsmn-vad"))
