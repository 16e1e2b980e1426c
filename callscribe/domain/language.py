"""Languages by their tags, and texts of scripts that have no blanks between words."""

import re

UNBROKEN = (
    r"\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
)
"""Han characters, hiragana and katakana: a text of them has no blanks. Ranges of a regular expression's set."""
_MARKS = r"\u3001-\u3004\u3008-\u3020\u30fb\uff01-\uff0f\uff1a-\uff1f"
"""Their marks, which stand without blanks too."""
_SAME = {"cmn": "zh", "iw": "he", "jw": "jv", "nb": "no", "tl": "fil"}
"""Codes of one language for which models and services have several names."""
_UNIT = re.compile(rf"[{UNBROKEN}][{_MARKS}]*|[^\s{UNBROKEN}]+")
_UNSPACED = re.compile(rf"[{UNBROKEN}{_MARKS}]")

UNKNOWN = "auto"
"""In place of a BCP 47 tag: whatever is spoken; the engine finds out."""


def primary(tag: str) -> str:
    """The ISO 639 code with which a BCP 47 tag begins, in small letters: "en" of "en-GB"; of a language's several codes
    always the same one: "zh" of "cmn", "no" of "nb"."""
    code = tag.partition("-")[0].lower()
    return _SAME.get(code, code)


def units(text: str) -> list[str]:
    """What a text is made of: its words as they are written, but each character of a script without blanks for itself,
    with the marks that follow it."""
    return _UNIT.findall(text)


def joined(*parts: str) -> str:
    """The parts as one text: with a blank between, but none where two scripts without blanks meet."""
    text = ""
    for part in (part.strip() for part in parts):
        met = text and part and not (_UNSPACED.match(text[-1]) and _UNSPACED.match(part))
        text += f" {part}" if met else part
    return text
