"""Recognisers that get too little CPU for their calls: what gives way, what is told, and that nothing said is lost."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from callscribe.cli.ports import free_port
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken

pytestmark = pytest.mark.acceptance

CALLS = 3
SPEECH = excerpt(13)
SLICE_S = 0.2
FIRST_SHARE, LEAST_SHARE = 0.4, 0.01
STEP_S = 8.0
"""Of which so much is looked whether the recogniser is too slow, before it gets slower."""
HELD_S = 4.0


@pytest.fixture(scope="module")
def loaded(open_folder: Path) -> Iterator[RunningService]:
    """A service with one recogniser, which decides by load."""
    port = free_port()
    settings = {
        "sip": "lines = 2\n",
        "recognizer": "processes = 1\n",
        "admission": "late_s = 2.0\n",
        "ingest": f"port = {port}\n",
    }
    with running(RunningService(open_folder / "loaded", settings, ingest_port=port)) as started:
        yield started


class Brake:
    """Gives processes a share of the time only, as cpulimit does."""

    def __init__(self, pids: list[int]) -> None:
        self.share = FIRST_SHARE
        self._pids = pids
        self._off = threading.Event()

    def run(self) -> None:
        while not self._off.is_set():
            self._signal(signal.SIGSTOP)
            time.sleep(SLICE_S * (1 - self.share))
            self._signal(signal.SIGCONT)
            time.sleep(SLICE_S * self.share)

    def release(self) -> None:
        self._off.set()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids:
            os.kill(pid, number)


@contextmanager
def braked(pids: list[int]) -> Iterator[Brake]:
    """The processes are slow until the brake is released, at the end of the body at the latest."""
    brake = Brake(pids)
    thread = threading.Thread(target=brake.run)
    thread.start()
    try:
        yield brake
    finally:
        brake.release()
        thread.join()


def load_of(service: RunningService) -> str:
    return str(service.get("/readyz")["load"])


def press(service: RunningService, brake: Brake) -> None:
    """Slow the recogniser down, whatever the machine, until the service takes no more calls."""
    until = time.monotonic() + STEP_S
    while load_of(service) != "full":
        assert brake.share >= LEAST_SHARE, "no load presses the service"
        if time.monotonic() > until:
            brake.share, until = brake.share / 2, time.monotonic() + STEP_S
        time.sleep(0.3)


def assert_refused(service: RunningService) -> None:
    """New calls are told to come again, by SIP and by other ways in."""
    with RawPeer("UDP", service.sip_port) as peer:
        refused = peer.establish(Asked(body=AUDIO_OFFER.format(port=40000)))
    assert (refused.status, refused.header("Retry-After")) == (503, "10")
    with pytest.raises(InvalidStatus) as closed, connect(f"ws://127.0.0.1:{service.ingest_port}/freeswitch"):
        pass
    assert closed.value.response.status_code == 503


def assert_told(service: RunningService) -> None:
    """Whoever runs the service finds out, and why."""
    ready = service.get("/readyz")
    assert ready["status"] == "ready"
    assert any("moonshine follow no more calls" in reason for reason in ready["reasons"])
    assert service.counter('callscribe_pressure{engine="moonshine"') == 2
    wait_for(lambda: service.counter("callscribe_invites_refused_pressed{") >= 1, "the count of refused calls")


def jobs_of(service: RunningService, call: Json) -> set[str]:
    return {job["state"] for job in service.get(f"/api/v1/calls/{call['id']}")["jobs"]}


@pytest.mark.timeout(400)
def test_calls_that_the_recogniser_cannot_follow_are_refused_and_those_that_go_on_lose_no_word(
    loaded: RunningService, tmp_path: Path
) -> None:
    wait_for(lambda: load_of(loaded) == "ok", "a calm service")
    with RawPeer("TCP", loaded.sip_port) as quiet:
        asked = Asked(body=AUDIO_OFFER.format(port=40000))
        reply = quiet.establish(asked)
        sessions = [start_session(loaded, tmp_path, SPEECH) for _ in range(CALLS)]
        with braked(loaded.pids("recognizer")) as brake:
            press(loaded, brake)
            assert_refused(loaded)
            assert_told(loaded)
            assert quiet.hang_up(asked, reply).status == 200
            over = loaded.wait_call(asked.call)
            wait_for(lambda: loaded.counter("callscribe_jobs_held{") == 1, "the hold of jobs")
            time.sleep(HELD_S)
            assert load_of(loaded) != "ok"
            assert jobs_of(loaded, over) == {"queued"}
    wait_for(lambda: load_of(loaded) == "ok", "the end of the pressure")
    for session in sessions:
        session.finish()
        call = loaded.wait_call(session.sip_call_id)
        assert_spoken(loaded, call["id"], SPEECH)
        assert_nothing_twice(loaded, call["id"])
        assert "recover" not in {job["kind"] for job in loaded.get(f"/api/v1/calls/{call['id']}")["jobs"]}
    assert loaded.counter("callscribe_samples_lost{") == 0
    wait_for(lambda: jobs_of(loaded, over) == {"done"}, "the job that waited", seconds=120)
    with RawPeer("UDP", loaded.sip_port) as peer:
        asked = Asked(body=AUDIO_OFFER.format(port=40000))
        reply = peer.establish(asked)
        assert reply.status == 200
        assert peer.hang_up(asked, reply).status == 200
