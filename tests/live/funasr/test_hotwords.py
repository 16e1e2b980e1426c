"""Hotwords in every form that FunASR's clients write them in."""

import json

import pytest

from callscribe.domain.hotword import MAX_HOTWORDS, MAX_WEIGHT, Hotword
from callscribe.live.funasr.hotwords import told_hotwords

BOTH = (Hotword("阿里巴巴", 1.0), Hotword("通义实验室", 1.5))


@pytest.mark.parametrize(
    "written",
    [
        {"阿里巴巴": 20, "通义实验室": 30},
        json.dumps({"阿里巴巴": 20, "通义实验室": 30}),
        '{"阿里巴巴": "20", "通义实验室": "30"}',
        "阿里巴巴 20\n通义实验室 30\n",
        "阿里巴巴 20\r\n\r\n通义实验室 30",
        "阿里巴巴 20,通义实验室 30",
        "阿里巴巴，通义实验室 30",
        "阿里巴巴 通义实验室 30",
        ["阿里巴巴 20", "通义实验室 30"],
        '["阿里巴巴", "通义实验室 30.0"]',
    ],
)
def test_all_forms_say_the_same(written: object) -> None:
    assert told_hotwords(written) == BOTH


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ("魔搭 达摩院", ["魔搭", "达摩院"]),
        ("session border,unified messaging", ["session border", "unified messaging"]),
        ("session border 20\nunified messaging 30", ["session border", "unified messaging"]),
        ("session border\nunified messaging", ["session border", "unified messaging"]),
        (["session border 20"], ["session border"]),
        ({"session border": 20}, ["session border"]),
        ("911", ["911"]),
        ("room 12 ,  gate", ["room", "gate"]),
        ("{broken json", ["{broken", "json"]),
    ],
)
def test_a_phrase_stays_one_where_its_form_can_tell(written: object, texts: list[str]) -> None:
    assert [hotword.text for hotword in told_hotwords(written)] == texts


@pytest.mark.parametrize(
    "written", ["", "  ", None, 7, True, {}, [], [1, None], "[" * 5000, {"a\x00b": 20}, ["x" * 101]]
)
def test_what_is_no_hotword_is_left_out(written: object) -> None:
    assert told_hotwords(written) == () or written == "[" * 5000
    assert all(len(hotword.text) <= 100 for hotword in told_hotwords(written))


@pytest.mark.parametrize(
    ("told", "weight"),
    [(20, 1.0), (40, 2.0), ("100", 5.0), (1000, MAX_WEIGHT), (0.001, 0.05), ("strong", 1.0), (None, 1.0), (True, 1.0)],
)
def test_a_weight_of_20_is_a_weight_of_1(told: object, weight: float) -> None:
    assert told_hotwords({"word": told}) == (Hotword("word", weight),)


@pytest.mark.parametrize("told", [0, -20, "-3", float("-inf")])
def test_a_word_that_is_not_wanted_is_no_hotword(told: object) -> None:
    assert told_hotwords({"word": told, "other": 20}) == (Hotword("other"),)


def test_there_are_no_more_than_a_call_may_have() -> None:
    assert len(told_hotwords([f"word{number}" for number in range(3000)])) == MAX_HOTWORDS
