"""What a page's messages come to when they are a recorder's WebM."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from callscribe.live.ingest.access import Request
from callscribe.live.ingest.browser import BrowserMicrophone
from callscribe.live.ingest.steps import Begin, Heard, Resumed, Step

RECORDING = (Path(__file__).parent / "chromium.webm").read_bytes()
PACKETS, PACKET = 37, 960
"""Opus packets of the recording, and the samples of one at 16 kHz."""


def page() -> BrowserMicrophone:
    return BrowserMicrophone(Request("/browser", {}, "127.0.0.1", tls=False))


def begin(microphone: BrowserMicrophone, **told: object) -> Begin:
    (step,) = microphone.read(json.dumps({"event": "start", "id": "x", "format": "webm", **told}))
    assert isinstance(step, Begin)
    return step


def places(steps: Sequence[Step]) -> list[int]:
    found = []
    for step in steps:
        assert isinstance(step, Heard)
        assert step.at is not None
        found.append(step.at)
    return found


def test_a_recording_is_16_khz_from_the_beginning_on() -> None:
    microphone = page()
    began = begin(microphone, caller="1001")
    assert (began.rate, began.channels[0].codec, began.caller.address) == (16_000, "opus", "tel:1001")
    assert places(microphone.read(RECORDING)) == [number * PACKET for number in range(PACKETS)]


def test_a_recorder_that_was_started_anew_goes_on_where_the_one_before_ended() -> None:
    microphone = page()
    begin(microphone, at=32_000)
    first, second = places(microphone.read(RECORDING)), places(microphone.read(RECORDING))
    assert first[0] == 32_000
    assert second[0] == first[-1] + PACKET


def test_a_pause_ends_where_the_recording_is_or_where_it_is_told() -> None:
    microphone = page()
    begin(microphone)
    end = places(microphone.read(RECORDING))[-1] + PACKET
    assert microphone.read('{"event": "resume"}') == (Resumed(end),)
    assert microphone.read('{"event": "resume", "at": 90000}') == (Resumed(90_000),)
    assert places(microphone.read(RECORDING))[0] == 90_000


@pytest.mark.parametrize(
    ("told", "fresh", "again"), [({}, True, False), ({"again": True}, False, True), ({"at": 5}, False, False)]
)
def test_a_page_says_whether_it_comes_again(told: dict[str, object], fresh: bool, again: bool) -> None:
    began = begin(page(), **told)
    assert (began.fresh, began.again) == (fresh, again)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 for webm"):
        begin(page(), rate=8000)
    with pytest.raises(ValueError, match="before start"):
        page().read('{"event": "resume"}')
    microphone = page()
    begin(microphone)
    with pytest.raises(ValueError, match="at most 250 packets"):
        microphone.read(RECORDING * 7)
