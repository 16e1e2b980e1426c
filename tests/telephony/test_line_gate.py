"""Whom an m-line hears, decided from what is seen of its senders."""

from telephony.line.gate import LONGEST_PATIENCE_S, PAUSE_S, PROBE_S, SourceGate

PARTY, NAT, STRANGER = "192.0.2.1:4000", "203.0.113.5:61234", "198.51.100.9:4000"


def shut_after(gate: SourceGate, source: str, packets: int, now: float) -> bool:
    gate.look(source, packets, now)
    return gate.shut


def test_anybody_is_let_in_until_somebody_sends() -> None:
    gate = SourceGate(PARTY)
    for tenth in range(50):
        assert gate.due(tenth / 10)
        assert not gate.look("", 0, tenth / 10)
        assert not gate.shut


def test_a_party_that_sends_from_where_it_declared_is_the_only_one_from_then_on() -> None:
    gate = SourceGate(PARTY)
    gate.look(PARTY, 5, 0.1)
    assert gate.shut
    for second in range(1, 60):
        gate.look(PARTY, 50 * second, second)
        assert gate.shut


def test_a_stranger_who_was_there_first_is_shut_out_to_see_whether_the_party_sends_too() -> None:
    gate = SourceGate(PARTY)
    assert shut_after(gate, STRANGER, 5, 0.0)
    assert not gate.due(PROBE_S / 2)
    assert gate.look(PARTY, 10, PROBE_S)
    assert gate.shut


def test_a_party_that_sends_from_elsewhere_loses_one_probe_and_no_more() -> None:
    gate = SourceGate(PARTY)
    gate.look(NAT, 5, 0.0)
    gate.look(NAT, 5, PROBE_S)
    for second in range(1, 60):
        assert not gate.shut
        assert not gate.look(NAT, 50 * second, PROBE_S + second)


def test_a_party_that_comes_to_its_declared_address_later_is_found_there() -> None:
    gate = SourceGate(PARTY)
    gate.look(STRANGER, 5, 0.0)
    assert not shut_after(gate, STRANGER, 5, PROBE_S)
    assert shut_after(gate, PARTY, 60, 2.0)
    assert shut_after(gate, PARTY, 60, 2.0 + PROBE_S)


def test_a_stranger_beside_a_party_behind_a_nat_costs_it_ever_fewer_probes() -> None:
    gate = SourceGate(PARTY)
    probes, now = 0, 0.0
    while now < 600:
        if gate.due(now):
            was_shut = gate.shut
            gate.look(NAT if round(now * 10) % 2 else STRANGER, 50 * int(now), now)
            probes += gate.shut and not was_shut
        now += 0.1
    assert probes <= 9 + 600 / LONGEST_PATIENCE_S


def test_after_a_pause_the_party_may_come_from_elsewhere() -> None:
    gate = SourceGate(PARTY)
    gate.look(PARTY, 5, 0.0)
    gate.look(PARTY, 50, 1.0)
    assert shut_after(gate, PARTY, 50, 1.0 + PAUSE_S / 2)
    assert not shut_after(gate, PARTY, 50, 1.0 + PAUSE_S)
    assert shut_after(gate, NAT, 55, 1.1 + PAUSE_S)
    assert not shut_after(gate, NAT, 55, 1.2 + PAUSE_S)
