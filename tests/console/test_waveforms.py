"""A call's waveform over HTTP: what it shows, to whom, and when there is none."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from callscribe.config.settings import Settings
from callscribe.domain.access import Permission
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import CallEnd
from storage.recordings import RecordingWriter, bleep, recording_path
from storage.records import ChannelRange, JobIntent, JobKind
from tests.console.conftest import Console, serving
from tests.console.guarding import guarded_console, signed_in, token_for
from tests.console.switchboard import RATE, FakeCall, Switchboard, samples

pytestmark = pytest.mark.integration


def waveform_path(call: FakeCall) -> str:
    return f"/api/v1/calls/{call.id}/waveform"


def asked(client: httpx.Client, call: FakeCall, points: int = 100) -> Any:
    answer = client.get(waveform_path(call), params={"points": points})
    assert answer.status_code == 200, answer.text
    return answer.json()


def peaks(told: Any, channel: int) -> list[int]:
    return list(base64.b64decode(told["channels"][channel]["peaks"]))


def test_it_is_loud_where_somebody_speaks_and_silent_in_a_pause(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    writer = RecordingWriter(switchboard.recordings / recording_path(call.call), RATE, 2)
    loud = np.full(RATE, 16_384, "<i2").tobytes()
    for channel, second in ((0, 0), (0, 3), (1, 1)):
        writer.write(AudioChunk(channel, second * RATE, loud))
    call.end(at=4000, recording=writer.close().relative_to(switchboard.recordings), second_pass=False)
    told = asked(console.client, call)
    assert (told["call_id"], told["duration_ms"], told["point_ms"]) == (str(call.id), 4000, 40.0)
    assert [each["channel"] for each in told["channels"]] == [0, 1]
    assert peaks(told, 0) == [128] * 25 + [0] * 50 + [128] * 25
    assert peaks(told, 1) == [0] * 25 + [128] * 25 + [0] * 50


def test_it_is_asked_for_once_until_the_recording_changes(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.end(at=2000, recording=call.record(2), second_pass=False)
    first = console.client.get(waveform_path(call))
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"if-none-match": first.headers["etag"]}
    again = console.client.get(waveform_path(call), headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert console.client.get(waveform_path(call), headers=known, params={"points": 100}).status_code == 200
    bleep(switchboard.recordings / recording_path(call.call), [ChannelRange(0, 0, samples(2000))])
    changed = console.client.get(waveform_path(call), headers=known)
    assert changed.status_code == 200
    assert set(peaks(changed.json(), 0)) == {39}


def test_of_a_call_that_goes_on_there_is_what_was_recorded_so_far(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    assert asked(console.client, call)["channels"] == [{"channel": each, "peaks": "", "levels": ""} for each in (0, 1)]
    call.record(1)
    assert asked(console.client, call)["duration_ms"] == 1000


def is_audible(client: httpx.Client, call: FakeCall) -> object:
    """What the call tells of itself."""
    return client.get(f"/api/v1/calls/{call.id}").json()["audible"]


def test_with_redaction_there_is_none_before_all_is_bleeped(settings: Settings, switchboard: Switchboard) -> None:
    masked = replace(settings.trunks[0], name="masked", redaction=("payment",))
    with serving(replace(settings, trunks=(*settings.trunks, masked))) as served:
        call = switchboard.start(trunk="masked")
        recording = call.record(2)
        assert served.client.get(waveform_path(call)).status_code == 409
        assert is_audible(served.client, call) is False
        end = CallEnd(datetime.now(UTC), samples(2000), "bye")
        job = JobIntent.of(call.id, JobKind.BLEEP)
        switchboard.calls.end_call(call.id, end, recording, (job,))
        refused = served.client.get(waveform_path(call))
        assert (refused.status_code, "retry its job `bleep`" in refused.json()["detail"]) == (409, True)
        assert is_audible(served.client, call) is False
        switchboard.jobs.claim_due(100, 60.0)
        assert switchboard.jobs.begin(job.id) is not None
        bleep(switchboard.recordings / recording_path(call.call), [ChannelRange(1, samples(1000), samples(2000))])
        assert switchboard.jobs.complete(job.id)
        assert is_audible(served.client, call) is True
        told = asked(served.client, call)
        assert set(peaks(told, 1)[50:]) == {39}
        assert min(peaks(told, 0)) > 30 - 1


@pytest.mark.parametrize("points", ["99", "10001", "many"])
def test_how_many_points_has_its_bounds(console: Console, switchboard: Switchboard, points: str) -> None:
    call = switchboard.start()
    answer = console.client.get(waveform_path(call), params={"points": points})
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (422, "points")


def test_of_an_erased_call_there_is_none_and_the_answer_says_why(console: Console, switchboard: Switchboard) -> None:
    # Far from other tests' calls, which record the same conversation and go on.
    call = switchboard.start(started_at=datetime.now(UTC) - timedelta(days=70))
    silent = switchboard.start()
    call.end(at=2000, recording=call.record(2), second_pass=False)
    silent.end(at=2000, second_pass=False)
    asked(console.client, call)
    told = {"by": "Ann Baker", "reason": "case 17"}
    assert console.client.delete(f"/api/v1/calls/{call.id}", params=told).status_code == 200
    assert console.client.get(waveform_path(call)).status_code == 404
    answer = console.client.get(waveform_path(silent))
    assert (answer.status_code, "its audio is not kept" in answer.json()["detail"]) == (404, True)


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


def test_who_does_not_see_the_call_sees_no_waveform_of_it(guarded: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.end(at=2000, recording=call.record(2), second_pass=False)
    with signed_in(guarded, "agent") as agent, signed_in(guarded, "other-agent") as other:
        assert asked(agent, call)["duration_ms"] == 2000
        assert other.get(waveform_path(call)).status_code == 404
    assert guarded.client.get(waveform_path(call)).status_code == 401
    only_text = token_for(guarded, "qa", Permission.CALLS_READ)
    refused = guarded.client.get(waveform_path(call), headers=only_text)
    assert (refused.status_code, "recordings:read" in refused.json()["detail"]) == (403, True)
