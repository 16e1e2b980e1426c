"""What was said on a recorded call is found through the running service: over HTTP and by the command."""

import csv
import io
import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.test_command_line import callscribe
from tests.acceptance.transcripts import utterances

pytestmark = pytest.mark.acceptance


@dataclass(frozen=True, slots=True)
class Searched:
    """Searches within one call."""

    service: RunningService
    sip_call_id: str

    def query(self, q: str) -> str:
        return f"{q} id:{self.sip_call_id}"

    def text(self, path: str, q: str) -> str:
        return self.service.text(f"/api/v1/{path}?{urllib.parse.urlencode({'q': self.query(q)})}")

    def hits(self, q: str) -> list[Json]:
        return [hit for call in json.loads(self.text("search", q))["calls"] for hit in call["hits"]]

    def roles(self, q: str) -> list[str]:
        """Who said what is found, the last first."""
        return [str(hit["role"]) for hit in self.hits(q)]


def correct(service: RunningService, call_id: str, utterance_id: str, text: str) -> None:
    path = f"{service.web}/api/v1/calls/{call_id}/utterances/{utterance_id}/corrections"
    body = json.dumps({"text": text, "by": "Anna"}).encode()
    headers = {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(path, body, headers), timeout=30).close()


def test_what_was_said_is_found(service: RunningService, tmp_path: Path) -> None:
    session = start_session(service, tmp_path, excerpt(2))
    found = Searched(service, session.sip_call_id)
    wait_for(lambda: found.hits("calling"), "what was said first, while the call goes on")
    session.finish()
    call_id = service.wait_call(session.sip_call_id)["id"]
    wait_for(lambda: found.roles("name") == ["customer", "agent"], "both parties' names")

    assert found.roles("name role:agent") == ["agent"]
    assert found.roles("name -calling") == ["customer"]
    assert found.roles('"my name is" OR xylophone') == ["customer", "agent"]
    assert found.roles('"name my is"') == []
    assert found.roles("calling NEAR/8 daniel") == ["agent"]
    assert found.roles("calling NEAR/1 daniel") == []
    assert found.roles("intern*") == ["customer"]
    assert found.roles("internat~") == ["customer"]
    [hit] = found.hits("internet")
    start, end = hit["highlights"][0]
    assert hit["text"][start:end] == "internet"
    assert hit["start_ms"] < hit["word_ms"] < hit["end_ms"]
    assert hit["link"] == f"/calls/{call_id}#t={hit['word_ms'] / 1000:.2f}"
    rows = list(csv.DictReader(io.StringIO(found.text("search.csv", "name"))))
    assert [row["role"] for row in rows] == ["customer", "agent"]

    outcome = callscribe("--config", service.config, "search", found.query("intern*"), cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert "internet" in outcome.stdout
    assert f"{service.web}/calls/{call_id}#t=" in outcome.stdout
    mistaken = callscribe("--config", service.config, "search", "(internet", cwd=tmp_path)
    assert mistaken.returncode == 2
    assert "the parenthesis is not closed" in mistaken.stderr


def test_an_old_text_is_found_behind_the_one_that_replaced_it(service: RunningService, tmp_path: Path) -> None:
    session = start_session(service, tmp_path, excerpt(1))
    session.finish()
    call_id = service.wait_call(session.sip_call_id)["id"]
    [said] = wait_for(lambda: utterances(service, call_id), "what was said")
    correct(service, call_id, said["utterance_id"], f"{said['text']} Zanzibar")
    found = Searched(service, session.sip_call_id)
    wait_for(lambda: found.hits("zanzibar"), "the corrected text")
    assert [(hit["newest"], hit["revision"] > 0) for hit in found.hits("calling")] == [(True, True)]
    assert found.hits("calling -zanzibar") == []
    [first] = found.hits("calling -zanzibar in:any")
    assert not first["newest"]
    assert "Zanzibar" not in first["text"]
