from pathlib import Path

import pytest

from asr.runtime import package_folder
from asr.tokenizer import Tokenizer
from callscribe.domain.errors import EngineUnavailable

FILE = package_folder("moonshine_voice") / "assets" / "tiny-en" / "tokenizer.bin"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(Path(FILE).read_bytes())


@pytest.mark.parametrize(
    "text", ["Hello world", "It was the best of times.", "Müller & Söhne", "£5 at 3:15 pm", "日本"]
)
def test_text_survives_tokens(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_frequent_words_are_one_token(tokenizer: Tokenizer) -> None:
    assert [len(tokenizer.encode(word)) for word in ("the", "times", "hello")] == [1, 1, 1]


def test_the_vocabulary_is_that_of_the_model(tokenizer: Tokenizer) -> None:
    assert len(tokenizer) == 32768


def test_control_tokens_and_half_characters_are_left_out(tokenizer: Tokenizer) -> None:
    half_character = 3 + 0xE2
    assert tokenizer.decode([1, *tokenizer.encode("yes"), half_character, 2]) == "yes"


def test_a_damaged_file_is_an_engine_that_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="damaged"):
        Tokenizer(FILE.read_bytes()[:500])
