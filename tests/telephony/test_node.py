"""The node with real lines: a raw caller, the front, PJSUA2 and the sink."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from callscribe.domain.call import Role
from callscribe.domain.errors import PortUnavailable, SettingsError
from telephony.node import SipNode
from telephony.settings import RoleRule, SipSettings, TrunkSettings
from tests.telephony.proxy_bench import MULTIPART_TYPE
from tests.telephony.sip_peer import Peer
from tests.telephony.test_lines import free_range
from tests.telephony.test_node_joining import Sink
from tests.telephony.test_siprec import ANN, BOB, COMPLETE

pytestmark = pytest.mark.integration

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=sendonly\r\na=label:97\r\n"
    "m=audio 40002 RTP/AVP 8\r\na=sendonly\r\na=label:96\r\n"
)
RULE = RoleRule(agent_labels=("96",))


def body(metadata: str) -> str:
    return (
        f"--part\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n"
        f"--part\r\nContent-Type: application/rs-metadata+xml\r\n\r\n{metadata}\r\n--part--\r\n"
    )


@pytest.fixture
async def rig() -> AsyncIterator[tuple[SipNode, Sink]]:
    sink = Sink()
    first = free_range(64)
    settings = SipSettings(host="127.0.0.1", port=0, lines=2, rtp_port_min=first, rtp_port_max=first + 63)
    node = SipNode(settings, (TrunkSettings(name="src", roles=RULE),), sink)
    await node.start()
    yield node, sink
    await node.stop()


async def test_a_trunk_that_wants_what_pjsip_was_built_without_is_no_setting() -> None:
    first = free_range(32)
    settings = SipSettings(host="127.0.0.1", port=0, lines=1, rtp_port_min=first, rtp_port_max=first + 31)
    node = SipNode(settings, (TrunkSettings(name="web", codecs=("PCMU", "opus")),), Sink())
    with pytest.raises(SettingsError, match="names opus, which this PJSUA2 lacks"):
        await node.start()


async def until(sink: Sink, event: str) -> None:
    async with asyncio.timeout(5):
        while event not in sink.told:
            await asyncio.sleep(0.01)


def a_line() -> int:
    """The process id of one of our lines."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return next(int(child) for child in children if b"telephony.line\0" in Path(f"/proc/{child}/cmdline").read_bytes())


async def id_of(sink: Sink, peer: Peer) -> UUID:
    """The id of a peer's call, once it has started."""
    async with asyncio.timeout(5):
        while True:
            for started in sink.calls:
                if started.outside_ids.sip_call_id == peer.call:
                    return started.id
            await asyncio.sleep(0.01)


async def call(node: SipNode, transport: str, metadata: str = COMPLETE) -> tuple[Peer, str]:
    """An answered and acknowledged recording session, and its To tag."""
    peer = await Peer(transport).connect(node.ports.sip)
    peer.ask("INVITE", 1, body(metadata), MULTIPART_TYPE)
    answer = await peer.message()
    assert answer.startswith("SIP/2.0 200 ")
    found = re.search(r"^To: .*;tag=(\S+)\r$", answer, re.MULTILINE)
    assert found
    peer.ask("ACK", 1, to_tag=found[1])
    assert re.findall(r"a=label:(\S+)", answer) == ["97", "96"]
    assert re.findall(r"a=recvonly", answer) == ["a=recvonly"] * 2
    return peer, found[1]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_recording_session_with_forty_kilobytes_of_metadata(rig: tuple[SipNode, Sink], transport: str) -> None:
    node, sink = rig
    assert node.capacity == 8
    large = COMPLETE.replace("</recording>", "<!--" + "x" * 40000 + "--></recording>")
    peer, tag = await call(node, transport, large)
    await until(sink, "audio")
    started = sink.calls[0]
    assert [(c.label, c.party, c.role, c.codec) for c in started.channels] == [
        ("97", ANN, Role.CUSTOMER, "PCMU"),
        ("96", BOB, Role.AGENT, "PCMA"),
    ]
    assert node.active == 1
    changed = COMPLETE.replace("Bob B.", "Robert")
    peer.ask("UPDATE", 2, changed, "application/rs-metadata+xml", to_tag=tag)
    assert (await peer.message()).startswith("SIP/2.0 200 ")
    await until(sink, "updated")
    assert sink.calls[-1].caller.name == "Robert"
    peer.ask("BYE", 3, to_tag=tag)
    assert (await peer.message()).startswith("SIP/2.0 200 ")
    await until(sink, "ended")
    assert sink.ends[0].reason == "bye"
    assert sink.told[0] == "started"
    assert sink.told[-1] == "ended"
    await peer.close()


async def test_a_re_invite_within_a_recording_session(rig: tuple[SipNode, Sink]) -> None:
    node, sink = rig
    peer, tag = await call(node, "UDP")
    held = body(COMPLETE).replace("o=- 1 1", "o=- 1 2").replace("sendonly", "inactive")
    peer.ask("INVITE", 2, held, MULTIPART_TYPE, to_tag=tag)
    answer = await peer.message()
    assert answer.startswith("SIP/2.0 200 ")
    assert re.findall(r"a=(inactive|recvonly)", answer) == ["inactive"] * 2
    peer.ask("ACK", 2, to_tag=tag)
    peer.ask("BYE", 3, to_tag=tag)
    assert (await peer.message()).startswith("SIP/2.0 200 ")
    await until(sink, "ended")
    await peer.close()


async def test_labels_of_a_long_offer_and_of_four_m_lines_are_kept(rig: tuple[SipNode, Sink]) -> None:
    node, sink = rig
    many = "".join(f"a=rtpmap:{number} X-{number}/8000\r\n" for number in range(96, 127))
    line = f"RTP/AVP 0 {' '.join(map(str, range(96, 127)))}\r\na=sendonly\r\n{many}"
    head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    offer = head + "".join(f"m=audio {40000 + at} {line}a=label:{at}\r\n" for at in (1, 3, 5, 7))
    peer = await Peer("UDP").connect(node.ports.sip)
    peer.ask("INVITE", 1, offer)
    answer = await peer.message()
    assert re.findall(r"a=label:(\S+)", answer) == ["1", "3", "5", "7"]
    await until(sink, "started")
    assert [channel.label for channel in sink.calls[0].channels] == ["1", "3", "5", "7"]
    await peer.close()


async def test_a_re_invite_without_offer_is_offered_what_the_call_has(rig: tuple[SipNode, Sink]) -> None:
    node, sink = rig
    peer, tag = await call(node, "UDP")
    peer.ask("INVITE", 2, to_tag=tag)
    offered = await peer.message()
    assert offered.startswith("SIP/2.0 200 ")
    kept = re.findall(r"m=audio|a=recvonly|a=label:\d+", offered)
    assert kept == ["m=audio", "a=recvonly", "a=label:97", "m=audio", "a=recvonly", "a=label:96"]
    answer = OFFER.replace("RTP/AVP 8", "RTP/AVP 0").replace("t=0 0\r\n", "c=IN IP4 127.0.0.1\r\nt=0 0\r\n")
    peer.ask("ACK", 2, answer, to_tag=tag)
    await until(sink, "updated")
    assert [(channel.label, channel.codec) for channel in sink.calls[-1].channels] == [("97", "PCMU"), ("96", "PCMU")]
    peer.ask("BYE", 3, to_tag=tag)
    assert (await peer.message()).startswith("SIP/2.0 200 ")
    await peer.close()


async def test_a_re_invite_of_metadata_alone_may_be_acknowledged_without_an_answer(rig: tuple[SipNode, Sink]) -> None:
    node, sink = rig
    peer, tag = await call(node, "UDP")
    await until(sink, "started")
    peer.ask("INVITE", 2, COMPLETE.replace("Bob B.", "Robert"), "application/rs-metadata+xml", to_tag=tag)
    assert re.findall(r"a=label:(\S+)", await peer.message()) == ["97", "96"]
    peer.ask("ACK", 2, to_tag=tag)
    await until(sink, "updated")
    assert sink.calls[-1].caller.name == "Robert"
    peer.ask("INVITE", 3, OFFER.replace("o=- 1 1", "o=- 1 2"), to_tag=tag)
    assert (await peer.message()).startswith("SIP/2.0 200 ")
    assert node.active == 1
    await peer.close()


async def test_hang_up_and_drain_end_calls_with_bye(rig: tuple[SipNode, Sink]) -> None:
    node, sink = rig
    first, _ = await call(node, "UDP")
    second, _ = await call(node, "TCP")
    node.hang_up(await id_of(sink, first))
    assert (await first.message()).startswith("BYE sip:src@127.0.0.1:")
    await until(sink, "ended")
    await node.stop()
    assert (await second.message()).startswith("BYE sip:src@127.0.0.1:")
    assert [end.reason for end in sink.ends] == ["bye", "drained"]
    assert node.active == 0
    for peer in (first, second):
        await peer.close()


async def test_a_line_that_is_killed_costs_its_own_calls_only(rig: tuple[SipNode, Sink]) -> None:
    node, sink = rig
    first, _ = await call(node, "UDP")
    second, _ = await call(node, "UDP")
    for peer in (first, second):
        await id_of(sink, peer)
    os.kill(a_line(), signal.SIGKILL)
    await until(sink, "ended")
    assert [(end.reason, end.interrupted) for end in sink.ends] == [("line-lost", True)]
    assert node.active == 1
    bye = await asyncio.wait_for(asyncio.shield(_first_bye(first, second)), 5)
    assert bye.startswith("BYE sip:src@127.0.0.1:")
    third, _ = await call(node, "UDP")
    await id_of(sink, third)
    assert node.active == 2
    for peer in (first, second, third):
        await peer.close()


async def _first_bye(*peers: Peer) -> str:
    tasks = [asyncio.create_task(peer.message()) for peer in peers]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    return done.pop().result()


async def test_a_busy_port_is_told_before_any_line_is_spawned() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        settings = SipSettings(host="127.0.0.1", port=taken.getsockname()[1], lines=1)
        node = SipNode(settings, (TrunkSettings(name="x"),), Sink())
        with pytest.raises(PortUnavailable, match="in use by another process"):
            await node.start()
