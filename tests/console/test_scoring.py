"""Scorecards by the API, and what they found."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from callscribe.domain.call import Role
from callscribe.domain.speaker import SpeakerTurn
from callscribe.jobs.evaluating import CallEvaluator
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import JobKind
from storage.scorecards import ScorecardStore
from tests.console.conftest import Console
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration

CARDS = "/api/v1/scorecards"
CALLS = "/api/v1/calls"


def card(trunk: str, *phrases: object, by: str = "ann") -> dict[str, object]:
    greeting = {"name": "greeting", "kind": "said", "phrases": phrases, "within_s": 10, "weight": 3}
    silence = {"name": "silence", "kind": "measure", "measure": "longest-silence-s", "at_most": 20}
    return {"by": by, "trunks": [trunk], "rules": [greeting, silence]}


def ended(switchboard: Switchboard, trunk: str) -> FakeCall:
    call = switchboard.start(trunk=trunk)
    call.final(0, 2000, "Thank you for calling Acme.")
    call.final(1, 5000, "Hello.")
    call.end(second_pass=False)
    return call


def work_off(console: Console, call_id: UUID) -> None:
    """What a worker does with the call's evaluation."""
    database = Database(console.settings.database.url)
    reader, scorecards, jobs = CallReader(database), ScorecardStore(database), JobStore(database)
    (job,) = (job for job in reader.jobs(call_id) if job.kind is JobKind.EVALUATE)
    assert jobs.begin(job.id) is not None
    assert jobs.complete(job.id, evaluation=CallEvaluator(reader, scorecards).evaluate(call_id))
    database.close()


def test_a_scorecard_is_made_changed_and_removed(console: Console) -> None:
    made = console.client.put(
        f"{CARDS}/made", json=card("nowhere", "good morning", {"text": "callscribe", "distance": 1})
    )
    assert made.status_code == 200
    assert (made.json()["name"], made.json()["version"]) == ("made", 1)
    assert made.json()["rules"][0]["phrases"] == [
        {"text": "good morning", "distance": 0},
        {"text": "callscribe", "distance": 1},
    ]
    again = console.client.put(f"{CARDS}/made", json=card("nowhere", "hello"))
    assert again.json()["version"] == 2
    assert console.client.get(f"{CARDS}/made").json() == again.json()
    assert console.client.get(f"{CARDS}/made", params={"version": 1}).json() == made.json()
    assert again.json() in console.client.get(CARDS).json()
    assert console.client.delete(f"{CARDS}/made").status_code == 422
    assert console.client.delete(f"{CARDS}/made", params={"by": "ann"}).status_code == 204
    assert console.client.get(f"{CARDS}/made").status_code == 404
    assert console.client.delete(f"{CARDS}/made", params={"by": "ann"}).status_code == 404


def test_a_change_of_what_somebody_else_has_changed_is_refused(console: Console) -> None:
    client, path = console.client, f"{CARDS}/shared"
    made = client.put(path, json={**card("nowhere", "one"), "version": 0})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    second = client.put(path, json=card("nowhere", "two"), headers={"if-match": '"1"'})
    assert (second.status_code, second.headers["etag"]) == (200, '"2"')
    late = client.put(path, json={**card("nowhere", "three"), "version": 1})
    assert (late.status_code, client.get(path).json()) == (409, second.json())
    assert "read it again" in late.json()["detail"]
    assert client.put(path, json=card("nowhere", "three"), headers={"if-match": '"1"'}).status_code == 412
    by = {"by": "ann"}
    assert client.delete(path, params=by, headers={"if-match": '"1"'}).status_code == 412
    assert client.get(path).headers["etag"] == '"2"'
    assert client.delete(path, params=by, headers={"if-match": '"2"'}).status_code == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "ann", "rules": []},
        {"rules": card("x", "hello")["rules"]},
        {**card("x", "hello"), "trunk": "x"},
        card("x", "* hello"),
        {"by": "ann", "rules": [{"name": "a", "kind": "measure", "measure": "talk-ratio"}]},
    ],
)
def test_a_scorecard_that_says_nothing_is_refused_with_a_sentence(console: Console, wrong: dict[str, object]) -> None:
    answer = console.client.put(f"{CARDS}/wrong", json=wrong)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_a_call_has_scores_with_evidence_when_it_was_evaluated(console: Console, switchboard: Switchboard) -> None:
    console.client.put(f"{CARDS}/scored", json=card("scored-1", "thank you * calling"))
    call = ended(switchboard, "scored-1")
    before = console.client.get(f"{CALLS}/{call.id}/scores").json()
    assert (before["score"], before["measures"], before["scorecards"]) == (None, None, [])

    assert console.client.post(f"{CALLS}/{call.id}/evaluate").status_code == 202
    work_off(console, call.id)
    told = console.client.get(f"{CALLS}/{call.id}/scores").json()
    (scored,) = told["scorecards"]
    greeting, silence = scored["results"]
    assert (scored["scorecard"], scored["version"], scored["score"], told["score"]) == ("scored", 1, 75.0, 75.0)
    assert greeting["passed"] is True
    assert greeting["evidence"]["quote"] == "Thank you for calling"
    assert greeting["evidence"]["link"] == f"/calls/{call.id}#t=2.0"
    assert (silence["passed"], silence["evidence"]["utterance_id"]) == (False, None)
    record = console.client.get(f"{CALLS}/{call.id}").json()
    assert (record["score"], record["measures"]) == (told["score"], told["measures"])
    assert record["measures"]["channels"][0]["words"] == 5


def test_calls_are_listed_by_score_and_failed_rule(console: Console, switchboard: Switchboard) -> None:
    console.client.put(f"{CARDS}/listed", json=card("scored-2", "good morning"))
    call = ended(switchboard, "scored-2")
    console.client.post(f"{CALLS}/{call.id}/evaluate")
    work_off(console, call.id)

    def listed(**conditions: object) -> list[str]:
        answer = console.client.get(CALLS, params={"trunk": "scored-2", **conditions})  # type: ignore[dict-item]
        return [found["id"] for found in answer.json()["calls"]]

    assert listed(score_from=0, score_to=0, failed_rule="greeting") == [str(call.id)]
    assert listed(score_from=1) == listed(failed_rule="consent") == []


def test_calls_since_a_date_are_queued(console: Console, switchboard: Switchboard) -> None:
    call = ended(switchboard, "scored-3")
    since = (call.call.started_at - timedelta(minutes=1)).isoformat()
    wanted = {"since": since, "trunk": "scored-3"}
    assert console.client.post("/api/v1/evaluations", json=wanted).json() == {"calls": 1}
    assert [job["kind"] for job in console.client.get(f"{CALLS}/{call.id}").json()["jobs"]] == ["evaluate"]
    assert console.client.post("/api/v1/evaluations", json={"trunk": "scored-3"}).status_code == 422


def test_a_call_that_goes_on_cannot_be_evaluated(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(trunk="scored-4")
    answer = console.client.post(f"{CALLS}/{call.id}/evaluate")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "The call goes on; it is evaluated when it has ended."
    assert console.client.post(f"{CALLS}/nobody/evaluate").status_code == 404


def test_of_a_channel_that_both_share_it_is_told_which_speaker_said_it(
    console: Console, switchboard: Switchboard
) -> None:
    trunk = f"trunk-{uuid4()}"
    console.client.put(f"{CARDS}/shared", json=card(trunk, "thank you for calling"))
    call = switchboard.start(trunk=trunk)
    shared = replace(call.call, channels=(replace(call.call.channels[0], role=Role.MIXED), *call.call.channels[1:]))
    unknown = tuple(replace(channel, role=Role.UNKNOWN) for channel in shared.channels[1:])
    switchboard.calls.save_call(replace(shared, channels=(shared.channels[0], *unknown)), switchboard.node)
    said = call.final(0, 2000, "Thank you for calling Acme.")
    span = call.said[said].final
    call.tell_apart(said, SpeakerTurn(2, span.start, span.end))
    call.end(second_pass=False)
    assert console.client.post(f"{CALLS}/{call.id}/evaluate").status_code == 202
    work_off(console, call.id)
    told = console.client.get(f"{CALLS}/{call.id}/scores").json()
    greeting = told["scorecards"][0]["results"][0]
    assert greeting["passed"] is None
    assert "by speaker 2, where agent and customer share a channel" in greeting["reason"]
    assert greeting["evidence"]["quote"] == "Thank you for calling"
    assert (told["measures"]["talk_ratio"], told["measures"]["hold_ms"]) == (None, None)
