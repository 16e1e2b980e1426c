"""A channel's sample count follows the wall clock. The call goes on beside all other acceptance tests."""

import time
import urllib.request
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.files import read_audio
from tests.acceptance.recording import RecordingSession
from tests.acceptance.service import RunningService
from tests.acceptance.speech import CLICK_EVERY_S as EVERY_S
from tests.acceptance.speech import RATE

pytestmark = pytest.mark.acceptance

MINUTES = 10
TOLERANCE = RATE // 10
"""100 ms."""


def positions(channel: NDArray[np.int16]) -> list[int]:
    """Samples at which bursts begin."""
    loud = np.flatnonzero(np.abs(channel.astype(np.int32)) > 1500)
    return [int(place) for before, place in zip(np.append(-RATE, loud), loud, strict=False) if place - before > RATE]


@pytest.mark.timeout(MINUTES * 60 + 120)
def test_both_channels_follow_the_wall_clock_for_ten_minutes(
    service: RunningService, ten_minutes: RecordingSession, tmp_path: Path
) -> None:
    deadline = time.monotonic() + MINUTES * 60 + 60
    assert ten_minutes.caller.wait(deadline - time.monotonic()) == 0, ten_minutes.caller.errors
    ten_minutes.sender.close()
    call = service.wait_call(ten_minutes.sip_call_id)
    sound = tmp_path / "call.wav"
    sound.write_bytes(urllib.request.urlopen(f"{service.web}/api/v1/calls/{call['id']}/audio").read())
    recorded = read_audio(sound).channels
    # Sample count against wall clock: as long as the call was, by the clocks of answer and BYE.
    began, ended = (datetime.fromisoformat(call[field]) for field in ("started_at", "ended_at"))
    assert abs(len(recorded[0]) - (ended - began).total_seconds() * RATE) <= TOLERANCE
    found = [positions(channel) for channel in recorded]
    assert [len(places) for places in found] == [MINUTES * 60 // EVERY_S] * 2
    for places in found:
        # Where a busy machine sends late, a jitter buffer holds back more for a while; the clock itself does not move.
        drift = [place - places[0] - number * EVERY_S * RATE for number, place in enumerate(places)]
        assert abs(np.median(drift)) <= TOLERANCE
    apart = [one - other for one, other in zip(*found, strict=True)]
    assert abs(np.median(apart)) <= RATE * 60 // 1000
