"""A hotword list that is put through the API is heard on the calls it is for, also on those that go on."""

import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import Excerpt, excerpt
from tests.acceptance.transcripts import utterances

pytestmark = pytest.mark.acceptance


def put_list(service: RunningService, name: str, word: str, agents: str) -> None:
    body = json.dumps({"words": [{"text": word, "weight": 1.5}], "agents": [agents]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{service.web}/api/v1/hotwords/{name}", body, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200


def delete_list(service: RunningService, name: str) -> None:
    request = urllib.request.Request(f"{service.web}/api/v1/hotwords/{name}", method="DELETE")
    urllib.request.urlopen(request, timeout=10).close()


def said_twice(speech: Excerpt) -> Excerpt:
    channels = tuple(np.concatenate([channel, channel]) for channel in speech.channels)
    return Excerpt(channels, tuple(f"{text} {text}" for text in speech.texts), "")


def names(service: RunningService, sip_call_id: str) -> list[str]:
    """How the customer's name was written each time."""
    call = service.find_call(sip_call_id)
    texts = [str(item["final"]["text"]) for item in utterances(service, call["id"])] if call else []
    return [text.partition("Laura ")[2].split()[0].strip(".,") for text in texts if "Laura " in text]


def test_a_list_that_is_swapped_mid_call_spells_the_next_name_of_its_agents_call(
    service: RunningService, tmp_path: Path
) -> None:
    put_list(service, "names", "Benet", agents="20??")
    session = start_session(service, tmp_path, said_twice(excerpt(2)))
    try:
        wait_for(lambda: names(service, session.sip_call_id), "the first name")
        put_list(service, "names", "Bennet", agents="10??")
        session.finish()
    finally:
        delete_list(service, "names")
    service.wait_call(session.sip_call_id)
    # The first list was for another agent: the engine's own spelling has two t.
    assert names(service, session.sip_call_id) == ["Bennett", "Bennet"]
