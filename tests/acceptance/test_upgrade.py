"""The release before goes on with the schema of this one, and this one with what that wrote."""

import contextlib
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from storage import schema
from storage.embedded import EmbeddedPostgres
from tests.acceptance.recording import assert_undisturbed, start_session
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_spoken, wait_jobs
from tests.peers import missing

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
RELEASE_BEFORE = "dcb153f0ab042fa840944985e241ff9badf0fae3"
"""The oldest commit from which an upgrade is supported: the release before this one. Renewed with each release."""
ROOMS = ("telephony", "asr", "storage", "callscribe")
SPEECH = excerpt(3)


class ReleaseBefore(RunningService):
    """That release's `callscribe serve`, with the settings that it knows."""

    def write_config(self) -> None:
        RunningService.write_config(self)
        told = self.config.read_text()
        self.config.write_text(re.sub(r"\[admission\]\nby_load = false\n", "", told))


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before."""
    git = ["git", "-C", str(ROOT)]
    asked = subprocess.run([*git, "archive", RELEASE_BEFORE, *ROOMS], capture_output=True, check=False)
    if asked.returncode:
        missing(f"the history of this checkout has no {RELEASE_BEFORE[:7]}: clone it whole (git fetch --unshallow)")
    folder = Path(tmp_path_factory.mktemp("release-before"))
    with tarfile.open(fileobj=BytesIO(asked.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def database(open_folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty one."""
    postgres = EmbeddedPostgres(open_folder / f"upgraded-{hash(request.node.name)}")
    yield postgres.start()
    postgres.stop()


def migrate(url: str) -> None:
    """With this release, as an operator would."""
    command = [sys.executable, "-m", "callscribe.cli.main", "migrate"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CALLSCRIBE_DATABASE__URL": url, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def ask(service: RunningService, method: str, path: str, body: bytes | None = None) -> int:
    request = urllib.request.Request(f"{service.web}{path}", body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as response:
        return int(response.status)


def takes_notes(service: RunningService) -> bool:
    """What this release has and the one before has not."""
    return any(path.endswith("/notes") for path in service.get("/api/v1/openapi.json")["paths"])


@pytest.mark.timeout(600)  # two services start, and a second pass waits for its turn
def test_the_release_before_goes_on_with_the_schema_of_this_one_which_reads_what_it_wrote(
    code: Path, database: str, open_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"database": f'url = "{database}"', "sip": "lines = 1\n", "recognizer": "processes = 1\n"}
    before = ReleaseBefore(open_folder / "rolling", settings, '[[trunks]]\nname = "calls"\n')
    with contextlib.ExitStack() as stack:
        before.folder.mkdir(parents=True)
        with monkeypatch.context() as patched, contextlib.chdir(code):
            # Of whatever the service starts, too.
            patched.setenv("PYTHONPATH", str(code))
            before.start()
        stack.callback(before.stop)
        assert not takes_notes(before), "it is this release"
        running = start_session(before, tmp_path, SPEECH)
        wait_for(lambda: before.find_call(running.sip_call_id), "the call that goes on")
        migrate(database)
        assert_undisturbed(before, running, SPEECH)
        after = start_session(before, tmp_path, SPEECH)
        assert_undisturbed(before, after, SPEECH)
        call = before.wait_call(after.sip_call_id)
        wait_jobs(before, call["id"], "the second pass")
        assert wait_for(lambda: before.get("/api/v1/search?q=Telecom")["calls"], "the index")
        assert ask(before, "PUT", "/api/v1/hotwords/names", b'{"words": [{"text": "Summit Telecom"}]}') == 200
        assert not re.findall(r"schema is not this release|refused a row|Traceback", before.log)
    this = RunningService(before.folder, settings, before.trunks)
    this.start()
    stack.callback(this.stop)
    with contextlib.closing(stack):
        assert takes_notes(this)
        assert_spoken(this, call["id"], SPEECH)
        assert this.get("/api/v1/hotwords/names")["words"][0]["text"] == "Summit Telecom"
        assert this.wait_call(running.sip_call_id)["end_reason"] == "bye"
        assert this.get("/readyz")["database"] == "ready"
        assert schema.drift(database) == ()


def test_a_worker_of_this_release_ends_before_an_earlier_schema_and_says_what_to_do(database: str) -> None:
    schema.upgrade(database, "0030")
    urls = {"CALLSCRIBE_DATABASE__URL": database, "CALLSCRIBE_EVENTS__URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "worker"],
        env={**os.environ, **urls}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "schema is older than this release; run `callscribe migrate`" in done.stderr, done
    assert done.returncode == 1
