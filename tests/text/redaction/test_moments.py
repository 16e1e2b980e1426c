"""Days and times are told from the numbers that look like them, beside words that tell of an account or a card."""

import pytest

from callscribe.domain.redaction import RedactionKind
from callscribe.text.redaction.finding import find
from callscribe.text.redaction.moments import tells_time
from callscribe.text.redaction.symbols import Line

KINDS = frozenset(RedactionKind)


def kinds(*texts: str) -> list[str]:
    """What is found in utterances of alternating parties."""
    lines = [Line(place % 2, place * 5.0, place * 5.0 + 4, text) for place, text in enumerate(texts)]
    return [found.kind for found in find(lines, KINDS)]


@pytest.mark.parametrize(
    "text",
    [
        "it was on 22 11 2026 at 14 30 15",
        "22 11 2026 14 30",
        "I paid by card in 2024",
        "I had the account from 2019 until 2021",
        "the card team meets at 14 30",
        "my account was opened on 12.11.26",
        "the account statement of 03/11/26 is wrong",
        "we closed the account on 2026 11 22 at 9 15",
        "between 14 30 and 16 15 nobody answered the phone",
        "there are 2500 points on my account",
        "with 1200 transactions on the card",
        "I think it was 12/11/26 when we last spoke about it",
        "you can reach me between 14 30 and 16 15",
        "call me between 12 15 and 16:30",
        "call me before 9 15",
        "I had the account from 2019 to 2021",
    ],
)
def test_days_times_and_quantities_are_no_numbers_to_mask(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "the sort code is 12.34.56",
        "sort code 12/11/10",
        "sort code 12.11.10 and account number 12345678",
        "12/34/56, account 12345678",
        "my account number is 2019 2021",
        "account number 14 30 15 16",
        "the account is 22 11 20 26",
        "transfer it from account 2211 2026",
    ],
)
def test_account_numbers_that_look_like_them_are_masked(text: str) -> None:
    assert set(kinds(text)) == {"account"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("You can reach me at 06 12 15 10 30", "phone"),
        ("call me at twenty fifteen ten thirty", "phone"),
        ("call me at 12 34 56", "phone"),
        ("dial 12 34 and 15 10 30", "phone"),
        ("My account number starts from 2012 1998 2011", "account"),
        ("My account number, by heart it's of 2019 2021", "account"),
        ("My account number, it's at 20 45 12 30", "account"),
    ],
)
def test_numbers_in_pairs_behind_at_from_and_of_are_masked(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "answer", ["You can get me at 06 12 15 10 30", "It's at 20 45 12 30", "From 14 30 and 15 10 20"]
)
def test_who_asks_for_a_telephone_number_gets_one(answer: str) -> None:
    assert kinds("What's your phone number?", answer) == ["phone"]


@pytest.mark.parametrize("code", ["12-11-10", "12.11.10", "12/11/10", "40.47.84"])
def test_who_asks_for_a_sort_code_gets_one(code: str) -> None:
    assert kinds("And the sort code?", f"It's {code}") == ["account"]


@pytest.mark.parametrize("text", ["the security code is 2024", "my pin is 1430", "the card expires in 2028"])
def test_codes_and_expiry_dates_stay_masked(text: str) -> None:
    assert kinds(text)[0] in ("security-code", "expiry")


def test_a_card_number_stays_one_wherever_it_stands() -> None:
    assert kinds("I paid it on 4111 1111 1111 1111") == ["card"]


@pytest.mark.parametrize(
    ("figures", "before", "told"),
    [
        (["22", "11", "2026"], "on", True),
        (["22", "11", "2026"], "is", False),
        (["11", "22", "2026", "9", "05"], "is", True),
        (["32", "11", "2026"], "on", False),
        (["24", "30"], "at", False),
        (["14", "60"], "at", False),
        (["14", "30"], "from", False),
        (["2024"], "in", True),
        (["2024"], "number", False),
        (["1824"], "in", False),
        (["2019", "until", "2021"], "from", True),
        (["2019", "2021"], "from", False),
        (["2012", "and", "1998", "and", "2011"], "from", False),
        (["14", "30", "16", "15"], "at", False),
        (["14", "30", "at", "16", "15"], "at", True),
        (["2019", "7"], "in", False),
        (["14", "30", "22", "11", "2026"], "is", True),
        (["7", "4111"], "at", False),
    ],
)
def test_figures_are_read_group_by_group(figures: list[str], before: str, told: bool) -> None:
    assert tells_time(figures, before) is told
