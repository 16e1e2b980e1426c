"""Calls through Kamailio, configured as deploy/ has it, to a running service."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance import siprec
from tests.acceptance.counting import counted
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer, Reply
from tests.acceptance.recording import start_speaking
from tests.acceptance.service import RunningService, running, wait_for
from tests.acceptance.sipp import Scenario, re_invite
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken
from tests.kamailio import running_kamailio

pytestmark = pytest.mark.acceptance

SPEECH = excerpt(3)


@pytest.fixture(scope="module")
def node(open_folder: Path) -> Iterator[RunningService]:
    """A service of two lines behind the proxy."""
    sip = "lines = 2\n"
    with running(RunningService(open_folder / "behind-proxy", {"sip": sip})) as started:
        yield started


@pytest.fixture(scope="module")
def proxy(node: RunningService) -> Iterator[int]:
    """The proxy's port."""
    with running_kamailio([node.sip_port], maxload=8) as port:
        yield port


def changing(ports: Sequence[int]) -> Scenario:
    """A recording session whose second party turns out, in mid-call, to have another name."""
    offer = siprec.offer(ports)
    renamed = siprec.METADATA.format(labels=("1", "2"), padding="").replace("Laura Bennett", "Laura Miller")
    changed = siprec.multipart(offer.replace("o=src 1 1", "o=src 1 2"), metadata=renamed)
    half = f'<pause milliseconds="{int(SPEECH.seconds * 500) + 250}"/>'
    return Scenario(
        siprec.multipart(offer),
        siprec.CONTENT_TYPE,
        siprec.HEADERS,
        during=half + re_invite(changed, siprec.CONTENT_TYPE) + half,
        requests_during=1,
    )


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_recording_session_through_the_proxy_is_changed_understood_and_ended(
    node: RunningService, proxy: int, tmp_path: Path, transport: str
) -> None:
    with counted(node, metadata_updates=1, calls_answered=1):
        session = start_speaking(changing, SPEECH, proxy, tmp_path, ("-t", transport))
        assert session.answer.count("Record-Route:") >= 1
        session.finish()
    call = node.wait_call(session.sip_call_id)
    assert call["end_reason"] == "bye"
    assert [channel["party"]["name"] for channel in call["channels"]] == ["Daniel", "Laura Miller"]
    assert_spoken(node, call["id"], SPEECH)
    assert_nothing_twice(node, call["id"])


def test_while_its_only_node_is_away_the_proxy_says_503(node: RunningService, proxy: int) -> None:
    assert place(proxy).status == 200
    node.stop()
    assert place(proxy).status == 503
    # Once the proxy has noticed, it does not even try.
    refused = wait_for(lambda: when(place(proxy), 503, "Retry-After"), "503 with Retry-After")
    assert refused.header("Retry-After") == "5"
    node.start()
    wait_for(lambda: when(place(proxy), 200), "the node's return")


def place(port: int) -> Reply:
    """Call, and hang up at once where that is answered; the answer."""
    with RawPeer("UDP", port) as peer:
        asked = Asked(body=AUDIO_OFFER.format(port=40000))
        reply = peer.establish(asked)
        if reply.status == 200:
            assert peer.hang_up(asked, reply).status == 200
        return reply


def when(reply: Reply, status: int, header: str = "") -> Reply | None:
    """The reply where it is the one waited for."""
    return reply if reply.status == status and (not header or reply.header(header)) else None
