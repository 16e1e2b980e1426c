"""An engine that fails on what it is given, for a while, loses nothing of a call."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, running, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import jobs_done, utterances

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

SPEECH_BYTES = 32_000
"""A second: less is the greeting of a recogniser that starts."""


class Stumbling:
    """A FunASR server (C++) that finds a sentence in whatever it hears, unless it fails."""

    def __init__(self) -> None:
        self.fails = threading.Event()
        self.url = ""

    def converse(self, socket: ServerConnection) -> None:
        heard = 0
        for message in socket:
            if isinstance(message, bytes):
                heard += len(message)
                continue
            told = json.loads(message)
            if told.get("is_speaking") is False:
                answer = {"mode": "offline", "wav_name": told["wav_name"], "is_final": True, "text": ""}
                if heard >= SPEECH_BYTES:
                    answer |= {"error": "out of memory"} if self.fails.is_set() else {"text": "this was heard"}
                socket.send(json.dumps(answer))


@contextmanager
def stumbling() -> Iterator[Stumbling]:
    made = Stumbling()
    with serve(made.converse, "127.0.0.1", 0) as server:
        made.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def test_what_an_engine_fails_on_is_counted_and_decoded_after_the_call(open_folder: Path, tmp_path: Path) -> None:
    folder = open_folder / "failing"
    folder.mkdir()
    with stumbling() as server:
        settings = {
            "sip": "lines = 2\n",
            "recognizer": 'engine = "funasr-server"\n',
            "recognizer.funasr_server": f'url = "{server.url}"\nmode = "offline"\nhotwords = "none"\n',
            "second_pass": "enabled = false\n",
        }
        with running(RunningService(folder, settings)) as service:
            assert len(service.pids("recognizer")) == 1, "one process is enough for a server's"
            server.fails.set()
            session = start_session(service, tmp_path, excerpt(2))
            wait_for(lambda: service.counter("callscribe_utterances_undecoded") >= 1 or None, "a failure")
            call = service.find_call(session.sip_call_id)
            assert call
            assert utterances(service, call["id"]) == []
            server.fails.clear()
            session.finish()
            ended = service.wait_call(session.sip_call_id)
            wait_for(lambda: jobs_done(service, ended["id"]) or None, "the recovery", seconds=90)
            stored = utterances(service, ended["id"])
    assert {item["text"] for item in stored} == {"this was heard"}
    assert {item["channel"] for item in stored} == {0, 1}
    assert {job["kind"] for job in ended["jobs"]} == {"recover"}
