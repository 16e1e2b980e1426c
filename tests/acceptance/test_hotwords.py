"""A hotword list that is put through the API is heard on calls, also on one that goes on."""

import json
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import utterances

pytestmark = pytest.mark.acceptance


def put_list(service: RunningService, name: str, *words: str) -> None:
    body = json.dumps({"words": [{"text": word} for word in words]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{service.web}/api/v1/hotwords/{name}", body, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200


def delete_list(service: RunningService, name: str) -> None:
    request = urllib.request.Request(f"{service.web}/api/v1/hotwords/{name}", method="DELETE")
    urllib.request.urlopen(request, timeout=10).close()


def test_a_list_that_is_put_in_mid_call_spells_the_next_name(service: RunningService, tmp_path: Path) -> None:
    session = start_session(service, tmp_path, excerpt(2))
    # Without the list the customer's name is written with two t.
    put_list(service, "names", "Bennet")
    session.finish()
    delete_list(service, "names")
    call = service.wait_call(session.sip_call_id)
    finals = [item["final"]["text"] for item in utterances(service, call["id"])]
    assert any("Laura Bennet." in text for text in finals), finals
