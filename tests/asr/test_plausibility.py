"""Made-up texts are told from spoken ones."""

import pytest

from asr.engines.whisper import HeardWord
from asr.plausibility import heard_in_time, plausible
from callscribe.domain.language import units


def words(text: str, no_speech: float = 0.1, log_probability: float = -0.3) -> list[HeardWord]:
    return [HeardWord(f" {word}", 0.0, 0.1, 0.9, no_speech, log_probability) for word in text.split()]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Yes.", 0.4),
        ("No, no, no, no.", 1.2),
        ("It is nine nine nine, one one one, four.", 4.0),
        ("Can you hear me? Can you hear me now?", 2.5),
        ("Thank you for calling. How can I help you today?", 3.0),
        ("It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of", 6.0),
    ],
)
def test_what_people_say_is_plausible(text: str, seconds: float) -> None:
    assert plausible(words(text), seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 3.0),
        (". . . . . . . .", 4.0),
        ("one " * 12, 5.0),
        ("I'm going to take a look at how " * 3 + "I'm going", 6.0),
        ("I don't know what to do, I don't know what to do, I", 3.0),
        ("to the end of the video and back " * 12, 30.0),
        ("all of this was said within less than a second by nobody at all", 1.0),
        ("Thank you.", 9.0),
    ],
    ids=["nothing", "marks", "loop", "cut-off loop", "two rounds", "long loop", "too fast", "too slow"],
)
def test_what_nobody_said_is_not(text: str, seconds: float) -> None:
    assert not plausible(words(text), seconds)


def test_an_unlikely_text_of_what_may_be_silence_is_not_plausible() -> None:
    assert not plausible(words("Thank you very much.", no_speech=0.9, log_probability=-1.3), 2.0)
    assert plausible(words("Thank you very much.", no_speech=0.9, log_probability=-0.4), 2.0)


def characters(text: str) -> list[HeardWord]:
    """As Whisper divides a script without blanks: a character with the marks that follow it."""
    return [HeardWord(unit, 0.0, 0.1, 0.9, 0.1, -0.3) for unit in units(text)]


LONG_ZH = "您好，这里是客户服务中心，请问有什么可以帮您？我想查一下上个月的账单，好像多扣了我三十块钱。"
"""40 characters."""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("好。", 0.4),
        (LONG_ZH, 40 / 4),
        (LONG_ZH, 40 / 6),
        (LONG_ZH, 40 / 8),
        ("对对对对。", 0.8),
        ("好的好的好的好的，谢谢谢谢。", 2.0),
        ("我的号码是一三八零零零零零零零零。", 3.0),
        ("ありがとうございました。", 1.3),
        ("もしもし、田中と申しますが、鈴木さんはいらっしゃいますか。", 3.5),
        ("我用的是 iPhone，打不开 WiFi。", 2.5),
        ("สวัสดีครับ มีอะไรให้ช่วยไหมครับ", 2.0),
    ],
)
def test_what_people_say_in_scripts_without_blanks_is_plausible(text: str, seconds: float) -> None:
    assert plausible(characters(text), seconds)
    assert plausible(words(text), seconds), "however it is divided"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (LONG_ZH, 3.2),
        ("谢谢观看。", 8.0),
        ("请点赞订阅转发打赏支持我们吧" * 2, 7.0),
        ("好的" * 8, 5.0),
        ("ご視聴ありがとうございました。", 0.5),
        ("ありがとう。", 8.0),
    ],
    ids=["too fast", "too slow", "two rounds", "loop", "kana too fast", "kana too slow"],
)
def test_what_nobody_said_in_scripts_without_blanks_is_not(text: str, seconds: float) -> None:
    assert not plausible(characters(text), seconds)


def timed(*words: tuple[str, float]) -> list[HeardWord]:
    """Words with how long each took, in seconds, one after another."""
    placed, start = [], 0.0
    for text, seconds in words:
        placed.append(HeardWord(text, start, start + seconds, 0.9, 0.1, -0.3))
        start += seconds
    return placed


def test_words_that_took_no_time_were_not_said() -> None:
    said, made_up = [("Thank", 0.2), ("you.", 0.3)], [("We'll", 0.02), ("see", 0.0), ("you", 0.0), ("soon.", 0.02)]
    assert [word.text for word in heard_in_time(timed(*said, *made_up))] == ["Thank", "you."]


def test_a_word_or_two_may_be_placed_badly() -> None:
    said = timed(("Press", 0.0), ("one", 0.02), ("now", 0.2), ("or", 0.0), ("two.", 0.3))
    assert heard_in_time(said) == tuple(said)
