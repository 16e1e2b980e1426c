"""What the models can hear: a few dozen words or characters of a call centre, and made-up sentences of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

_DIGITS_SHARE = 0.35
"""How many sentences are a number read out, and how many parts of the others."""
_COMMA_SHARE = 0.15
_USUAL = 4
"""How many times as often as the rare spelling of a name the usual one is meant."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said. Spoken is its text as a speech synthesiser reads it: a comma makes a short pause."""

    tokens: tuple[str, ...]
    spoken: str


class Homophones(NamedTuple):
    """Two spellings of one sound: tokens that only a hotword tells apart."""

    usual: str
    """Also what a speech synthesiser reads for either."""
    rare: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A language's digits and phrases; each phrase is a run of output tokens that are always said together."""

    name: str
    language: str
    digits: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    space: str
    """What stands between two tokens of a text."""
    parts: tuple[int, int]
    """Fewest and most phrases of a sentence."""
    homophones: tuple[Homophones, ...] = ()

    @property
    def tokens(self) -> tuple[str, ...]:
        """The model's outputs in the order of their numbers, FunASR's special ones among them."""
        words = dict.fromkeys((*self.digits, *(token for phrase in self.phrases for token in phrase)))
        return ("<blank>", "<s>", "</s>", *words, "<unk>")

    def sentence(self, random: Random) -> Sentence:
        """One sentence: a number, or phrases with numbers among them."""
        if random.random() < _DIGITS_SHARE:
            return self._joined([self._number(random, 2, 7)], random)
        count = random.randint(*self.parts)
        parts = [
            self._number(random, 1, 4) if random.random() < _DIGITS_SHARE / 2 else random.choice(self.phrases)
            for _ in range(count)
        ]
        return self._joined(parts, random)

    def said(self, *parts: str) -> Sentence:
        """A given sentence, each part a run of tokens with `space` between them; a comma is spoken between parts.

        Raises ValueError for a token that the models do not know.
        """
        runs = [tuple(part.split()) if self.space else tuple(part) for part in parts]
        unknown = {token for run in runs for token in run} - set(self.tokens)
        if unknown:
            raise ValueError(f"not in the vocabulary: {', '.join(sorted(unknown))}")
        spoken = self._comma.join(self._read(run) for run in runs)
        return Sentence(tuple(token for run in runs for token in run), spoken)

    def usually(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """The same with every homophone in its usual spelling."""
        usual = {pair.rare: pair.usual for pair in self.homophones}
        return tuple(usual.get(token, token) for token in tokens)

    def rarely(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """The same with every homophone in its rare spelling."""
        rare = dict(self.homophones)
        return tuple(rare.get(token, token) for token in tokens)

    def _read(self, run: tuple[str, ...]) -> str:
        return self.space.join(self.usually(run))

    @property
    def _comma(self) -> str:
        return ", " if self.space else "，"

    def _number(self, random: Random, fewest: int, most: int) -> tuple[str, ...]:
        return tuple(random.choice(self.digits) for _ in range(random.randint(fewest, most)))

    def _joined(self, parts: list[tuple[str, ...]], random: Random) -> Sentence:
        spoken = self._read(parts[0])
        for part in parts[1:]:
            spoken += (self._comma if random.random() < _COMMA_SHARE else self.space) + self._read(part)
        return Sentence(tuple(token for part in parts for token in part), spoken)


_ENGLISH_WORDS = (
    *("hello", "thanks", "goodbye", "please", "yes", "no", "account", "balance"),
    *("card", "payment", "order", "number", "refund", "transfer", "billing", "cancel"),
    *("invoice", "password", "address", "delivery", "manager", "support", "internet", "problem"),
    *("monday", "friday", "today", "tomorrow", "broken", "update"),
)
_CHINESE_PHRASES = (
    *("你好", "谢谢", "再见", "不是", "是的", "我要", "没有", "帮我", "订单", "账户"),
    *("支付", "转账", "退款", "密码", "取消", "经理", "今天", "明天", "问题", "网络"),
)
_NAMES = (
    Homophones("meyer", "maier"),
    Homophones("schmidt", "schmitt"),
    Homophones("steven", "stephen"),
    Homophones("catherine", "kathryn"),
)
ENGLISH = Vocabulary(
    name="en",
    language="en",
    digits=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    phrases=tuple((word,) for word in _ENGLISH_WORDS),
    space=" ",
    parts=(2, 7),
)
NAMES = Vocabulary(
    name="names",
    language="en",
    digits=ENGLISH.digits,
    phrases=(*ENGLISH.phrases, *((name,) for pair in _NAMES for name in (*[pair.usual] * _USUAL, pair.rare))),
    space=ENGLISH.space,
    parts=ENGLISH.parts,
    homophones=_NAMES,
)
"""English, and names that are spelled one way or the other."""
CHINESE = Vocabulary(
    name="zh",
    language="zh",
    digits=tuple("零一二三四五六七八九"),
    phrases=tuple(tuple(phrase) for phrase in _CHINESE_PHRASES),
    space="",
    parts=(1, 4),
)
"""Characters whose syllables differ in more than their tone, of which little is left in 40 bands of 8 kHz sound."""
VOCABULARIES = {vocabulary.language: vocabulary for vocabulary in (ENGLISH, CHINESE)}
