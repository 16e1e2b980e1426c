"""Two people on one channel are told apart after the call: whose each word is, in the API, in exports and in events."""

import csv
import io
import json
from itertools import groupby
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.acceptance.conftest import SHARED_ADDRESS
from tests.acceptance.recording import say
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.test_scorecards import send
from tests.acceptance.transcripts import jobs_done, utterances
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

TURNS = 4
"""Agent, customer, agent, customer."""


@pytest.fixture(scope="module")
def shared(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A call with both parties' speech on its one channel, when nothing of it is left to do."""
    folder = Path(tmp_path_factory.mktemp("shared"))
    speech = np.clip(sum(channel.astype(np.int32) for channel in excerpt(TURNS).channels), -32768, 32767)
    call = say(service, folder, speech.astype(np.int16), SHARED_ADDRESS)
    wait_for(lambda: jobs_done(service, call["id"]), "the speakers", seconds=120)
    return call


def test_each_speaker_has_their_own_words_in_order(service: RunningService, shared: Json) -> None:
    assert (shared["trunk"], [channel["role"] for channel in shared["channels"]]) == ("shared", ["mixed"])
    turns = [turn for said in utterances(service, shared["id"]) for turn in said["turns"]]
    assert [speaker for speaker, _ in groupby(turns, lambda turn: turn["speaker"])] == [1, 2, 1, 2]
    for speaker, text in enumerate(excerpt(TURNS).texts, start=1):
        heard = " ".join(turn["text"] for turn in turns if turn["speaker"] == speaker)
        assert word_error_rate([text], [heard]) <= 0.2, f"speaker {speaker}: {heard}"


def test_what_was_heard_stands_beside_what_each_said(service: RunningService, shared: Json) -> None:
    for said in utterances(service, shared["id"]):
        assert " ".join(turn["text"] for turn in said["turns"]) == said["text"]
        assert said["final"]["text"]
        assert [said["turns"][0]["start_ms"], said["turns"][-1]["end_ms"]] == [said["start_ms"], said["end_ms"]]


def test_exports_and_events_name_who_speaks(service: RunningService, shared: Json) -> None:
    path = f"/api/v1/calls/{shared['id']}"
    lines = service.text(f"{path}/transcript?format=txt").splitlines()
    assert {line.split("] ")[1].split(":")[0] for line in lines} == {"Speaker 1", "Speaker 2"}
    assert "<v Speaker 2>" in service.text(f"{path}/transcript?format=vtt")
    data = [line.removeprefix("data: ") for line in service.text(f"{path}/events").splitlines() if "data: {" in line]
    told = [event for event in map(json.loads, data) if event["type"] == "utterance.speakers"]
    assert {turn["speaker"] for event in told for turn in event["turns"]} == {1, 2}


def test_of_a_shared_channel_a_scorecard_tells_which_speaker_it_was_and_not_that_it_was_the_agent(
    service: RunningService, shared: Json
) -> None:
    rules = [
        {"name": "greeting", "kind": "said", "phrases": ["how can I help you"]},
        {"name": "no promises", "kind": "not-said", "phrases": ["guarantee"]},
        {"name": "talk", "kind": "measure", "measure": "talk-ratio", "at_most": 0.9},
    ]
    send(service, "PUT", "/api/v1/scorecards/shared", {"by": "the test", "trunks": ["shared"], "rules": rules})
    scores = f"/api/v1/calls/{shared['id']}/scores"
    send(service, "POST", f"/api/v1/calls/{shared['id']}/evaluate")
    (card,) = wait_for(lambda: send(service, "GET", scores)["scorecards"], "the evaluation", seconds=120)
    greeting, promises, talk = card["results"]
    assert (greeting["passed"], promises["passed"], talk["passed"]) == (None, True, None), greeting["reason"]
    assert "by speaker 1, where agent and customer share a channel" in greeting["reason"]
    assert "how can i help you" in greeting["evidence"]["quote"].lower()
    assert "share a channel" in talk["reason"]


def test_a_search_names_who_of_a_shared_channel_said_the_word(service: RunningService, shared: Json) -> None:
    [sip_call_id] = [each["value"] for each in shared["outside_ids"] if each["kind"] == "sip-call-id"]
    asked = urlencode({"q": f"calling id:{sip_call_id}"})
    found = wait_for(lambda: json.loads(service.text(f"/api/v1/search?{asked}"))["calls"], "what was said")
    assert [hit["speaker"] for call in found for hit in call["hits"]] == [1]
    assert [row["speaker"] for row in csv.DictReader(io.StringIO(service.text(f"/api/v1/search.csv?{asked}")))] == ["1"]
