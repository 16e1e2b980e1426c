"""Whom an m-line hears, decided from what is seen of its senders."""

from dataclasses import dataclass, field

from telephony.line.gate import LONGEST_PATIENCE_S, PATIENCE_S, PAUSE_S, PROBE_S, SourceGate

HOST = "192.0.2.1"
PARTY, NEIGHBOR, NAT, STRANGER = f"{HOST}:4000", f"{HOST}:4002", "203.0.113.5:61234", "198.51.100.9:4000"
STEP_S = 0.02


@dataclass
class Port:
    """An RTP port behind a gate: every sender's packet of 20 ms is heard or kept out as the gate says."""

    gate: SourceGate = field(default_factory=lambda: SourceGate(PARTY))
    heard: list[str] = field(default_factory=list)
    kept_out: int = 0
    now: float = 0.0

    def run(self, seconds: float, *senders: str) -> set[str]:
        """Who was heard while these sent."""
        before = len(self.heard)
        end = self.now + seconds
        while self.now < end:
            for sender in senders:
                if self.gate.allowed in ("", sender, sender.partition(":")[0]):
                    self.heard.append(sender)
                else:
                    self.kept_out += 1
            if self.gate.due(self.now):
                last = self.heard[-1] if self.heard else ""
                self.gate.look(last, len(self.heard), self.kept_out, self.now)
            self.now += STEP_S
        return set(self.heard[before:])


def test_while_nobody_sends_the_partys_host_is_let_in() -> None:
    port = Port()
    assert port.run(60) == set()
    assert port.gate.allowed == HOST


def test_a_party_at_its_address_is_the_only_one_ever_heard_whoever_else_sends() -> None:
    port = Port()
    assert port.run(PROBE_S / 2, STRANGER) == set()
    assert port.run(60, STRANGER, PARTY, STRANGER, NAT) == {PARTY}
    assert port.run(PAUSE_S / 2, STRANGER) == set()
    assert port.run(1, STRANGER, PARTY) == {PARTY}


def test_a_party_that_sends_from_another_port_of_its_host_loses_nothing() -> None:
    port = Port()
    port.run(60, NEIGHBOR)
    assert len(port.heard) == 60 / STEP_S
    assert port.gate.allowed == NEIGHBOR


def test_a_party_behind_a_nat_loses_its_beginning_only() -> None:
    port = Port()
    port.run(10, NAT)
    assert 0 < port.kept_out * STEP_S < PROBE_S + 0.1
    assert port.gate.allowed == NAT


def test_a_neighbor_that_was_there_first_gives_way_to_the_party() -> None:
    port = Port()
    port.run(1, NEIGHBOR)
    port.run(PATIENCE_S + PROBE_S + 1, NEIGHBOR, PARTY)
    assert port.run(60, NEIGHBOR, PARTY) == {PARTY}


def test_a_stranger_beside_a_party_behind_a_nat_costs_it_ever_fewer_probes() -> None:
    port = Port()
    port.run(1, NAT)
    assert port.run(600, NAT, STRANGER) == {NAT}
    lost_s = 600 - len(port.heard) * STEP_S
    assert lost_s < (9 + 600 / LONGEST_PATIENCE_S) * (PROBE_S + 0.1)


def test_after_a_pause_the_party_may_come_from_elsewhere_and_come_back() -> None:
    port = Port()
    port.run(5, PARTY)
    port.run(PAUSE_S + 1, NAT)
    assert port.gate.allowed == NAT
    port.run(PATIENCE_S + PROBE_S + 1, NAT, PARTY)
    assert port.gate.allowed == PARTY
