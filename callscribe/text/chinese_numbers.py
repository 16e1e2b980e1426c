"""Chinese numerals, simplified and traditional, and how their values are written in figures. Pure."""

import re
from collections.abc import Mapping

DIGITS: Mapping[str, int] = {
    **{digit: value for value, digit in enumerate("零一二三四五六七八九")},
    "〇": 0,
    "幺": 1,
}
"""Digits as they are said one by one."""
COUNTS: Mapping[str, int] = {**{digit: DIGITS[digit] for digit in "一二三四五六七八九"}, "两": 2, "兩": 2}
"""Digits that count."""
POINTS = "点點"
MYRIADS: Mapping[str, int] = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
NUMERALS = frozenset((*DIGITS, *COUNTS, *"十百千", *MYRIADS))
SCALE = "(?:[百千](?=[万萬亿億]))?[万萬]?[亿億]?"
"""What a decimal counts: 一点五万亿, 一点五千万; nothing where it counts ones."""

_FRACTION = re.compile(f"(?P<digits>[{''.join(DIGITS)}]+)(?P<scale>{SCALE})")
_COUNT = f"[{''.join(COUNTS)}]"
_GROUP = re.compile(
    rf"(?P<lead>[零〇])?(?:(?P<thousands>{_COUNT})千)?(?:[零〇]?(?P<hundreds>{_COUNT})百)?"
    rf"(?:[零〇]?(?P<tens>{_COUNT}?)(?P<ten>十))?(?:(?P<gap>[零〇])?(?P<units>{_COUNT}))?"
)
"""A number below ten thousand. What follows a higher one may begin with a zero."""
_TRADITIONAL = str.maketrans("万亿", "萬億")
_WHOLE_MYRIADS_FROM = 10
"""From ten on what is whole in 万 is written so: 350万, but 30000."""


def digits(text: str) -> str | None:
    """What was said digit by digit: 幺三零零."""
    if not text or not all(numeral in DIGITS for numeral in text):
        return None
    return "".join(str(DIGITS[numeral]) for numeral in text)


def cardinal(text: str) -> int | None:
    """The value of a whole number below 10**16: 一千零五十, 两百五 (250), 三万五 (35,000), 零.

    None for what is none: digits one by one, and what is said about a number (三五百, 十七八).
    """
    if text in ("零", "〇"):
        return 0
    if text[:1] in ("零", "〇"):
        return None
    return _sum(text, 10**8)


def _sum(text: str, scale: int) -> int | None:
    """What stands before the scale's numeral times the scale, and what stands behind it."""
    if scale == 1:
        return _below_myriad(text)
    place = max(text.rfind(numeral) for numeral, value in MYRIADS.items() if value == scale)
    lower = scale // 10**4 if scale > 10**4 else 1
    if place < 0:
        return _sum(text, lower)
    head, tail = _sum(text[:place], lower), text[place + 1 :]
    if not head:
        return None
    if not tail:
        return head * scale
    if tail in COUNTS:
        return head * scale + COUNTS[tail] * scale // 10
    rest = _sum(tail, lower)
    return head * scale + rest if rest else None


def _below_myriad(text: str) -> int | None:
    found = _GROUP.fullmatch(text)
    if not text or not found:
        return None
    thousands, hundreds, tens = (COUNTS.get(found[place] or "", 0) for place in ("thousands", "hundreds", "tens"))
    value = thousands * 1000 + hundreds * 100 + (tens or bool(found["ten"])) * 10
    units = COUNTS.get(found["units"] or "", 0)
    if found["gap"] or found["ten"] or not value:
        return value + units
    # 两百五, 三千六: the digit counts what comes next below.
    return value + units * (10 if hundreds else 100)


def amount(text: str) -> str | None:
    """A number with a fraction or without, in the script in which it is told: 324.75, 1.2亿, 1.5千万, 30000, 350萬."""
    whole, point, fraction = text.replace("點", "点").partition("点")
    value = cardinal(whole)
    if value is None:
        return None
    if not point:
        return _figures(value).translate(_TRADITIONAL if set("萬億").intersection(text) else {})
    found = _FRACTION.fullmatch(fraction)
    return f"{value}.{digits(found['digits'])}{found['scale']}" if found else None


def _figures(value: int) -> str:
    """As whole numbers are written: 35000, 350万, 1亿2300."""
    higher, lower = divmod(value, 10**8)
    if higher:
        return f"{_figures(higher)}亿{_figures(lower) if lower else ''}"
    myriads, rest = divmod(lower, 10**4)
    return f"{myriads}万" if myriads >= _WHOLE_MYRIADS_FROM and not rest else str(lower)
