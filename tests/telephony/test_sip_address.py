"""Addresses, URIs and Via values, near-valid ones included."""

import pytest

from telephony.sip.address import (
    NameAddr,
    Uri,
    bare_address,
    clean,
    parse_name_addr,
    parse_uri,
    parse_via,
    user_part,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"A. \\"Bell\\"" <sip:a@b;x=1>;tag=9', NameAddr("sip:a@b;x=1", 'A. "Bell"', (("tag", "9"),))),
        ("Ann Lee <sip:a@b> ; tag = 7", NameAddr("sip:a@b", "Ann Lee", (("tag", "7"),))),
        ("sip:a@b;tag=7", NameAddr("sip:a@b", "", (("tag", "7"),))),
        ('"Mr. User <sip:u@b>;tag=1', NameAddr("sip:u@b", "Mr. User", (("tag", "1"),))),
        ("<sip:a@b;lr", NameAddr("sip:a@b;lr", "", ())),
        ("<sip:a@b>;+sip.src", NameAddr("sip:a@b", "", (("+sip.src", ""),))),
        ("caller<sip:a@b>", NameAddr("sip:a@b", "caller", ())),
        ("", NameAddr("", "", ())),
    ],
)
def test_name_and_address(value: str, expected: NameAddr) -> None:
    assert parse_name_addr(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:ann@192.0.2.1:5070;transport=TCP", Uri("sip", "ann", "192.0.2.1", 5070, (("transport", "TCP"),))),
        ("SIPS:host", Uri("sips", "", "host", 0)),
        ("sip:user;par=u%40net@example.com?h=1", Uri("sip", "user;par=u%40net", "example.com", 0)),
        ("sip:[2001:db8::1]:5060", Uri("sip", "", "2001:db8::1", 5060)),
        ("tel:+3581234;ext=5", Uri("tel", "+3581234", "", 0, (("ext", "5"),))),
        ("mailto:x@y", None),
        ("sip:", None),
        ("sip:a@b:99999", None),
        ("nonsense", None),
    ],
)
def test_uri(text: str, expected: Uri | None) -> None:
    assert parse_uri(text) == expected


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sip:ann:secret@example.com:5080;transport=tcp?x=y", "sip:ann@example.com"),
        ("sip:host.example.com", "sip:host.example.com"),
        ("tel:+358-1;phone-context=x", "tel:+358-1"),
        ("2249@192.0.2.1", "2249@192.0.2.1"),
        ("sip:a\x07b@example.com", "sip:a b@example.com"),
        ("", ""),
    ],
)
def test_a_partys_address_has_no_parameters(uri: str, address: str) -> None:
    assert bare_address(uri) == address


def test_the_user_part_is_unescaped() -> None:
    assert [user_part(a) for a in ("sip:%31001@b", "tel:+44", "1002@host", "sip:b")] == ["1001", "+44", "1002", ""]


def test_via_takes_received_and_fills_rport() -> None:
    via = parse_via("SIP / 2.0 / UDP  host.example.com : 5070 ;rport; branch = z9hG4bKx ;received=1.1.1.1")
    assert via is not None
    assert (via.transport, via.host, via.port, via.param("branch")) == ("UDP", "host.example.com", 5070, "z9hG4bKx")
    assert via.stamped("192.0.2.1", 999) == (
        "SIP/2.0/UDP host.example.com:5070;branch=z9hG4bKx;received=192.0.2.1;rport=999"
    )


def test_via_stays_as_it_is_where_nothing_is_to_be_told() -> None:
    via = parse_via("SIP/2.0/TCP 192.0.2.1;branch=b")
    assert via is not None
    assert via.stamped("192.0.2.1", 999) == "SIP/2.0/TCP 192.0.2.1;branch=b"


@pytest.mark.parametrize("value", ["", "SIP/2.0/UDP", "HTTP/1.1/TCP host", "SIP/2.0/UDP h:70000", "SIP/2.0/UDP ;;,"])
def test_what_is_no_via(value: str) -> None:
    assert parse_via(value) is None


def test_text_from_the_network_is_made_storable() -> None:
    assert clean("a\0b\r\nc\udcff" + "x" * 400) == "a b c " + "x" * 249
