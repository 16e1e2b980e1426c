"""Made calls that no rule of the redaction was made with or corrected by: another generator, other words, other values.

Written once and then left alone: whoever looks at what is missed here and changes a rule for it, makes another set.
"""

import random
from collections.abc import Iterator, Sequence

from benchmarks.secrets import Secret, Turn, card, iban
from callscribe.domain.redaction import RedactionKind

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_WORDS = dict(zip("0123456789", _NAMES, strict=True))
_MARKS = ("-", ".", "/", " ")
_ASKED = {
    RedactionKind.CARD: ("Which card would you like to use?", "Read me the digits across the front whenever you like."),
    RedactionKind.ACCOUNT: (
        "Could you give me the bank account it comes from?",
        "I'd need the IBAN, or the number and the sort code.",
        "What are your banking details, please?",
        "Where would you like the money sent?",
    ),
    RedactionKind.PHONE: ("Where can our driver reach you?", "What number are you calling from?"),
    RedactionKind.SECURITY_CODE: ("And the little code on the reverse, the CVV?", "What is the security code?"),
    RedactionKind.NATIONAL_ID: ("I also need your social security number for the form.", "Your social, please?"),
}
_ANSWERED = {
    RedactionKind.CARD: ("here we go, {}", "hold on, {}, did you get that", "{} and the name on it is Hughes"),
    RedactionKind.ACCOUNT: (
        "that would be {}, in my wife's name",
        "{} with Santander",
        "send it to {}, that's the joint account",
        "on the statement it says {}",
    ),
    RedactionKind.PHONE: ("{} is the one I always answer", "text me, {}", "he can dial {} any time"),
    RedactionKind.SECURITY_CODE: ("I can barely read it, {}", "{}"),
    RedactionKind.NATIONAL_ID: ("{} if I remember right", "my number there is {}"),
}
_SORT_CODE = (
    "the sort code is {code} and the account number is {account}",
    "{code}, account {account}",
    "it says sort code {code} on my statement",
    "account {account}, sort code {code}",
)
_HARMLESS = (
    "I opened the account on {date} in the branch",
    "I paid by card in {year}",
    "the card was sent on {row}",
    "we spoke on {row} at {clock}",
    "my account has been closed since {year}",
    "the meeting with the card team is at {clock}",
    "I had this account from {year} until {year}",
    "the statement of {date} shows it",
    "there were {count} transactions on the card",
    "I have {count} points on my account",
    "the technician was here on {row} {clock} and again on {row}",
    "the account was charged at {clock} on {date}",
    "between {clock} and {clock} nobody answered the phone",
    "by card it costs {count} euros more",
    "your contract runs from {date} to {date}",
    "the branch has {count} customers with this card",
    "since {year} we do not send cards by post",
    "log in to your account before {clock}",
)


def blind_secrets(count: int, seed: str) -> Iterator[Secret]:
    """So many of each kind and style; a style is how it is told."""
    rng = random.Random(seed)
    for kind in _ASKED:
        for style in ("spoken", "figures", "two turns"):
            if style == "two turns" and kind is RedactionKind.SECURITY_CODE:
                continue
            for _ in range(count):
                value = _value(kind, rng)
                yield Secret(kind, style, value, tuple(_turns(kind, style, value, rng)))
    for mark in _MARKS:
        for _ in range(count):
            code, account = _digits(rng, 6), _digits(rng, 8)
            written = mark.join((code[:2], code[2:4], code[4:]))
            text = rng.choice(_SORT_CODE).format(code=written, account=account)
            yield Secret(RedactionKind.ACCOUNT, f"sort code 12{mark}34{mark}56", code, ((1, text),))


def blind_harmless(count: int, seed: str) -> Iterator[str]:
    """So many utterances with numbers that nobody needs to mask, beside words that tell of some."""
    rng = random.Random(seed)
    for number in range(count):
        text = _HARMLESS[number % len(_HARMLESS)]
        while "{" in text:
            before, _, rest = text.partition("{")
            name, _, after = rest.partition("}")
            text = before + _filled(name, rng) + after
        yield text


def _digits(rng: random.Random, count: int) -> str:
    return str(rng.randint(1, 9)) + "".join(str(rng.randrange(10)) for _ in range(count - 1))


def _value(kind: RedactionKind, rng: random.Random) -> str:
    match kind:
        case RedactionKind.CARD:
            return card(rng)
        case RedactionKind.ACCOUNT:
            return iban(rng) if rng.random() < 0.3 else _digits(rng, rng.choice((8, 10)))
        case RedactionKind.PHONE:
            return rng.choice(("+44 7", "+1 3")).replace(" ", "") + _digits(rng, 9)
        case RedactionKind.SECURITY_CODE:
            return _digits(rng, 3)
    return _digits(rng, 9)


def _turns(kind: RedactionKind, style: str, value: str, rng: random.Random) -> Iterator[Turn]:
    yield 0, rng.choice(_ASKED[kind])
    parts = _parts(value, rng)
    told = [part if style == "figures" else _said(part, rng) for part in parts]
    answer = rng.choice(_ANSWERED[kind])
    if style != "two turns":
        yield 1, answer.format(" ".join(told))
        return
    half = max(1, len(told) // 2)
    before, _, after = answer.partition("{}")
    yield 1, before + " ".join(told[:half])
    yield 0, rng.choice(("go on", "I'm listening", "mhm"))
    yield 1, " ".join(told[half:]) + after


def _parts(value: str, rng: random.Random) -> Sequence[str]:
    """In groups of unlike lengths, as people read."""
    parts, at = [], 0
    while at < len(value):
        size = rng.choice((2, 3, 4)) if len(value) - at > 4 else len(value) - at
        parts.append(value[at : at + size])
        at += size
    return parts


def _said(part: str, rng: random.Random) -> str:
    words = [_WORDS.get(sign, "plus" if sign == "+" else sign) for sign in part]
    if len(words) == 2 and words[0] == words[1] and rng.random() < 0.5:
        return f"double {words[0]}"
    return " ".join(word if word.islower() else word.lower() for word in words)


def _filled(name: str, rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2015, 2026)
    match name:
        case "date":
            mark = rng.choice("./-")
            return f"{day:02}{mark}{month:02}{mark}{rng.choice((str(year), f'{year % 100:02}'))}"
        case "row":
            return f"{day} {month} {year}"
        case "year":
            return str(year)
        case "clock":
            hour, minute = rng.randint(7, 21), rng.randint(10, 59)
            return rng.choice((f"{hour} {minute}", f"{hour}:{minute}", f"{hour}.{minute}"))
    return str(rng.randint(1000, 9999))
