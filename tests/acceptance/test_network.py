"""Calls out of a house behind NAT, over a cable that delays, reorders, loses and doubles packets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.cli.ports import free_port
from tests.acceptance.network import DOUBLED_OF, LATE_OF, LOST_OF, House, house
from tests.acceptance.role import running_role
from tests.acceptance.service import RtpPorts, RunningService
from tests.acceptance.sipp import Scenario, launch, plain_sdp, write_capture
from tests.acceptance.speech import excerpt, mu_law
from tests.acceptance.transcripts import assert_nothing_twice, spoken
from tests.keys import PACKET_SAMPLES
from tests.peers import require
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

SILENCE_S = 2
"""After so much of it the node hangs up."""


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    with house() as made:
        yield made


@pytest.fixture(scope="module")
def sip_port(service: RunningService, home: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A second node of the service's installation, on the address that the house sees."""
    environment = Path(f"/proc/{service.pids('sip')[0]}/environ").read_bytes().decode().split("\0")
    known = dict(each.split("=", 1) for each in environment if "=" in each)
    port, ports = free_port(), RtpPorts()
    settings = {
        "database.url": known["CALLSCRIBE_DATABASE__URL"], "events.url": known["CALLSCRIBE_EVENTS__URL"],
        "recognizer.urls": known["CALLSCRIBE_RECOGNIZER__URLS"], "node.name": "house",
        "node.data_folder": str(tmp_path_factory.mktemp("house")), "sip.host": home.service, "sip.port": str(port),
        "sip.lines": "1",
        "sip.rtp_port_min": str(ports.first), "sip.rtp_port_max": str(ports.last),
        "sip.media_timeout_s": str(SILENCE_S),
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("role")
    (folder / "callscribe.toml").write_text(f'[[trunks]]\nname = "house"\nallow = ["{home.public}/32"]\n')
    with running_role("sip", folder, settings):
        yield port
    ports.give_back()


def test_a_caller_behind_nat_is_heard_counted_and_hung_up(
    service: RunningService, home: House, sip_port: int, tmp_path: Path
) -> None:
    """Its SDP, Via and Contact name an address that nobody outside can reach; the router chooses other ports."""
    speech = excerpt(3)
    packets = len(speech.channels[0]) // PACKET_SAMPLES
    capture = write_capture(tmp_path / "speech.pcap", mu_law(speech.channels[0]))
    speak = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    scenario = Scenario(plain_sdp(), during=speak, hangs_up=False)
    where = (f"{home.service}:{sip_port}", "-i", home.caller, "-mi", home.caller, "-m", "1")
    caller = launch((*home.inside, require("sipp"), *where), scenario.xml(), tmp_path)
    assert caller.wait(60) == 0, caller.errors
    assert f"received={home.public}" in caller.answer

    call = service.wait_call(caller.call_ids[0])
    assert call["end_reason"] == "no-media"
    assert word_error_rate([speech.texts[0]], [spoken(service, call["id"])]) <= 0.15
    assert_nothing_twice(service, call["id"])
    media = call["channels"][0]["media"]
    assert media["lost"] == pytest.approx(packets / LOST_OF, abs=2)
    assert media["duplicated"] == pytest.approx(packets / DOUBLED_OF, abs=2)
    # Usual delays differ by less than a packet's time: only what is late is overtaken, unless what follows is lost.
    assert packets / LATE_OF / 2 < media["reordered"] < 2 * packets / LATE_OF
    assert media["jitter_ms"] > 3
