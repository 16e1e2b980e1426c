"""What docs/operations.md says of backup and restore, done as it says: nothing is missing afterwards."""

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.test_command_line import callscribe
from tests.acceptance.transcripts import wait_jobs

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1200)]

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
CALLS = 2
FOUND = "Summit"


def commands(heading: str) -> str:
    """The indented lines below a heading of the document."""
    section = re.search(rf"^### {heading}\n(.*?)^##", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert section
    lines = [line.strip() for line in section[1].splitlines() if line.startswith("    ")]
    assert len(lines) > 3
    return "\n".join(lines)


@pytest.fixture
def kept(open_folder: Path) -> Iterator[RunningService]:
    """A service in a folder that looks as the document has it: `.venv` and `callscribe-data` are in it."""
    folder = open_folder / "kept"
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "callscribe-data").symlink_to("data")
    config = f'keys_file = "{folder / "recording.keys"}"\n'
    (folder / "keys.toml").write_text(f"[recordings]\n{config}")
    made = callscribe("--config", folder / "keys.toml", "keys", "new", cwd=folder)
    assert made.returncode == 0, made.stderr
    service = RunningService(folder, {"recordings": config, "admission": "hold_jobs_s = 0\n"})
    with running(service) as started:
        yield started


def do(service: RunningService, heading: str) -> None:
    script = commands(heading)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script], cwd=service.folder, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def everything(service: RunningService, calls: list[str]) -> Json:
    """All that users find of the calls, and who may find it."""
    found: Json = {"list": [call["id"] for call in service.get("/api/v1/calls")["calls"]]}
    for call in calls:
        found[call] = service.get(f"/api/v1/calls/{call}")
        found[f"{call} text"] = service.get(f"/api/v1/calls/{call}/transcript?format=json")
        with urllib.request.urlopen(f"{service.web}/api/v1/calls/{call}/audio", timeout=30) as answer:
            found[f"{call} audio"] = answer.read()
    found["users"] = service.get("/api/v1/users")
    found["hotwords"] = service.get("/api/v1/hotwords")
    return found


def hits(service: RunningService) -> int:
    """Calls in which the word is found."""
    return len(service.get(f"/api/v1/search?{urlencode({'q': FOUND})}")["calls"])


def test_what_is_backed_up_is_restored_as_the_document_says(kept: RunningService, tmp_path: Path) -> None:
    sessions = [start_session(kept, tmp_path, excerpt(1)) for _ in range(CALLS)]
    for session in sessions:
        session.finish()
    calls = [str(kept.wait_call(session.sip_call_id)["id"]) for session in sessions]
    for call in calls:
        wait_jobs(kept, call, "the second pass")
    added = callscribe("--config", kept.config, "user", "add", "ann", "--role", "admin", "--no-password", cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    wait_for(lambda: hits(kept) >= CALLS, "the search's index")
    before = everything(kept, calls)
    assert "ann" in str(before["users"])
    do(kept, "Back up")

    kept.stop()
    shutil.rmtree(kept.folder / "data")
    kept.start()
    assert kept.get("/api/v1/calls")["calls"] == []
    do(kept, "Restore")
    kept.stop()
    kept.start()
    assert everything(kept, calls) == before
    assert hits(kept) >= CALLS
    session = start_session(kept, tmp_path, excerpt(1))
    session.finish()
    later = str(kept.wait_call(session.sip_call_id)["id"])
    wait_jobs(kept, later, "the second pass")
    assert any(text["text"] for text in kept.get(f"/api/v1/calls/{later}/transcript?format=json")["utterances"])
