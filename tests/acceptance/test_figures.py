"""A trunk that asks for inverse text normalisation has its numbers in figures, and what was spoken beside them."""

import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import FIGURES_ADDRESS
from tests.acceptance.service import RunningService
from tests.acceptance.sipp import Scenario, plain_sdp, start_sipp, write_capture
from tests.acceptance.speech import RATE, excerpt, mu_law
from tests.acceptance.transcripts import utterances

pytestmark = pytest.mark.acceptance

TURNS = 12
BEGIN = 46 * RATE + RATE * 9 // 10
"""Sample of the demo call at which the customer says "Great. Seven three zero six. I wrote it down."."""


def figures(text: object) -> str:
    return re.sub(r"\D", "", str(text))


def test_a_number_is_stored_and_exported_in_figures_with_its_spoken_form(
    service: RunningService, tmp_path: Path
) -> None:
    speech = excerpt(TURNS).channels[1][BEGIN:]
    capture = write_capture(tmp_path / "speech.pcap", mu_law(speech))
    during = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    during += f'<pause milliseconds="{len(speech) * 1000 // RATE}"/>'
    caller = start_sipp(
        Scenario(plain_sdp(), during=during), service.sip_port, tmp_path, options=("-i", FIGURES_ADDRESS)
    )
    assert caller.wait(60) == 0, caller.errors
    call = service.wait_call(caller.messages.split("Call-ID: ")[1].split()[0])
    assert call["trunk"] == "figures"

    stored = utterances(service, call["id"])
    assert "".join(figures(said["final"]["text"]) for said in stored) == "7306"
    spoken = " ".join(said["final"]["spoken"] for said in stored).lower()
    assert not figures(spoken)
    assert re.findall(r"seven|three|zero|six", spoken) == ["seven", "three", "zero", "six"]
    text = service.text(f"/api/v1/calls/{call['id']}/transcript?format=txt")
    assert figures(text).endswith("7306")
