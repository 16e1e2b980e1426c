from itertools import accumulate

import pytest

from asr.engines.funasr.text import SpelledWord, spelled_words, text_of


def test_a_word_in_pieces_over_chunks_keeps_its_letters() -> None:
    chunks = (["hel@@"], ["lo", "wor@@"], ["ld"])
    assert [text_of(tokens) for tokens in accumulate(chunks)] == ["hel", "hello wor", "hello world"]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([], ""),
        (["can", "hear", "me"], "can hear me"),
        (["你", "好"], "你好"),
        (["un@@", "be@@", "liev@@", "able"], "unbelievable"),
        (["用", "pay@@", "ment", "付", "款"], "用 payment 付款"),
        (["<s>", "账", "<unk>", "户", "</s>", "<blank>", "<OOV>"], "账户"),
        (["hel@@", "<unk>", "lo"], "hello"),
        (["hel@@", "你", "好"], "hel 你好"),
        (["下", "载", "a", "p", "p"], "下载 APP"),
        (["room", "b", "four"], "room b four"),
        (["i", "will"], "i will"),
        (["i", "i", "think"], "i i think"),
        (["the", "a", "i", "says"], "the AI says"),
        (["it's", "i@@", "bm"], "it's ibm"),
    ],
)
def test_tokens_are_written_as_their_script_is(tokens: list[str], text: str) -> None:
    assert text_of(tokens) == text


def test_each_word_knows_its_tokens() -> None:
    words = spelled_words(["<s>", "wor@@", "ld", "你", "a", "b", "hel@@"])
    assert words == (
        SpelledWord("world", 1, 3),
        SpelledWord("你", 3, 4),
        SpelledWord("AB", 4, 6),
        SpelledWord("hel", 6, 7),
    )
