"""Nodes that share a database behind Kamailio: calls over all lines, a line killed, nodes drained and restarted."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from callscribe.cli.ports import free_port
from callscribe.cli.roles import ECHO_S
from tests.acceptance import siprec
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer, Reply
from tests.acceptance.recording import start_session
from tests.acceptance.role import running_role
from tests.acceptance.service import RtpPorts, RunningService, wait_for
from tests.acceptance.sipp import Scenario, plain_sdp, start_sipp
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken
from tests.kamailio import running_kamailio

pytestmark = pytest.mark.acceptance

LINES, CALLS_A_LINE = 5, 4
PLACES = LINES * CALLS_A_LINE
RTP_PORTS_A_LINE = 32
TALK_S = 30
SPEECH = excerpt(2)
MID_CALL_S = 3.0
ASK_S = 1.0
"""A line takes 12 new streams a second: who asks more often by calls gets 503."""
METADATA_BYTES = 40 * 1024


@dataclass(frozen=True, slots=True)
class Node:
    """`callscribe sip` alone. Its process, as a service of which only that runs here."""

    name: str
    running: RunningService

    @property
    def port(self) -> int:
        return self.running.sip_port

    def terminate(self) -> None:
        assert self.running.process is not None
        self.running.process.send_signal(signal.SIGTERM)

    def ends(self, seconds: float) -> int:
        """Its exit status, once it has ended by itself."""
        assert self.running.process is not None
        return self.running.process.wait(seconds)

    def is_at(self, reply: Reply) -> bool:
        """Whether it gave this answer."""
        return f":{self.port}" in reply.header("Contact")

    def counter(self, name: str) -> int:
        """As the web process of the service tells it, up to a second late."""
        return int(self.running.counter(f'callscribe_{name}{{node="{self.name}"'))

    def calls(self) -> int:
        return self.counter("calls_active")


@contextmanager
def running_node(name: str, service: RunningService, folder: Path, sip: Mapping[str, str]) -> Iterator[Node]:
    """A further node of the service's installation; it hears with the service's recognisers."""
    environment = Path(f"/proc/{service.pids('sip')[0]}/environ").read_bytes().decode().split("\0")
    known = dict(entry.split("=", 1) for entry in environment if "=" in entry)
    (folder / name).mkdir(parents=True)
    settings = {
        "database.url": known["CALLSCRIBE_DATABASE__URL"],
        "events.url": known["CALLSCRIBE_EVENTS__URL"],
        "recognizer.urls": known["CALLSCRIBE_RECOGNIZER__URLS"],
        "node.name": name,
        "node.data_folder": str(folder / name / "data"),
        # As the service itself: how busy others keep the machine must not decide which calls a test gets.
        "admission.by_load": "false",
        "sip.host": "127.0.0.1",
        "sip.port": str(free_port()),
        **sip,
    }
    with running_role("sip", folder / name, settings) as process:
        yield Node(
            name,
            RunningService(
                folder / name, sip_port=int(settings["sip.port"]), web_port=service.web_port, process=process
            ),
        )


@pytest.fixture
def nodes(service: RunningService, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes of five lines."""
    ports = RtpPorts()

    def sip(number: int) -> dict[str, str]:
        first = ports.first + number * LINES * RTP_PORTS_A_LINE
        last = first + LINES * RTP_PORTS_A_LINE - 1
        return {"sip.lines": str(LINES), "sip.rtp_port_min": str(first), "sip.rtp_port_max": str(last)}

    with (
        running_node("left", service, tmp_path, sip(0)) as left,
        running_node("right", service, tmp_path, sip(1)) as right,
    ):
        yield left, right
    ports.give_back()


def plain() -> Asked:
    return Asked(body=AUDIO_OFFER.format(port=40000))


def recording() -> Asked:
    """A recording session with so much metadata that it goes to its node over TCP."""
    body = siprec.multipart(siprec.offer((40000, 40002)), padding=METADATA_BYTES)
    headers = dict(header.split(": ", 1) for header in siprec.HEADERS)
    return Asked(body=body, content_type=siprec.CONTENT_TYPE, headers=headers)


def test_of_forty_calls_over_two_nodes_only_a_killed_lines_are_lost(
    service: RunningService, nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    left, right = nodes
    with running_kamailio([left.port, right.port], maxload=PLACES) as proxy:
        scenario = Scenario(plain_sdp(), during=f'<pause milliseconds="{TALK_S * 1000}"/>')
        caller = start_sipp(scenario, proxy, tmp_path, calls=2 * PLACES, rate=20)
        wait_for(lambda: left.calls() == right.calls() == PLACES, "forty calls on ten lines")

        os.kill(left.running.line_pids()[0], signal.SIGKILL)
        wait_for(lambda: left.calls() == PLACES - CALLS_A_LINE, "the end of the killed line's calls")
        wait_for(lambda: left.counter("calls_capacity") == PLACES, "the killed line's successor")
        right.terminate()
        assert drains(right).header("Retry-After") == "2"
        with RawPeer("UDP", right.port) as peer:
            assert peer.establish(plain()).status == 503

        assert left.is_at(place(proxy, plain(), "UDP"))
        assert left.is_at(place(proxy, recording(), "TCP"))
        assert right.calls() == PLACES

        assert caller.wait(TALK_S + 60) == 1
        assert right.ends(60) == 0
    assert ends(service, caller.call_ids) == Counter(
        {
            ("left", "ended", "bye"): PLACES - CALLS_A_LINE,
            ("left", "interrupted", "line-lost"): CALLS_A_LINE,
            ("right", "ended", "bye"): PLACES,
        }
    )
    # The killed line's callers were told.
    told = re.findall(r"^BYE sip:2001@.*?^Call-ID: (\S+)", caller.messages, re.MULTILINE | re.DOTALL)
    assert len(set(told)) == CALLS_A_LINE


def drains(node: Node) -> Reply:
    """What the node answers to a ping once it drains."""
    with RawPeer("UDP", node.port) as peer:
        asked = Asked("OPTIONS")
        return wait_for(lambda: _if_status(peer.ask(asked), 503), "the node's word that it drains")


def place(port: int, asked: Asked, transport: str) -> Reply:
    """Call and hang up; the answer."""
    with RawPeer(transport, port) as peer:
        reply = peer.establish(asked)
        assert reply.status == 200
        assert peer.hang_up(asked, reply).status == 200
        return reply


def both_take(port: int) -> bool:
    """Whether the second of two calls goes to another node than the first."""
    with established(port) as first, established(port) as second:
        return first.status == second.status == 200 and first.header("Contact") != second.header("Contact")


def goes_on_without(node: Node, port: int) -> bool:
    """Whether a call goes to another node."""
    with established(port) as reply:
        return reply.status == 200 and not node.is_at(reply)


@contextmanager
def established(port: int) -> Iterator[Reply]:
    """The answer to a call, which goes on within it where it was taken."""
    asked = plain()
    with RawPeer("UDP", port) as peer:
        reply = peer.establish(asked)
        yield reply
        if reply.status == 200:
            assert peer.hang_up(asked, reply).status == 200


def _if_status(reply: Reply, status: int) -> Reply | None:
    return reply if reply.status == status else None


def ends(service: RunningService, sip_call_ids: Sequence[str]) -> Counter[tuple[str, str, str]]:
    """How many calls ended how, by node, state and reason."""

    def over() -> Counter[tuple[str, str, str]] | None:
        calls = [service.find_call(sip_call_id) for sip_call_id in sip_call_ids]
        if any(call is None or call["state"] == "active" for call in calls):
            return None
        return Counter((call["node"], call["state"], call["end_reason"]) for call in calls if call)

    return wait_for(over, "the end of every call")


def test_nodes_restarted_one_after_the_other_cost_no_word(service: RunningService, tmp_path: Path) -> None:
    ports = RtpPorts()
    sip_ports = {"left": free_port(), "right": free_port()}

    def sip(name: str) -> dict[str, str]:
        first = ports.first + list(sip_ports).index(name) * RTP_PORTS_A_LINE
        rtp = {"sip.rtp_port_min": str(first), "sip.rtp_port_max": str(first + RTP_PORTS_A_LINE - 1)}
        return {"sip.port": str(sip_ports[name]), "sip.lines": "1", "node.data_folder": str(tmp_path / name), **rtp}

    with ExitStack() as stack:
        nodes = {
            name: stack.enter_context(running_node(name, service, tmp_path / "old", sip(name))) for name in sip_ports
        }
        proxy = stack.enter_context(running_kamailio(list(sip_ports.values())))
        through_proxy = replace(service, sip_port=proxy)
        sessions = []
        for name, node in nodes.items():
            wait_for(lambda: both_take(proxy), "calls of the proxy to both nodes", every_s=ASK_S)
            going = [start_session(through_proxy, tmp_path, SPEECH) for _ in nodes]
            time.sleep(MID_CALL_S)
            node.terminate()
            drains(node)
            wait_for(partial(goes_on_without, node, proxy), "calls of the proxy to the other node", every_s=ASK_S)
            going.append(start_session(through_proxy, tmp_path, SPEECH))
            assert node.ends(90) == 0
            for session in going:
                session.finish()
            stack.enter_context(running_node(name, service, tmp_path / "new", sip(name)))
            sessions += going
        calls = [service.wait_call(session.sip_call_id) for session in sessions]
        assert Counter(call["node"] for call in calls) == Counter(left=3, right=3)
    assert {(call["state"], call["end_reason"]) for call in calls} == {("ended", "bye")}
    for call in calls:
        assert_spoken(service, call["id"], SPEECH)
        assert_nothing_twice(service, call["id"])
    ports.give_back()


def test_a_second_signal_ends_the_calls_that_a_node_waits_for(service: RunningService, tmp_path: Path) -> None:
    ports = RtpPorts()
    sip = {"sip.lines": "1", "sip.rtp_port_min": str(ports.first), "sip.rtp_port_max": str(ports.last)}
    with running_node("alone", service, tmp_path, sip) as node, RawPeer("UDP", node.port) as peer:
        asked = plain()
        assert peer.establish(asked).status == 200
        node.terminate()
        drains(node)
        # Sooner ones count as the first.
        time.sleep(ECHO_S + 0.5)
        assert node.running.process is not None
        assert node.running.process.poll() is None
        node.terminate()
        assert peer.receive_request(20).startswith("BYE sip:raw@127.0.0.1")
        assert node.ends(60) == 0
    ports.give_back()
    assert service.wait_call(asked.call)["end_reason"] == "drained"
