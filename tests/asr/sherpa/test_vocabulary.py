from pathlib import Path

import pytest

from asr.engines.sherpa.vocabulary import ModelingUnit, Vocabulary, phrases
from callscribe.domain.hotword import Hotword

PIECES = Vocabulary(frozenset({"<blk>", "▁RE", "FUND", "▁", "F", "U", "N", "D", "▁CALL", "S", "'"}))
CHARACTERS = Vocabulary(frozenset({"<blk>", "订", "单", "hello"}))
BOTH = Vocabulary(frozenset({"<blk>", "订", "单", "▁RE", "FUND", "▁"}))


@pytest.mark.parametrize(("vocabulary", "unit"), [(PIECES, "bpe"), (CHARACTERS, "cjkchar"), (BOTH, "cjkchar+bpe")])
def test_the_tokens_tell_what_texts_are_cut_into(vocabulary: Vocabulary, unit: ModelingUnit) -> None:
    assert vocabulary.unit == unit


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("refund", "REFUND"),
        ("Refund calls", "REFUND CALLS"),
        ("fund's", "FUND'S"),
        ("refund/calls:3.5", ""),
        ("refund / calls", "REFUND CALLS"),
        ("refunds", "REFUNDS"),
        ("refunded", ""),
        ("订单", ""),
        ("…", ""),
    ],
)
def test_pieces_spell_words_in_the_capitals_that_the_model_writes(text: str, spelled: str) -> None:
    assert PIECES.spelled(text, "bpe") == spelled


def test_text_in_capitals_only_is_read_in_small_letters() -> None:
    assert PIECES.written("REFUND CALLS") == "refund calls"
    assert CHARACTERS.written("hello 订单") == "hello 订单"


@pytest.mark.parametrize(("text", "spelled"), [("订单", "订单"), ("Hello 订", "hello 订"), ("订货", ""), ("hell", "")])
def test_characters_and_whole_words_are_tokens(text: str, spelled: str) -> None:
    assert CHARACTERS.spelled(text, "cjkchar") == spelled


@pytest.mark.parametrize(
    ("text", "spelled"), [("refund 订单", "REFUND 订单"), ("refund订单", "REFUND订单"), ("货", "")]
)
def test_scripts_may_be_mixed(text: str, spelled: str) -> None:
    assert BOTH.spelled(text, "cjkchar+bpe") == spelled


def test_a_phrase_is_worth_its_weight_times_the_score() -> None:
    hotwords = (Hotword("refund", 2.0), Hotword("unknown"), Hotword("calls fund"))

    assert phrases(["REFUND", "", "CALLS FUND"], hotwords, 1.5) == "REFUND :3/CALLS FUND :1.5"
    assert phrases(["", ""], hotwords[:2], 1.5) == ""


def test_tokens_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.txt"
    file.write_text("<blk> 0\n▁refund 1\n订 2\n\n", "utf-8")

    assert Vocabulary.read(file).tokens == {"<blk>", "▁refund", "订"}
