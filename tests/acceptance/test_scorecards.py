"""Calls measured and held against scorecards after their end."""

import json
import urllib.request
from typing import Any

import pytest

from tests.acceptance.conftest import SCORED_ADDRESS
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import jobs_done

pytestmark = pytest.mark.acceptance

SCORECARD = {
    "by": "the test",
    "trunks": ["scored"],
    "rules": [
        {"name": "greeting", "kind": "said", "phrases": ["thank you for calling"], "within_s": 8, "weight": 3},
        {"name": "no names", "kind": "not-said", "phrases": [{"text": "daniel", "distance": 1}], "weight": 1},
        {"name": "talk ratio", "kind": "measure", "measure": "talk-ratio", "at_least": 0.01, "at_most": 0.99},
        {"name": "consent", "kind": "order", "first": ["this call is recorded"], "then": ["your credit card"]},
    ],
}


def send(service: RunningService, method: str, path: str, body: object = None) -> Any:
    """The answer's JSON; None for an answer without a body."""
    told = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{service.web}{path}", told, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = response.read()
    return json.loads(answer) if answer else None


@pytest.fixture(scope="module")
def scored(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A call of which everything is done."""
    send(service, "PUT", "/api/v1/scorecards/service", SCORECARD)
    session = start_session(service, tmp_path_factory.mktemp("scored"), excerpt(2), options=("-i", SCORED_ADDRESS))
    session.finish()
    call = service.wait_call(session.sip_call_id)
    wait_for(lambda: jobs_done(service, call["id"]) or None, "the evaluation", seconds=180)
    return service.get(f"/api/v1/calls/{call['id']}")


def test_a_call_is_scored_with_evidence_that_can_be_heard(service: RunningService, scored: Json) -> None:
    assert scored["trunk"] == "scored"
    assert [job["kind"] for job in scored["jobs"]][-1] == "evaluate"
    told = send(service, "GET", f"/api/v1/calls/{scored['id']}/scores")
    (card,) = told["scorecards"]
    results = {result["rule"]: result for result in card["results"]}
    assert {rule: result["passed"] for rule, result in results.items()} == {
        "greeting": True,
        "no names": False,
        "talk ratio": True,
        "consent": None,
    }
    assert (card["scorecard"], card["version"], told["score"], scored["score"]) == ("service", 1, 80.0, 80.0)

    greeting = results["greeting"]["evidence"]
    assert greeting["quote"].lower() == "thank you for calling"
    assert greeting["start_ms"] <= 2500
    assert greeting["link"] == f"/calls/{scored['id']}#t={greeting['start_ms'] / 1000:.1f}"
    document = service.get(f"/api/v1/calls/{scored['id']}/transcript?format=json")
    quoted = {said["utterance_id"]: said["text"] for said in document["utterances"]}
    forbidden = results["no names"]["evidence"]
    assert forbidden["quote"] in quoted[forbidden["utterance_id"]]

    measures = scored["measures"]
    assert measures["agent_speech_ms"] > 0
    assert measures["customer_speech_ms"] > 0
    assert measures == told["measures"]
    listed = service.get("/api/v1/calls?trunk=scored&score_to=90&failed_rule=no%20names")["calls"]
    assert scored["id"] in [call["id"] for call in listed]


def test_a_scorecard_that_changes_scores_an_old_call_when_that_is_asked(service: RunningService, scored: Json) -> None:
    rules = [rule for rule in SCORECARD["rules"] if rule["name"] != "no names"]  # type: ignore[index]
    assert send(service, "PUT", "/api/v1/scorecards/service", {**SCORECARD, "rules": rules})["version"] == 2
    scores = f"/api/v1/calls/{scored['id']}/scores"
    assert send(service, "GET", scores)["scorecards"][0]["version"] == 1
    assert (
        send(service, "POST", "/api/v1/evaluations", {"since": scored["started_at"], "trunk": "scored"})["calls"] >= 1
    )
    wait_for(lambda: send(service, "GET", scores)["scorecards"][0]["version"] == 2 or None, "the second evaluation")
    assert send(service, "GET", scores)["score"] == 100.0
