"""Transcripts of many calls, from the command line."""

import csv
import hashlib
import io
import json
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.conftest import SCORED_ADDRESS
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService
from tests.acceptance.speech import excerpt
from tests.acceptance.test_command_line import callscribe
from tests.vcon import check_vcon, sha512_of

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def call(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Json:
    session = start_session(service, tmp_path_factory.mktemp("call"), excerpt(1), options=("-i", SCORED_ADDRESS))
    session.finish()
    return service.wait_call(session.sip_call_id)


def test_calls_are_exported_to_a_folder_which_is_gone_on_with(
    service: RunningService, call: Json, tmp_path: Path
) -> None:
    which = ("--trunk", "scored", "--since", call["started_at"], "--format", "txt")
    wanted = ("--config", service.config, "export", *which, "--to", tmp_path / "calls")
    first = callscribe(*wanted, cwd=tmp_path)
    assert (first.returncode, first.stdout) == (0, "")
    (written,) = (tmp_path / "calls").iterdir()
    assert written.name.endswith(f"{call['id']}.txt")
    assert "thank you for calling" in written.read_text().lower()
    written.write_text("left alone")
    assert "0 written" in callscribe(*wanted, cwd=tmp_path).stderr
    assert written.read_text() == "left alone"


def test_calls_are_streamed_to_standard_output(service: RunningService, call: Json, tmp_path: Path) -> None:
    wanted = ("--config", service.config, "export", "--trunk", "scored", "--since", call["started_at"], "--to", "-")
    table = callscribe(*wanted, "--format", "csv", cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    rows = list(csv.DictReader(io.StringIO(table.stdout, newline="")))
    assert {row["call_id"] for row in rows} == {call["id"]}
    document = json.loads(callscribe(*wanted, cwd=tmp_path).stdout)
    assert [said["text"] for said in document["utterances"]] == [row["text"] for row in rows]
    address = f"{service.web}/api/v1/export?format=vcon&trunk=scored&until={call['ended_at']}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        archive = io.BytesIO(answer.read())
    with zipfile.ZipFile(archive) as vcons:
        assert any(call["id"] in name for name in vcons.namelist())


def test_a_vcon_is_one_by_its_draft_and_tells_the_recordings_hash(
    service: RunningService, call: Json, tmp_path: Path
) -> None:
    told = callscribe("--config", service.config, "export", call["id"], "--format", "vcon", cwd=tmp_path)
    document = json.loads(told.stdout)
    check_vcon(document)
    assert "thank you for calling" in str(document["analysis"][0]["body"]["utterances"]).lower()
    with urllib.request.urlopen(f"{service.web}/api/v1/calls/{call['id']}/audio", timeout=30) as answer:
        audio = answer.read()
    assert sha512_of(document["dialog"][0]["content_hash"]) == hashlib.sha512(audio).digest()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name a call, or say with --to where"),
        (("--to", "folder", "--since", "yesterday"), "--since must be a time such as"),
        (("some-call", "--to", "folder"), "are for many calls; leave the call's id out"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_the_cure(
    service: RunningService, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = callscribe("--config", service.config, "export", *arguments, cwd=tmp_path)
    assert outcome.returncode == 2
    assert sentence in outcome.stderr
