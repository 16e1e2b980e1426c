"""Words as a search sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.text.tokens import Token, tokens


def words(text: str) -> str:
    return " ".join(token.text for token in tokens(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'd like a Refund, please.", "id like a refund please"),
        ("don’t 'quote' the customers'", "dont quote the customers"),
        ("Déjà vu à l'hôtel, aujourd'hui", "deja vu a l hotel aujourdhui"),
        ("De\u0301ja\u0300 vu", "deja vu"),
        ("Straße, Ærø, Łódź, İstanbul", "strasse aero lodz istanbul"),
        ("e-mail snake_case AT&T U.S.", "e mail snake case at t u s"),
        ("$1,250,000.50 on 2026-11-22", "1250000 50 on 2026 11 22"),
        ("1,2,3 and 12,34", "1 2 3 and 12 34"),
        ("１２３ ＡＢＣ ٣٤", "123 abc 34"),
        ("B2B 4th", "b2b 4th"),
        ("soft\u00adhyphen", "softhyphen"),
        ("我要退款2,000元", "我 要 退 款 2000 元"),
        ("カードﾊﾞ", "カ ー ド バ"),
        ("คืนเงิน", "คื น เ งิ น"),
        ("ငွေပြန်", "ငွေ ပြ န်"),
        ("환불 해주세요", "환불 해주세요"),
        ("धनवापसी चाहिए", "धनवापसी चाहिए"),
        ("привет Ёж", "привет еж"),
        ("?! — 😀", ""),
        ("", ""),
    ],
)
def test_a_text_is_cut_into_folded_words(text: str, expected: str) -> None:
    assert words(text) == expected


def test_a_token_says_where_it_stands_in_the_text_as_it_was() -> None:
    assert tokens("«Ça» n'est 退款") == (
        Token("ca", 1, 3),
        Token("n", 5, 6),
        Token("est", 7, 10),
        Token("退", 11, 12),
        Token("款", 12, 13),
    )
    assert tokens("(don't)") == (Token("dont", 1, 6),)


@given(st.text())
def test_any_text_is_cut_in_order_and_what_was_cut_out_is_cut_alike(text: str) -> None:
    found = tokens(text)
    place = 0
    for token in found:
        assert token.text
        assert place <= token.start < token.end <= len(text)
        place = token.end
    again = [token.text for found_token in found for token in tokens(found_token.text)]
    assert again == [token.text for token in found]
