"""What is found in texts, of which kind, and what is left alone."""

from collections.abc import Sequence

import pytest

from callscribe.domain.redaction import RedactionKind
from callscribe.text.redaction.finding import find
from callscribe.text.redaction.symbols import Line

ALL = frozenset(RedactionKind)
SAID_IN_S = 3.0


def lines_of(turns: Sequence[tuple[int, str]], step_s: float = SAID_IN_S) -> list[Line]:
    return [Line(channel, n * step_s, n * step_s + 2.5, text) for n, (channel, text) in enumerate(turns)]


def found(*texts: str, kinds: frozenset[RedactionKind] = ALL) -> list[tuple[str, str]]:
    """Kind and what stands there, of one channel's utterances."""
    lines = lines_of([(0, text) for text in texts])
    return [
        (finding.kind, " | ".join(lines[place.line].text[place.start : place.end] for place in finding.places))
        for finding in find(lines, kinds)
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("card", "it's [4111 1111 1111 1111] thanks"),
        ("card", "[378282246310005]"),
        ("card", "it is [four one double one, triple one one one one one one, one one one one]"),
        ("card", "[forty one eleven eleven eleven eleven eleven eleven eleven]"),
        ("card", "[four one for one uh one one won one one one one one one one one one]"),
        ("phone", "call me back on [415-555-1212] please"),
        ("phone", "my number is [oh seven seven double oh nine hundred one two three]"),
        ("phone", "plus [four four two oh seven nine four six oh nine five eight]"),
        ("account", "[GB29 NWBK 6016 1331 9268 19] it is"),
        ("account", "it is [NL17 AB NA2 78 50 7055 9] at Lloyds"),
        ("account", "[NL 62 ABN A44 48 676 591] thanks"),
        ("account", "my account number is [one two three four five six seven eight]"),
        ("account", "the sort code is [twenty thirty forty]"),
        ("account", "[one two three four five six seven] is the account number"),
        ("account", "the sort code is [60-83-71]."),
        ("email", "it's [maria@corp.com.ar], thanks"),
        ("email", "mail [jane.doe@firma.gr] please"),
        ("email", "[info@acme.travel]. Thanks"),
        ("security-code", "and the security code is [four seven one]"),
        ("expiry", "it expires [april twenty twenty eight]"),
        ("expiry", "expiry date [04/28]"),
        ("national-id", "social is [five one two, three four, six seven eight nine]"),
        ("national-id", "[078-05-1120]"),
        ("email", "write to [john.smith@example.com]."),
        ("email", "it's [john dot smith at example dot co dot uk] please"),
        ("email", "[j o h n at e x a m p l e dot c o m]"),
        ("email", "my email is [john smith seventy two at gmail dot com]"),
        ("card", "卡号是[六二二二零二一二三四五六七八九零]"),
        ("phone", "我的手机是[幺三八零零幺三八零零零]"),
        ("email", "我的邮箱是[zhangsan艾特qq点com]"),
    ],
)
def test_a_number_or_address_is_found_whole_and_by_its_kind(kind: str, text: str) -> None:
    before, _, rest = text.partition("[")
    said, _, after = rest.partition("]")
    assert (kind, said) in found(before + said + after)


@pytest.mark.parametrize(
    "text",
    [
        "your order number is 41555512",
        "ticket seven three oh six",
        "it's $1,299.99 or twenty five dollars",
        "between ten thirty and four forty five p m",
        "on 12/25/2026 or 2026-03-14",
        "back in nineteen eighty four",
        "I have two of them, one for each",
        "look at example dot com",
        "the last four digits are one two three four",
        "一共是三百五十元",
        "订单号是一二三四五六七八",
    ],
)
def test_what_nobody_needs_to_hide_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_number_is_found_over_the_pauses_between_its_parts() -> None:
    parts = (
        "it's five four two five",
        "uh, two three three four",
        "okay",
        "three zero one zero",
        "nine nine zero three",
    )
    assert found(*parts) == [
        ("card", "five four two five | two three three four | three zero one zero | nine nine zero three")
    ]


def test_a_pause_that_is_too_long_parts_two_numbers() -> None:
    lines = lines_of([(0, "five four two five two three"), (0, "three four three zero one zero nine")], step_s=20.0)
    assert find(lines, ALL) == ()


def test_who_repeats_a_part_of_a_number_is_masked_too() -> None:
    lines = lines_of([(0, "5425 2334 3010 9903"), (1, "three zero one zero?"), (1, "nine eight seven")])
    assert [(finding.kind, [place.line for place in finding.places]) for finding in find(lines, ALL)] == [
        ("card", [0]),
        ("card", [1]),
    ]


def test_what_the_other_party_asked_for_tells_what_the_answer_is() -> None:
    for question in ("And your account number?", "I need your bank details for that.", "Your banking information?"):
        asked = lines_of([(1, question), (0, "six five seven three two two")])
        assert [finding.kind for finding in find(asked, ALL)] == ["account"]
    assert find(lines_of([(0, "six five seven three two two")]), ALL) == ()


def test_only_the_kinds_that_are_asked_for_are_found() -> None:
    text = "the card is 5425 2334 3010 9903 and my mail is ann@example.com"
    assert found(text, kinds=frozenset((RedactionKind.EMAIL,))) == [("email", "ann@example.com")]


@pytest.mark.parametrize(
    "text",
    [
        "the warranty covers 2023, 2024, 2025 and 2026",
        "I was there from 2019 to 2021, and then 2022 to 2024",
        "the reservation number is 4 5 5 1 2 2 9 0 8 8",
    ],
)
def test_years_and_reservations_are_no_numbers_to_mask(text: str) -> None:
    assert found(text) == []
