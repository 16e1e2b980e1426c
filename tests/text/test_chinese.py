"""Chinese numbers in figures: tables of what is written how, and what may never happen."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from callscribe.domain.transcript import Final, Word
from callscribe.text.chinese import read
from callscribe.text.reading import split_words
from callscribe.text.written import write, written
from tests.text.chinese_cases import HELD_APART, TUNED_ON

MORE = (
    ("周三三点半", "周三3:30"),
    ("万一三点半到不了", "万一3:30到不了"),
    ("三百一起", "300一起"),
    ("二十一样东西", "21样东西"),
    ("二百五十块", "250块"),
    ("第一季度和第二季度", "第1季度和第2季度"),
    ("第一个问题和第二个问题", "第一个问题和第二个问题"),
    ("尾号七七八八", "尾号7788"),
    ("体温三十七度二", "体温37度2"),
    ("二三年三月", "23年3月"),
    ("三栋二单元三零一", "3栋2单元301"),
    ("T三航站楼", "T3航站楼"),
    ("航班 CA 一二三四", "航班 CA 1234"),
    ("百分之三十到四十", "30%到40%"),
    ("三百五十萬", "350萬"),
    ("三 五 八 二", "3582"),
    ("幺二七点零点零点幺", "127.0.0.1"),
    ("鄂a七l六二u", "鄂A7L62U"),
    ("下午三点五个人", "下午3点五个人"),
    ("三点五个小时", "3.5个小时"),
    ("订单三五八二，四零零五", "订单3582，4005"),
    ("五万四千三百二十一点零九", "54321.09"),
    ("一万亿", "10000亿"),
    ("我负百分之三十的责任", "我负30%的责任"),
    ("plan B 三个人", "plan B 三个人"),
    ("café 三百二十", "café 320"),
    ("二十五千克", "25千克"),
    # A decimal is written whole or not at all
    ("规模一点五万亿", "规模1.5万亿"),
    ("资产三点六万亿元", "资产3.6万亿元"),
    ("資產三點六萬億元", "資產3.6萬億元"),
    ("一点五千万", "1.5千万"),
    ("投资两点五百万美元", "投资2.5百万美元"),
    ("零点五千克", "0.5千克"),
    ("两点五千瓦", "2.5千瓦"),
    ("一点五亿万", "一点五亿万"),
    ("三点两百", "三点两百"),
    ("二十点三百五十", "二十点三百五十"),
    ("负二十点三百五十", "负二十点三百五十"),
    ("两点五万千克", "2.5万千克"),
    ("资产负一点五万亿", "资产-1.5万亿"),
    ("下午三点两百人开会", "下午3点200人开会"),
    # Hours in a row are no decimal, nor is an hour with what has a number itself
    ("八点九点都行", "8点9点都行"),
    ("我七点八点下班", "我7点8点下班"),
    ("七点八点半都行", "7点8:30都行"),
    ("早上八点九点", "早上8点9点"),
    ("早上八点九点十点", "早上8点9点10点"),
    ("六点七点八点", "6点7点8点"),
    ("有三点两点是说价格", "有三点两点是说价格"),
    ("十点三楼会议室开会", "10点3楼会议室开会"),
    ("七点三号登机口", "七点3号登机口"),
    ("我们三点一个人去", "我们三点一个人去"),
    ("一点五个亿", "1.5个亿"),
    ("九点一刻三个人", "9:15三个人"),
    ("下午三点半五个人", "下午3:30五个人"),
    # 十分 says "very" too
    ("有三点十分重要", "有三点十分重要"),
    ("这一点十分重要", "这一点十分重要"),
    ("第一点十分重要", "第一点十分重要"),
    ("这点十分重要", "这点十分重要"),
    ("他说的几点十分对", "他说的几点十分对"),
    ("三点十分", "3:10"),
    ("八点十分开会", "8:10开会"),
    ("八点十分的火车", "8:10的火车"),
    ("下午三点十分在门口等", "下午3:10在门口等"),
    ("明天三点十分签约", "明天3:10签约"),
    # Phrases, weekdays, lengths
    ("八九不离十", "八九不离十"),
    ("一元二次方程", "一元二次方程"),
    ("请按一按屏幕", "请按一按屏幕"),
    ("您拨一拨试试", "您拨一拨试试"),
    ("请按一按二", "请按1按2"),
    ("一三五上班", "一三五上班"),
    ("二四六限行", "二四六限行"),
    ("尾号二四六限行", "尾号246限行"),
    ("三六九等", "三六九等"),
    ("尾号三六九", "尾号369"),
    ("十一去旅游", "十一去旅游"),
    ("两米二", "2米2"),
    ("身高两米二的人", "身高2米2的人"),
    ("两米二高", "2米2高"),
    ("三米五个人", "三米五个人"),
)
NUMERALS = "零〇一二三四五六七八九十百千万亿两幺"
VOCABULARY = (
    *NUMERALS * 3,
    *"点点年月日号块毛元分度楼第负半刻",
    *(
        "百分之",
        "分之",
        "下午",
        "今天",
        "周",
        "公里",
        "一共",
        "十分",
        "万一",
        "尾号",
        "A",
        "order",
        "five",
        "，",
        "。",
        "我",
        "到",
    ),
)
KEPT = set("我到周公里共尾年月日号毛元楼第")
"""Characters that no rule takes away."""
ROUNDS = 4000
FINAL = Final(0, 0, 8000, "订单三五八二", 0.9, "e", "zh", (Word("订", 0, 8, 0.9), Word("单", 8, 16, 0.9)))


@pytest.mark.parametrize(("spoken", "figures"), [*TUNED_ON, *HELD_APART, *MORE])
def test_numbers_are_written_as_people_write_them(spoken: str, figures: str) -> None:
    assert written(spoken, "zh-CN") == figures


@pytest.mark.parametrize(("spoken", "figures"), [*TUNED_ON, *HELD_APART, *MORE])
def test_what_is_written_once_is_not_written_again(spoken: str, figures: str) -> None:
    assert written(figures, "zh") == figures


def any_texts() -> Iterator[str]:
    chance = random.Random(11)
    for _ in range(ROUNDS):
        yield "".join(chance.choices(VOCABULARY, k=chance.randint(1, 14)))


def test_what_is_said_at_random_is_written_once_too() -> None:
    ties = {"点", "A"}
    """They tie a number to its neighbour, which may be in figures by then."""
    for spoken in any_texts():
        if ties & set(spoken):
            continue
        figures = written(spoken, "zh")
        assert written(figures, "zh") == figures, spoken


def test_what_is_no_part_of_a_number_stays_in_its_order() -> None:
    for spoken in any_texts():
        left = [[character for character in text if character in KEPT] for text in (spoken, written(spoken, "zh"))]
        assert left[0] == left[1], spoken


def test_readings_follow_each_other_and_stand_for_numbers() -> None:
    for spoken in any_texts():
        words, at = split_words(spoken), 0
        while at < len(words):
            reading = read(words, at)
            taken = words[at : at + reading.words]
            assert 1 <= reading.words == len(taken)
            if reading.text is not None:
                assert re.search(rf"[{NUMERALS}]|five", "".join(word.text for word in taken))
                assert re.search(r"\d", reading.text)
            at += reading.words


def test_a_text_without_numerals_stays_as_it_is() -> None:
    chance = random.Random(12)
    others = [word for word in VOCABULARY if not set(word) & set(NUMERALS) and word != "five"]
    for _ in range(ROUNDS):
        text = "".join(chance.choices(others, k=12))
        assert written(text, "zh") == text


def test_no_digit_is_lost_or_moved() -> None:
    chance = random.Random(13)
    digits = "零一二三四五六七八九"
    for length in range(5, 20):
        said = "".join(chance.choices("0123456789", k=length))
        spoken = "".join(digits[int(digit)] for digit in said)
        assert written(f"号码是{spoken}。", "zh") == f"号码是{said}。"
        assert written(f"号码是{spoken.replace('一', '幺')}。", "zh") == f"号码是{said}。"


def test_a_cardinal_keeps_its_value() -> None:
    chance = random.Random(14)
    for bits in range(4, 44):
        value = max(10, chance.getrandbits(bits))
        figures = written(f"有{in_words(value)}个", "zh").removeprefix("有").removesuffix("个")
        assert value_of(figures) == value, in_words(value)


def in_words(value: int) -> str:
    """1 to 9,999 亿, as it is said."""
    for scale, name in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if value >= scale:
            rest = value % scale
            gap = "零" if 0 < rest < scale // 10 else ""
            return f"{in_words(value // scale)}{name}{gap}{in_words(rest) if rest else ''}"
    return "一二三四五六七八九"[value - 1]


def value_of(figures: str) -> int:
    higher, _, lower = figures.rpartition("亿")
    rest = int(lower.removesuffix("万") or 0) * (10**4 if lower.endswith("万") else 1)
    return int(higher or 0) * 10**8 + rest


@pytest.mark.parametrize("said", ["一", "三五", "十", "三点", "百分之", "一，", "A一", "周一", "三块", "a ", "十分"])
def test_nonsense_of_any_length_is_read_in_time(said: str) -> None:
    assert written(said * 5_000, "zh")


def test_numerals_of_other_languages_are_left_alone() -> None:
    assert written("三百円です", "ja") == "三百円です"
    assert written("订单三五八二", "en") == "订单三五八二"


def test_cantonese_is_written_too() -> None:
    assert written("訂單三五八二", "yue") == "訂單3582"


def test_a_phrase_is_kept_as_its_owner_writes_it() -> None:
    assert written("三六零卫士，房间三六零", "zh", keep=("三六零卫士",)) == "三六零卫士，房间360"


def test_a_final_keeps_the_spoken_form_and_its_words() -> None:
    figures = write(FINAL, "zh")
    assert figures == replace(FINAL, text="订单3582", spoken="订单三五八二")
    assert write(figures, "zh") is figures
