"""SIPREC recording sessions (RFC 7866): every m-line answered, parties on their channels, words of each party."""

import re
from pathlib import Path

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_spoken

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize(("transport", "padding"), [("u1", 0), ("t1", 40_000)])
def test_a_recording_session_gives_each_party_its_words(
    service: RunningService, tmp_path: Path, transport: str, padding: int
) -> None:
    speech = excerpt(4)
    session = start_session(service, tmp_path, speech, padding=padding, options=("-t", transport))
    assert re.findall(r"a=label:(\S+)", session.answer) == ["1", "2"]
    assert session.answer.count("a=recvonly") == 2
    session.finish()

    call = service.wait_call(session.sip_call_id)
    assert call["dialect"] == "siprec"
    assert [(channel["role"], channel["party"]["name"]) for channel in call["channels"]] == [
        ("agent", "Daniel"),
        ("customer", "Laura Bennett"),
    ]
    assert service.find_call("c2Vzc2lvbi1vbmU=") is not None
    assert_spoken(service, call["id"], speech)
