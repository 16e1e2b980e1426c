"""Ids of other systems, as people look for them."""

import pytest

from telephony.vendor_ids import vendor_id


@pytest.mark.parametrize(
    ("kind", "written", "found"),
    [
        ("cisco-guid", " 1-2-3-4 ", [("cisco-guid", "1-2-3-4")]),
        ("user-to-user", "4A6F65;encoding=hex", [("user-to-user", "4A6F65")]),
        ("user-to-user", '"order 17" ; purpose=isdn-uui;encoding=ascii', [("user-to-user", "order 17")]),
        ("ucid", "00001000771597647644", [("ucid", "00001000771597647644")]),
        ("ucid", ";encoding=hex", []),
        ("user-to-user", "a;b; Encoding =hex;c", [("user-to-user", "a;b")]),
        ("session-id", "ab;remote=cd", [("session-id", "ab;remote=cd")]),
        ("ucid", "a" + " " * 60_000 + "b", [("ucid", "a" + " " * 60_000 + "b")]),
    ],
)
def test_an_id_is_kept_without_what_stands_around_it(kind: str, written: str, found: list[tuple[str, str]]) -> None:
    assert list(vendor_id(kind, written)) == found


@pytest.mark.parametrize(
    "written",
    ["00FA080001004D5F3A2B1C;encoding=hex", "04fa080001004d5f3a2b1c", "04C8034A6F65FA080001004D5F3A2B1C;encoding=hex"],
)
def test_a_ucid_in_hexadecimal_is_told_in_digits_too(written: str) -> None:
    assert vendor_id("user-to-user", written)[1] == ("ucid", "00001000771597647644")


def test_hexadecimal_of_another_kind_holds_no_ucid() -> None:
    assert vendor_id("cisco-guid", "FA080001004D5F3A2B1C") == (("cisco-guid", "FA080001004D5F3A2B1C"),)
