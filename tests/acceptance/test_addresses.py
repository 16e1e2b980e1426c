"""Addresses and ports between a caller and the lines: what the answer says, and what comes from behind a NAT."""

import re
from pathlib import Path

import pytest

from tests.acceptance import siprec
from tests.acceptance.recording import pause, start_speaking
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import RunningService
from tests.acceptance.sipp import Scenario
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_spoken

pytestmark = pytest.mark.acceptance


def test_media_goes_to_the_advertised_address_and_may_come_from_ports_that_were_not_offered(
    fragile: RunningService, tmp_path: Path
) -> None:
    speech = excerpt(2)
    elsewhere = RtpSender(2)
    scenario = Scenario(
        body=siprec.multipart(siprec.offer(elsewhere.ports)),
        content_type=siprec.CONTENT_TYPE,
        headers=siprec.HEADERS,
        during=pause(speech),
    )
    session = start_speaking(lambda _: scenario, speech, fragile.sip_port, tmp_path)
    assert set(re.findall(r"c=IN IP4 (\S+)", session.answer)) == {"127.0.0.2"}
    assert fragile.rtp_ports is not None
    assert all(fragile.rtp_ports.first <= port <= fragile.rtp_ports.last for port in session.media_ports)
    session.finish()
    elsewhere.close()
    assert_spoken(fragile, fragile.wait_call(session.sip_call_id)["id"], speech)
