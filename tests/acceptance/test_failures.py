"""Parts of the service are killed in mid-call: other calls go on, finals are neither lost nor doubled."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken, jobs_done, spoken
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

SPEECH = excerpt(4)
MID_CALL_S = 7.0
"""The second turn is being spoken, the first is final."""


def test_a_killed_line_costs_only_its_own_call(fragile: RunningService, tmp_path: Path) -> None:
    before = fragile.line_pids()
    sessions = [start_session(fragile, tmp_path, SPEECH) for _ in range(2)]
    time.sleep(MID_CALL_S)
    os.kill(before[0], signal.SIGKILL)
    killed = wait_for(lambda: _interrupted(fragile, [session.sip_call_id for session in sessions]), "the lost call")
    survivor = next(session for session in sessions if session.sip_call_id != killed)
    survivor.finish()
    call = fragile.wait_call(survivor.sip_call_id)
    assert_spoken(fragile, call["id"], SPEECH)
    # What the lost call said before the line died is there.
    lost = fragile.wait_call(killed, state="interrupted")
    assert lost["end_reason"] == "line-lost"
    assert word_error_rate(["Thank you for calling Summit Telecom."], [spoken(fragile, lost["id"])[:37]]) <= 0.34
    for session in sessions:
        session.abandon()
    wait_for(lambda: len(fragile.line_pids()) == 2, "the new line")


def _interrupted(service: RunningService, sip_call_ids: list[str]) -> str | None:
    for sip_call_id in sip_call_ids:
        call = service.find_call(sip_call_id)
        if call and call["state"] == "interrupted":
            return sip_call_id
    return None


def test_a_killed_recognizer_costs_no_word(fragile: RunningService, tmp_path: Path) -> None:
    session = start_session(fragile, tmp_path, SPEECH)
    time.sleep(MID_CALL_S)
    for pid in fragile.pids("recognizer"):
        os.kill(pid, signal.SIGKILL)
    session.finish()
    call = fragile.wait_call(session.sip_call_id)
    assert_spoken(fragile, call["id"], SPEECH)
    assert_nothing_twice(fragile, call["id"])


def test_a_killed_database_costs_no_word(fragile: RunningService, tmp_path: Path) -> None:
    session = start_session(fragile, tmp_path, SPEECH)
    time.sleep(MID_CALL_S)
    os.kill(fragile.postgres_pid(), signal.SIGKILL)
    session.finish()
    call = fragile.wait_call(session.sip_call_id)
    assert_spoken(fragile, call["id"], SPEECH)
    assert_nothing_twice(fragile, call["id"])


def test_after_a_killed_supervisor_the_rest_is_decoded_from_the_recording(
    fragile: RunningService, tmp_path: Path
) -> None:
    session = start_session(fragile, tmp_path, SPEECH)
    time.sleep(MID_CALL_S)
    (supervisor,) = fragile.pids("sip")
    os.kill(supervisor, signal.SIGKILL)
    session.abandon()
    call = fragile.wait_call(session.sip_call_id, state="interrupted")
    wait_for(lambda: jobs_done(fragile, call["id"]), "the recovery", seconds=120)
    said = spoken(fragile, call["id"], 0), spoken(fragile, call["id"], 1)
    assert word_error_rate([SPEECH.texts[0].partition("today?")[0] + "today?"], [said[0]]) <= 0.2
    # The customer was cut off in the middle of her turn.
    assert "hello" in said[1].lower()
    assert_nothing_twice(fragile, call["id"])
