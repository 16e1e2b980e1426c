"""How Chinese characters sound in Mandarin, in the sounds of `asr.phonetics`, without tones: those are confused most.

Needs the package pypinyin (extra [funasr]); without it characters have no sound, and no hotword is found by it.
"""

import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import structlog

log = structlog.get_logger()

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_RULES = (
    ("zh", "J"),
    ("ch", "C"),
    ("sh", "S"),
    ("j", "J"),
    ("q", "C"),
    ("x", "S"),
    ("c", "s"),
    ("ng", "n"),
    ("v", "u"),
)
"""What letters of pinyin sound like where they do not sound like themselves (ISO 7098; "v" stands for "ü")."""


class _Reader(Protocol):
    def lazy_pinyin(self, text: str) -> list[str]: ...


def is_han(text: str) -> bool:
    """True when a Chinese character is in the text."""
    return _HAN.search(text) is not None


def pinyin_sounds(text: str) -> str:
    """The sounds of Chinese characters, one letter each; nothing where they are not known."""
    reader = _reader()
    if reader is None:
        return ""
    return "".join(_sounds(syllable) for syllable in reader.lazy_pinyin(text) if syllable.isascii())


def _sounds(syllable: str) -> str:
    for written, heard in _RULES:
        syllable = syllable.replace(written, heard)
    return syllable


@cache
def _reader() -> _Reader | None:
    if find_spec("pypinyin") is None:
        log.warning(
            "pinyin_missing", cure="install callscribe[funasr]: Chinese hotwords are not corrected by their sound"
        )
        return None
    reader: _Reader = import_module("pypinyin")
    return reader
