"""A hotword that is put on a list during a call counts from the next utterance on; and what people correct afterwards
is the text everywhere, is training data, and is what word error rates are counted by."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.conftest import CORRECTED_ADDRESS
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.test_command_line import callscribe
from tests.acceptance.test_hotwords import names, said_twice
from tests.acceptance.transcripts import utterances

pytestmark = pytest.mark.acceptance

LIST = "corrected"


@pytest.fixture(scope="module")
def call(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A call on which a name is said twice. Between, it is put on the trunk's list by the command line."""
    folder = Path(tmp_path_factory.mktemp("corrected"))
    session = start_session(service, folder, said_twice(excerpt(2)), options=("-i", CORRECTED_ADDRESS))
    wait_for(lambda: names(service, session.sip_call_id), "the first name")
    told = callscribe("--config", service.config, "hotwords", "add", LIST, "Bennet=1.5", "--by", "Ann", cwd=folder)
    assert told.returncode == 0, told.stderr
    session.finish()
    return service.wait_call(session.sip_call_id)


def with_name(service: RunningService, call: Json) -> list[Json]:
    """The utterances that hold the customer's name."""
    return [said for said in utterances(service, call["id"]) if "Laura" in said["final"]["text"]]


def told_by_events(service: RunningService, call: Json) -> str:
    """What the call's events say of a person's text; the second pass may still be on its way."""
    with urllib.request.urlopen(f"{service.web}/api/v1/calls/{call['id']}/events", timeout=60) as stream:
        return str(next(line for line in stream if b'"reason":"person"' in line), "utf-8")


def test_a_list_counts_from_the_next_utterance_on_and_its_version_is_with_the_text(
    service: RunningService, call: Json
) -> None:
    first, second = with_name(service, call)
    assert "Laura Bennett" in first["final"]["text"]
    assert first["final"]["hotword_lists"] == []
    assert "Laura Bennett" not in second["final"]["text"]
    assert "Laura Bennet" in second["final"]["text"]
    told = second["final"]["hotword_lists"]
    assert told == [{"name": LIST, "version": told[0]["version"]}]
    version = service.get(f"/api/v1/hotwords/{LIST}/versions/{told[0]['version']}")
    assert (version["words"], version["by"]) == ([{"text": "Bennet", "weight": 1.5}], "Ann")


def test_what_a_person_corrects_is_the_text_everywhere_and_counts_as_what_was_said(
    service: RunningService, call: Json, tmp_path: Path
) -> None:
    first = with_name(service, call)[0]
    said = f"{first['final']['text'].rstrip('.')} of Quorvale."
    path = f"/api/v1/calls/{call['id']}/utterances/{first['utterance_id']}/corrections"
    body = json.dumps({"text": said, "by": "Bob"}).encode()
    request = urllib.request.Request(f"{service.web}{path}", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201

    stored = with_name(service, call)[0]
    assert (stored["text"], stored["revisions"][-1]["by"]) == (said, "Bob")
    assert [word["text"] for word in stored["revisions"][-1]["words"]] == said.split()
    assert "Quorvale" in told_by_events(service, call)

    def found() -> list[Json]:
        return list(service.get("/api/v1/search?q=quorvale")["calls"])

    assert [each["id"] for each in wait_for(found, "the correction in the search")] == [call["id"]]
    outcome = callscribe(
        "--config", service.config, "training", "--corrected", "--trunk", "corrected", "-f", "whisper", "-o", tmp_path,
        cwd=tmp_path,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    (line,) = (tmp_path / "metadata.jsonl").read_text().splitlines()
    assert json.loads(line)["transcription"] == said
    query = urllib.parse.urlencode({"trunk": "corrected"})
    (week,) = service.get(f"/api/v1/quality?{query}")["weeks"]
    assert (week["utterances"], week["live_errors"]) == (1, 2)
    assert week["live_wer"] == round(2 / week["words"], 4)
    assert service.counter('callscribe_word_error_rate{text="live",trunk="corrected"}') == pytest.approx(
        2 / week["words"]
    )


def test_two_who_change_a_list_at_once_lose_no_word(service: RunningService, tmp_path: Path) -> None:
    def ask(method: str, body: Json, tag: str = "") -> tuple[int, str]:
        headers = {"content-type": "application/json"} | ({"if-match": tag} if tag else {})
        address = f"{service.web}/api/v1/hotwords/shared"
        request = urllib.request.Request(address, json.dumps(body).encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers["etag"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["detail"]

    _, tag = ask("PUT", {"words": [{"text": "Zyntrix"}]})
    told = callscribe("--config", service.config, "hotwords", "add", "shared", "Qorvexa", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    status, sentence = ask("PUT", {"words": [{"text": "Zyntrix"}, {"text": "Acme"}]}, tag)
    assert (status, "read it again" in sentence) == (412, True)
    assert ask("PATCH", {"words": [{"text": "Acme"}]})[0] == 200
    found = service.get("/api/v1/hotwords/shared")
    assert [word["text"] for word in found["words"]] == ["Zyntrix", "Qorvexa", "Acme"]
    assert ask("DELETE", {})[0] == 204
