"""Check digits and shapes of numbers."""

import pytest

from callscribe.text.redaction import numbers


@pytest.mark.parametrize("digits", ["4111111111111111", "5555555555554444", "378282246310005", "30569309025904",
                                    "3530111333300000", "6011111111111117", "6200000000000005"])  # fmt: skip
def test_test_numbers_of_the_card_brands_are_cards(digits: str) -> None:
    assert numbers.is_card(digits)
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    assert not numbers.is_card(wrong)


def test_a_number_with_a_check_digit_is_no_card_where_no_brand_begins_so() -> None:
    assert numbers.luhn("1234567812345670")
    assert not numbers.is_card("1234567812345670")


@pytest.mark.parametrize("iban", ["GB82WEST12345698765432", "DE89370400440532013000", "NL91ABNA0417164300"])
def test_an_iban_has_its_remainder(iban: str) -> None:
    assert numbers.is_iban(iban)
    assert not numbers.is_iban(iban[:-1] + ("0" if iban[-1] != "0" else "1"))


def test_a_chinese_identity_number_has_its_check_digit() -> None:
    assert numbers.is_chinese_id("110101199003070177") != numbers.is_chinese_id("110101199003070178")


@pytest.mark.parametrize(
    "digits", ["4155551212", "14155551212", "02079460958", "07700900123", "13800138000", "0012125550100"]
)
def test_telephone_numbers_are_known_by_their_shape(digits: str) -> None:
    assert numbers.is_telephone(digits)


@pytest.mark.parametrize("digits", ["1234567", "1155551212", "20261122"])
def test_other_digits_are_none(digits: str) -> None:
    assert not numbers.is_telephone(digits)
