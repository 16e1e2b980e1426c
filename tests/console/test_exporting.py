"""Transcripts of many calls at once, over HTTP."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from callscribe.console import exporting
from tests.console.conftest import Console
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def exported(console: Console, style: str, trunk: str, **conditions: str) -> bytes:
    query = {"format": style, "trunk": trunk, **conditions}
    with console.client.stream("GET", "/api/v1/export", params=query) as answer:
        assert answer.status_code == 200
        return answer.read()


def ended(switchboard: Switchboard, trunk: str, minute: int) -> FakeCall:
    call = switchboard.start(trunk=trunk, started_at=NOON + timedelta(minutes=minute), published=False)
    call.final(0, 1000, f"This is call {minute}.", published=False)
    call.end(second_pass=False)
    return call


def test_every_call_that_is_over_is_exported_once_newest_first(
    console: Console, switchboard: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    calls = [ended(switchboard, "bulk-1", minute) for minute in range(5)]
    switchboard.start(trunk="bulk-1", started_at=NOON, published=False)
    newest_first = [str(call.id) for call in reversed(calls)]
    lines = exported(console, "json", "bulk-1").splitlines()
    assert [json.loads(line)["call"]["id"] for line in lines] == newest_first
    table = csv.DictReader(io.StringIO(exported(console, "csv", "bulk-1").decode(), newline=""))
    assert [(row["call_id"], row["text"]) for row in table] == [
        (name, f"This is call {4 - number}.") for number, name in enumerate(newest_first)
    ]
    with zipfile.ZipFile(io.BytesIO(exported(console, "vtt", "bulk-1"))) as archive:
        assert [name.rpartition(".")[0][-36:] for name in archive.namelist()] == newest_first


def test_notes_are_in_what_is_exported_as_json(console: Console, switchboard: Switchboard) -> None:
    call = ended(switchboard, "bulk-noted", 0)
    path = f"/api/v1/calls/{call.id}"
    console.client.post(f"{path}/notes", json={"text": "Call back.", "at_ms": 1500, "by": "ann"})
    notes = console.client.get(f"{path}/notes").json()["notes"]
    assert [note["text"] for note in notes] == ["Call back."]
    assert json.loads(exported(console, "json", "bulk-noted"))["notes"] == notes
    assert console.client.get(f"{path}/transcript").json()["notes"] == notes


def test_calls_of_a_time_are_exported(console: Console, switchboard: Switchboard) -> None:
    calls = [ended(switchboard, "bulk-2", minute) for minute in range(3)]
    since, until = (NOON + timedelta(minutes=minute) for minute in (1, 2))
    (line,) = exported(console, "json", "bulk-2", since=since.isoformat(), until=until.isoformat()).splitlines()
    assert json.loads(line)["call"]["id"] == str(calls[1].id)
    assert exported(console, "json", "bulk-3") == b""


@pytest.mark.parametrize("wrong", [{"format": "pdf"}, {"since": "yesterday"}, {"from": "2026-01-01"}])
def test_an_export_of_nobody_knows_what_is_refused(console: Console, wrong: dict[str, str]) -> None:
    answer = console.client.get("/api/v1/export", params=wrong)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
