import pytest

from callscribe.domain.language import joined, primary, units


def test_a_tag_begins_with_its_language() -> None:
    assert [primary(tag) for tag in ("en", "en-GB", "zh-Hans-CN", "YUE")] == ["en", "en", "zh", "yue"]


def test_a_language_has_one_code_whatever_a_model_or_a_service_calls_it() -> None:
    several = {"cmn-Hans-CN": "zh", "nb-NO": "no", "no": "no", "tl": "fil", "fil-PH": "fil", "iw-IL": "he", "jw": "jv"}
    assert {tag: primary(tag) for tag in several} == several


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("Good morning, Ann.", ["Good", "morning,", "Ann."]),
        ("你好，谢谢。", ["你", "好，", "谢", "谢。"]),
        ("订单 A12 号", ["订", "单", "A12", "号"]),
        ("订单A12号", ["订", "单", "A12", "号"]),
        ("ありがとう", ["あ", "り", "が", "と", "う"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
    ],
)
def test_words_are_units_and_so_is_each_character_of_a_script_without_blanks(text: str, parts: list[str]) -> None:
    assert units(text) == parts


@pytest.mark.parametrize(
    "text", ["Good morning, Ann.", "你好，谢谢。", "订单 A12 号", "ありがとう。はい", "안녕하세요 여러분"]
)
def test_units_joined_are_the_text(text: str) -> None:
    assert joined(*units(text)) == text


def test_empty_parts_leave_no_blanks() -> None:
    assert joined("", "hello ", "", " there") == "hello there"
    assert joined("你好", "") == "你好"
