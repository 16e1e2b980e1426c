"""Trunks by source address."""

import pytest

from telephony.settings import RegisterSettings, TrunkSettings
from telephony.trunks import Trunks

TRUNKS = Trunks(
    (
        TrunkSettings(name="office", allow=("10.0.0.0/8",)),
        TrunkSettings(name="sbc", allow=("10.1.2.3/32", "203.0.113.0/24")),
        TrunkSettings(name="also-office", allow=("10.0.0.0/8",)),
    )
)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("10.9.9.9", "office"),
        ("10.1.2.3", "sbc"),
        ("203.0.113.200", "sbc"),
        ("::ffff:10.1.2.3", "sbc"),
        ("198.51.100.1", None),
        ("::1", None),
        ("sbc.example.com", None),
    ],
)
def test_the_longest_prefix_wins(host: str, name: str | None) -> None:
    trunk = TRUNKS.find(host)
    assert (trunk.name if trunk else None) == name


def test_private_addresses_may_call_by_default() -> None:
    trunks = Trunks((TrunkSettings(name="default"),))
    found = [trunks.find(host) is not None for host in ("127.0.0.1", "192.168.1.1", "100.64.0.1", "8.8.8.8")]
    assert found == [True, True, True, False]


def test_other_trunks_take_the_place_of_those_before() -> None:
    account = RegisterSettings(registrar="pbx.example.com", extension="4711")
    trunks = Trunks((TrunkSettings("old", allow=("192.0.2.1/32",)), TrunkSettings("desk", allow=(), register=account)))
    trunks.learn("desk", ["192.0.2.9"])
    [(contact, _)] = trunks.registered
    trunks.take(
        Trunks((TrunkSettings("new", allow=("192.0.2.2/32",)), TrunkSettings("desk", allow=(), register=account)))
    )
    assert trunks.find("192.0.2.1") is None
    assert [each.name for host in ("192.0.2.2", "192.0.2.9") if (each := trunks.find(host))] == ["new", "desk"]
    # Who registers as before is called as before.
    assert [user for user, _ in trunks.registered] == [contact]
