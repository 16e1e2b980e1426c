"""Tortured messages and noise at the service's port, and at a line's own, while a call goes on."""

import random
import time
from pathlib import Path

import pytest

from tests.acceptance.counting import nobody_dies
from tests.acceptance.raw_sip import RawPeer, Reply, farewell
from tests.acceptance.recording import undisturbed
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt
from tests.telephony.torture import ALL, Torture

pytestmark = pytest.mark.acceptance

SILENCE_S = 0.3
"""So long nothing comes where no answer is due; the others were answered within milliseconds."""
PAUSE_S = 0.1
"""Between two messages for a line: in front of it, the service sees to it that it never gets more INVITEs."""
NOISE = 100


def test_a_tortured_message_gets_its_answer_and_harms_no_call(service: RunningService, tmp_path: Path) -> None:
    with nobody_dies(service), undisturbed(service, tmp_path, excerpt(2)):
        for torture in ALL:
            assert answer(service.sip_port, torture) == torture.status, torture.name


def test_tortured_messages_and_noise_at_the_lines_themselves_harm_no_call(
    fragile: RunningService, tmp_path: Path
) -> None:
    """Other programs of the machine can reach a line's port on the loopback interface."""
    chance = random.Random(4475)
    ports = [port for pid in fragile.line_pids() for port in loopback_ports(pid)]
    assert len(ports) == len(fragile.line_pids())
    with nobody_dies(fragile), undisturbed(fragile, tmp_path, excerpt(2)):
        for port in ports:
            with RawPeer("UDP", port) as peer:
                for number, torture in enumerate(ALL):
                    peer.send(torture.data("127.0.0.1", peer.port, f"line-{port}-{number}"))
                    for _ in range(NOISE // 10):
                        peer.send(chance.randbytes(chance.randrange(1, 1400)))
                    time.sleep(PAUSE_S)
                told: list[tuple[str, int]] = []
                while reply := peer.receive(SILENCE_S):
                    told.append((reply.header("Call-ID"), reply.status))
            # It is a SIP stack that reads them; of strangers it takes no call.
            invites = {f"line-{port}-{number}" for number, each in enumerate(ALL) if each.text.startswith("INVITE")}
            statuses = {status for call, status in told if call in invites}
            assert 403 in statuses
            assert 200 not in statuses


def answer(port: int, torture: Torture) -> int | None:
    """The status of its final answer; a call that it made is hung up."""
    with RawPeer("UDP", port) as peer:
        peer.send(torture.data("127.0.0.1", peer.port, f"torture-{time.monotonic_ns()}"))
        reply = final(peer, 30.0 if torture.status else SILENCE_S)
        if reply and reply.status == 200 and "INVITE" in reply.header("CSeq"):
            acknowledgement, bye = farewell(reply)
            peer.send(acknowledgement.data("UDP", peer.port))
            assert peer.ask(bye).status == 200
        return reply.status if reply else None


def final(peer: RawPeer, seconds: float) -> Reply | None:
    while (reply := peer.receive(seconds)) and reply.status < 200:
        pass
    return reply


def loopback_ports(pid: int) -> list[int]:
    """The UDP ports that a process has bound on 127.0.0.1 (proc(5))."""
    sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
    own = [row[1].split(":") for row in rows if f"socket:[{row[9]}]" in sockets]
    return [int(port, 16) for address, port in own if address == "0100007F"]
