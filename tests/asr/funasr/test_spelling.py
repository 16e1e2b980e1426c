import pytest

from asr.engines.funasr.spelling import Speller

TOKENS = ["<blank>", "<s>", "</s>", "one", "call@@", "scribe", "订", "单", "<unk>"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("one", ["one"]),
        ("One", ["one"]),
        ("订单", ["订", "单"]),
        ("one 订单", ["one", "订", "单"]),
        ("Callscribe one", ["call@@", "scribe", "one"]),
        ("", []),
    ],
)
def test_texts_are_spelled_in_the_models_tokens(text: str, tokens: list[str]) -> None:
    speller = Speller(TOKENS, {"callscribe": ("call@@", "scribe")})

    assert [TOKENS[number] for number in speller.spell(text)] == tokens


@pytest.mark.parametrize("text", ["two", "订货", "one two", "http://example.org/words.txt"])
def test_a_text_with_anything_the_model_cannot_write_is_not_spelled(text: str) -> None:
    assert Speller(TOKENS, {}).spell(text) == ()
