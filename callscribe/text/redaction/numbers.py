"""Numbers by their checksums and shapes. Each function takes digits only, but for IBANs. Pure."""

import re

_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|(?:50|5[6-8]|6\d)\d{11,17}"
)
"""Issuer identification numbers (ISO/IEC 7812-1) and lengths of Visa, Mastercard, American Express, Diners Club, JCB,
Discover, UnionPay and Maestro."""
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_NORTH_AMERICAN = re.compile(r"1?[2-9]\d\d[2-9]\d{6}")
"""North American Numbering Plan."""
_CHINESE_MOBILE = re.compile(r"(?:86)?1[3-9]\d{9}")
_TRUNK_PREFIX = re.compile(r"0[1-9]\d{7,9}|0[1-9]\d{9}\d?")
"""A national number with the trunk prefix that most of the world dials (ITU-T E.164 has at most 15 digits)."""
_INTERNATIONAL = re.compile(r"(?:00|011)[1-9]\d{7,14}")
_SERVICE = re.compile(r"[48]00\d{7}")
_TEN_DIGITS = re.compile(r"[6-9]\d{9}")
_CHINESE_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 annex B."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_card(digits: str) -> bool:
    """A card's number: its issuer's digits, their length and the check digit."""
    return _BRANDS.fullmatch(digits) is not None and luhn(digits)


def like_card(digits: str) -> bool:
    """What is left of a card's number when a recogniser missed or misheard a digit or two."""
    return 13 <= len(digits) <= 19 and digits[0] in "23456"


def is_telephone(digits: str) -> bool:
    """A national or international number by its shape."""
    shapes = (_NORTH_AMERICAN, _CHINESE_MOBILE, _TRUNK_PREFIX, _INTERNATIONAL, _SERVICE, _TEN_DIGITS)
    return any(shape.fullmatch(digits) for shape in shapes)


def is_iban(characters: str) -> bool:
    """ISO 13616: the remainder of ISO/IEC 7064 MOD 97-10 is 1."""
    if not _IBAN.fullmatch(characters):
        return False
    moved = characters[4:] + characters[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def is_chinese_id(digits: str) -> bool:
    """A resident identity number of 18 places (GB 11643-1999); one that ends with X is not asked for."""
    if len(digits) != 18 or not 1900 <= int(digits[6:10]) < 2100:
        return False
    rest = sum(weight * int(digit) for weight, digit in zip(_CHINESE_WEIGHTS, digits, strict=False)) % 11
    return "10X98765432"[rest] == digits[17]
