"""Made calls with numbers and addresses that must be masked, and made utterances with numbers that must not be.

Values are random but have their check digits; they are said one by one, in groups and in pairs, with repeats and with
what recognisers mishear, written in figures, and over several utterances. The templates of the held-out part are not
those that the rules were made with.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from callscribe.domain.redaction import RedactionKind

Turn = tuple[int, str]
"""Channel (0 asks, 1 answers) and text."""

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TENS = ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_CHINESE = "零一二三四五六七八九"
_MISHEARD = {"four": "for", "two": "to", "eight": "ate", "one": "won", "three": "free", "zero": "oh", "nine": "niner"}


@dataclass(frozen=True, slots=True)
class Secret:
    """A stretch of a call in which something must be masked."""

    kind: RedactionKind
    style: str
    """How it is told: "spoken", "written", "split", "misheard", "after orders" (split, too), "chinese" or
    "sort code"."""
    value: str
    turns: tuple[Turn, ...]


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def _some(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def card(rng: random.Random) -> str:
    prefix, length = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2223", 16), ("37", 15), ("6011", 16), ("62", 16)])
    return _luhn(prefix + _some(rng, length - len(prefix) - 1))


def phone(rng: random.Random) -> str:
    return rng.choice(
        [
            f"{rng.randint(2, 9)}{rng.randint(1, 9)}{rng.randint(2, 9)}{rng.randint(2, 9)}" + _some(rng, 6),
            f"07{rng.randint(1, 9)}" + _some(rng, 8),
            f"020{rng.randint(3, 8)}" + _some(rng, 7),
            f"1{rng.randint(2, 9)}{rng.randint(2, 9)}{rng.randint(2, 9)}{rng.randint(2, 9)}" + _some(rng, 6),
        ]
    )


def iban(rng: random.Random) -> str:
    country, bank, count = rng.choice([("GB", "NWBK", 14), ("DE", "", 18), ("IE", "AIBK", 14), ("NL", "ABNA", 10)])
    body = bank + _some(rng, count)
    number = int("".join(str(int(sign, 36)) for sign in f"{body}{country}00"))
    return f"{country}{98 - number % 97:02}{body}"


def email(rng: random.Random) -> str:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    name = rng.choice([f"{first}.{last}", f"{first}_{last}", f"{first}{rng.randint(10, 99)}", f"{first}{last}"])
    return f"{name}@{rng.choice(_HOSTS)}"


_FIRST = ["john", "mary", "peter", "susan", "alice", "robert", "linda", "tom"]
_LAST = ["smith", "jones", "brown", "miller", "walker", "baker", "cooper", "hughes"]
_HOSTS = ("example.com", "gmail.com", "yahoo.co.uk", "acme.org", "outlook.com", "summit.net")
_RARER_HOSTS = ("firma.gr", "corp.com.ar", "startup.cloud", "summit.online", "acme.travel")
"""Of top-level domains that are only known for one in writing."""


def spoken(digits: str, rng: random.Random, how: str) -> str:
    """Digits in words: "single", "groups" (commas between), "repeats" (double, triple) or "pairs"."""
    if how == "pairs":
        return _in_pairs(digits)
    oh = "oh" if rng.random() < 0.4 else "zero"
    words = [oh if digit == "0" else _DIGITS[int(digit)] for digit in digits]
    if how == "repeats":
        return " ".join(_with_repeats(words))
    if how == "single":
        return " ".join(words)
    size = 3 if len(digits) in (9, 10, 11) else 4
    return ", ".join(" ".join(words[at : at + size]) for at in range(0, len(words), size))


def _with_repeats(words: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        count = next((n for n in (3, 2) if len(set(words[at : at + n])) == 1 and at + n <= len(words)), 1)
        yield ("", "", "double ", "triple ")[count] + words[at]
        at += count


def _in_pairs(digits: str) -> str:
    said = []
    for at in range(0, len(digits), 2):
        pair = digits[at : at + 2]
        if len(pair) == 1:
            said.append(_DIGITS[int(pair)])
        elif pair[0] == "0":
            said.append(f"oh {_DIGITS[int(pair[1])]}")
        elif pair[0] == "1":
            said.append(_TEENS[int(pair[1])])
        else:
            said.append(_TENS[int(pair[0])] + (f" {_DIGITS[int(pair[1])]}" if pair[1] != "0" else ""))
    return " ".join(said)


def misheard(text: str, rng: random.Random) -> str:
    """What a recogniser may make of it: a homophone, a hesitation, a full stop, or one digit more or less."""
    words = text.split()
    for at in range(1, len(words) - 1):
        if words[at] in _MISHEARD and rng.random() < 0.12:
            words[at] = _MISHEARD[words[at]]
    fault = rng.choice(("none", "drop", "double", "filler", "stop"))
    place = rng.randrange(1, len(words) - 1)
    if fault == "drop":
        del words[place]
    elif fault == "double":
        words.insert(place, words[place])
    elif fault == "filler":
        words.insert(place, rng.choice(("uh", "um", "and")))
    elif fault == "stop":
        words[place] = words[place].rstrip(",") + "."
    return " ".join(words)


def written(value: str, rng: random.Random) -> str:
    """In figures, whole or in groups."""
    if not value.isdigit():
        return " ".join(value[at : at + 4] for at in range(0, len(value), 4)) if rng.random() < 0.6 else value
    mark = rng.choice(("", " ", "-"))
    size = 4 if len(value) > 11 else 3
    groups = [value[at : at + size] for at in range(0, len(value), size)]
    if len(groups[-1]) == 1:
        groups[-2:] = ["".join(groups[-2:])]
    return mark.join(groups)


def in_chinese(digits: str, rng: random.Random) -> str:
    one = rng.choice("一幺")
    return "".join(one if digit == "1" else _CHINESE[int(digit)] for digit in digits)


def spoken_email(address: str, rng: random.Random) -> str:
    name, _, host = address.partition("@")
    if rng.random() < 0.25:
        name = " ".join(name).replace(".", "dot").replace("_", "underscore")
    name = name.replace(".", " dot ").replace("_", " underscore ")
    name = "".join(f" {_DIGITS[int(sign)]} " if sign.isdigit() else sign for sign in name)
    return " ".join(f"{name} at {host.replace('.', ' dot ')}".split())


_OPENINGS = {
    RedactionKind.CARD: (
        ["it's {}", "my card number is {}", "{}", "okay, the number is {}", "sure, {} that's it", "Visa, {}"],
        [
            "yes so it reads {}",
            "the long number across the front is {}",
            "let me find it. {}",
            "you can charge {} please",
        ],
    ),
    RedactionKind.PHONE: (
        [
            "you can call me back on {}",
            "my number is {}",
            "{}",
            "it's {}",
            "the best phone number is {} in the evening",
        ],
        ["try my wife, she's on {}", "that would be {}", "I'm at {} until six", "ring {} and ask for Tom"],
    ),
    RedactionKind.ACCOUNT: (
        ["my account number is {}", "the account is {}", "it's {} for the account number", "routing number {}"],
        ["please take it from the bank account {}", "the one for savings, account number ends up {}"],
    ),
    RedactionKind.SECURITY_CODE: (
        ["the security code is {}", "CVV is {}", "and on the back it's {}"],
        ["c v c {}", "the three digits are {}"],
    ),
    RedactionKind.EXPIRY: (
        ["it expires {}", "expiry date is {}", "expiration {}"],
        ["valid until {}", "and the expiry on it is {}"],
    ),
    RedactionKind.NATIONAL_ID: (
        ["my social security number is {}", "social is {}", "my social, that's {}"],
        ["SSN {}", "the social security number on file should be {}"],
    ),
    RedactionKind.EMAIL: (
        ["my email is {}", "send it to {}", "{}", "the email address is {} please"],
        ["you can write to {}", "it's {} all lower case"],
    ),
}
"""For tuning, and held out."""
_QUESTIONS = {
    RedactionKind.CARD: "Can I have your card number please?",
    RedactionKind.PHONE: "What's the best phone number for you?",
    RedactionKind.ACCOUNT: "And your bank account number?",
    RedactionKind.SECURITY_CODE: "And the three digits on the back?",
    RedactionKind.EXPIRY: "When does it expire?",
    RedactionKind.NATIONAL_ID: "Could you confirm your social security number?",
    RedactionKind.EMAIL: "What's your email address?",
}
_VALUES: dict[RedactionKind, Callable[[random.Random], str]] = {
    RedactionKind.CARD: card,
    RedactionKind.PHONE: phone,
    RedactionKind.ACCOUNT: lambda rng: iban(rng) if rng.random() < 0.25 else str(rng.randint(1, 9)) + _some(rng, 8),
    RedactionKind.SECURITY_CODE: lambda rng: _some(rng, 3),
    RedactionKind.EXPIRY: lambda rng: f"{rng.randint(1, 12):02}{rng.randint(26, 34)}",
    RedactionKind.NATIONAL_ID: lambda rng: str(rng.randint(1, 8)) + _some(rng, 8),
    RedactionKind.EMAIL: email,
}
_IN_CHINESE = {
    RedactionKind.CARD: ("请说一下您的卡号", "卡号是{}"),
    RedactionKind.PHONE: ("您的电话是多少", "我的手机是{}"),
    RedactionKind.ACCOUNT: ("您的账号呢", "账号是{}"),
}


def secrets(count: int, seed: int, *, held_out: bool) -> Iterator[Secret]:
    """So many of each kind and style."""
    rng = random.Random(seed)
    for kind, value_of in _VALUES.items():
        openings = _OPENINGS[kind][held_out]
        for style in ("spoken", "written", "misheard", "split", "after orders", "chinese", "sort code"):
            if kind not in _TOLD_IN.get(style, _VALUES):
                continue
            for _ in range(count):
                value = value_of(rng)
                turns = tuple(_turns(kind, style, value, rng.choice(openings), rng))
                before = [(0, rng.choice(_ABOUT_ORDERS[held_out]))] * (style == "after orders")
                yield Secret(kind, style, value, (*before, *turns))


_LONG = (RedactionKind.CARD, RedactionKind.PHONE, RedactionKind.ACCOUNT, RedactionKind.NATIONAL_ID)
_TOLD_IN = {"misheard": _LONG, "split": _LONG, "after orders": _LONG[:2], "chinese": _IN_CHINESE,
            "sort code": (RedactionKind.ACCOUNT,)}  # fmt: skip
"""The kinds that are told in a style; in the others all are."""
_ABOUT_ORDERS = (
    ["so your total comes to 50 dollars, go ahead whenever you're ready", "and that is for the order, right"],
    ["that will pay the balance, go ahead with the number", "I need a number for the confirmation text"],
)
"""Said before, for tuning, and held out: nothing in it calls the number that follows."""


def _turns(kind: RedactionKind, style: str, value: str, opening: str, rng: random.Random) -> Iterator[Turn]:
    if style == "sort code":
        yield 0, "And the sort code?"
        yield 1, "It's " + "-".join(value[-6:][at : at + 2] for at in (0, 2, 4))
        return
    if style == "after orders":
        yield from ((1, part) for part in _told(kind, "split", value, rng).split(", "))
        return
    asked = rng.random() < 0.5 or (opening == "{}" and kind not in (RedactionKind.CARD, RedactionKind.PHONE))
    if style == "chinese":
        digits = "".join(sign for sign in value if sign.isdigit())
        question, opening = _IN_CHINESE[kind]
        yield from [(0, question)] * asked
        yield 1, opening.format(in_chinese(digits, rng))
        return
    yield from [(0, _QUESTIONS[kind])] * asked
    text = _told(kind, style, value, rng)
    if style != "split":
        yield 1, opening.format(text)
        return
    parts = text.split(", ")
    before, _, after = opening.partition("{}")
    for number, part in enumerate(parts):
        yield 1, before * (number == 0) + part + after * (number == len(parts) - 1)
        if number < len(parts) - 1:
            yield from [(0, rng.choice(("okay", "yes", f"{part}?", "mhm")))] * (rng.random() < 0.6)


def _told(kind: RedactionKind, style: str, value: str, rng: random.Random) -> str:
    if kind is RedactionKind.EMAIL:
        if style != "written":
            return spoken_email(value, rng)
        return f"{value.partition('@')[0]}@{rng.choice(_RARER_HOSTS)}" if rng.random() < 0.3 else value
    if style == "written":
        return f"{value[:2]}/{value[2:]}" if kind is RedactionKind.EXPIRY else written(value, rng)
    if not value.isdigit():
        return " ".join(_DIGITS[int(sign)] if sign.isdigit() else sign.lower() for sign in value)
    how = "groups" if style == "split" else rng.choice(("single", "groups", "repeats", "pairs"))
    if kind in (RedactionKind.SECURITY_CODE, RedactionKind.NATIONAL_ID) and how == "pairs":
        how = "single"
    said = spoken(value, rng, how)
    return misheard(said, rng) if style == "misheard" else said


_HARMLESS = (
    ["your order number is {d8}", "order {d10} was shipped", "it's ticket {s6}", "the reference is {s7}",
     "that comes to {price}", "I paid {price} for two of them", "we open at {time} and close at {time}",
     "it was on {date}", "in {year} we moved", "there were {small} people", "flight {s4} leaves at {time}",
     "case number {s8} is closed", "tracking number {d12}", "it's about {percent} percent",
     "room {s3} on the second floor", "I have two of them, three at most", "one of the four is broken",
     "一共是三百五十元", "订单号是{c8}", "我要两个"],
    ["invoice {d8} is still open", "the total was {price}", "my confirmation code is {s6}", "born in {year}",
     "call me at {time}", "please call back before {time} on {date}", "it costs {price} or {price} with the case",
     "the serial number is {s8}", "look at example dot com", "I'm at work at {time}", "version {s3}",
     "take one in the morning and two at night", "we have {small} rooms at {price} each", "zip code {s5}",
     "二零二四年我们搬家了", "尾号是{c4}", "the model is {s4}", "extension {s4}", "policy number {s8} please",
     "the warranty covers 2023, 2024, 2025 and 2026", "from 2019 to 2021, and then 2022 to 2024",
     "your reservation is {d10}"],
)  # fmt: skip
"""For tuning, and held out. d: figures, s: spoken, c: Chinese."""


def harmless(count: int, seed: int, *, held_out: bool) -> Iterator[str]:
    """So many utterances with numbers that nobody needs to mask."""
    rng = random.Random(seed)
    templates = _HARMLESS[held_out]
    for number in range(count):
        text = templates[number % len(templates)]
        while "{" in text:
            before, _, rest = text.partition("{")
            name, _, after = rest.partition("}")
            text = before + _filled(name, rng) + after
        yield text


def _filled(name: str, rng: random.Random) -> str:
    match name:
        case "price":
            whole, cents = rng.randint(2, 999), rng.randint(1, 99)
            return rng.choice([f"${whole}.{cents:02}", f"{_in_pairs(str(whole)[-2:])} dollars", f"{whole} pounds"])
        case "time":
            hour = rng.randint(1, 12)
            return rng.choice([f"{hour}:{rng.randint(10, 59)}", f"{_in_pairs(f'{hour:02}')} thirty p m"])
        case "date":
            return rng.choice(["march third", f"{rng.randint(1, 12)}/{rng.randint(1, 28)}/2026", "2026-03-14"])
        case "year":
            return rng.choice([f"nineteen {_in_pairs(str(rng.randint(50, 99)))}", str(rng.randint(1950, 2026))])
        case "small" | "percent":
            return _in_pairs(str(rng.randint(20, 99)))
    digits = str(rng.randint(1, 9)) + _some(rng, int(name[1:]) - 1)
    match name[0]:
        case "d":
            return digits
        case "c":
            return in_chinese(digits, rng)
    return spoken(digits, rng, "single")
