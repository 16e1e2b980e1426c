"""The HTTP API: calls, transcripts, audio, hotwords, jobs, and what bad input and absent stores get."""

import hashlib
import io
import json
import wave
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from callscribe.config.settings import Settings
from storage.records import RecordingFile
from tests.console.conftest import Console, serving
from tests.console.switchboard import Switchboard
from tests.vcon import check_vcon, sha512_of

pytestmark = pytest.mark.integration

CALLS = "/api/v1/calls"
TOO_MANY = json.dumps({"words": [{"text": f"word {number}"} for number in range(1001)]}).encode()


def a_trunk() -> str:
    return f"trunk-{uuid4()}"


def test_a_call_is_told_with_its_parties_times_and_ids(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(sip_call_id="abc/def@sbc.example.com")
    call.end(at=75_500)
    told = console.client.get(f"{CALLS}/{call.id}").json()
    assert told["state"] == "ended"
    assert told["duration_ms"] == 75_500
    assert told["caller"] == {"name": "Tom Hall", "address": "sip:+4930123456@carrier.example.com"}
    assert [(channel["role"], channel["party"]["name"]) for channel in told["channels"]] == [
        ("agent", "Anna Weber"),
        ("customer", "Tom Hall"),
    ]
    assert {"kind": "sip-call-id", "value": "abc/def@sbc.example.com"} in told["outside_ids"]
    assert told["quirks"] == ["metadata-namespace"]
    assert told["processing"] is True
    assert [job["kind"] for job in told["jobs"]] == ["second-pass"]
    assert told["node"] == "node-1"


@pytest.mark.parametrize("part", ["", "/transcript", "/events"])
def test_a_call_is_found_by_the_id_of_another_system(console: Console, switchboard: Switchboard, part: str) -> None:
    outside = f"{uuid4()}/x y@sbc"
    call = switchboard.start(sip_call_id=outside)
    call.end(second_pass=False)
    answer = console.client.get(f"{CALLS}/{quote(outside, safe='')}{part}")
    assert answer.status_code == 200
    assert str(call.id) in answer.text


def test_calls_are_listed_newest_first_by_filters_and_in_stretches(console: Console, switchboard: Switchboard) -> None:
    trunk, noon = a_trunk(), datetime(2026, 3, 1, 12, tzinfo=UTC)
    calls = [switchboard.start(trunk=trunk, started_at=noon + timedelta(minutes=m), published=False) for m in range(5)]
    for call in calls[:3]:
        call.end(second_pass=False)
    ids = [str(call.id) for call in reversed(calls)]

    def listed(**query: str | int) -> list[str]:
        answer = console.client.get(CALLS, params={"trunk": trunk, **query})
        assert answer.status_code == 200, answer.text
        return [call["id"] for call in answer.json()["calls"]]

    assert listed() == ids
    assert listed(state="active") == ids[:2]
    assert listed(state="ended") == listed(state="over") == ids[2:]
    assert listed(since="2026-03-01T12:03:00Z") == ids[:2]
    assert listed(until="2026-03-01T13:01:00+01:00") == ids[4:]
    assert listed(outside_id=calls[1].call.outside_ids.sip_call_id) == [str(calls[1].id)]
    first = console.client.get(CALLS, params={"trunk": trunk, "state": "over", "limit": 2}).json()
    then = console.client.get(
        CALLS, params={"trunk": trunk, "state": "over", "limit": 2, "cursor": first["cursor"]}
    ).json()
    assert [call["id"] for call in first["calls"] + then["calls"]] == ids[2:]
    assert then["cursor"] is None


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"cursor": "zzz"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"state": "gone"}, "state"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-03-01T12:00:00"}, "since"),
        ({"colour": "red"}, "colour"),
        ({"trunk": "x" * 300}, "trunk"),
    ],
)
def test_a_bad_filter_is_a_problem_that_names_it(console: Console, query: dict[str, str | int], named: str) -> None:
    answer = console.client.get(CALLS, params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(named)


@pytest.mark.parametrize("key", [str(uuid4()), "nobody", "..%2F..%2Fetc%2Fpasswd", "%00", "x" * 500])
@pytest.mark.parametrize("part", ["", "/transcript", "/audio", "/events"])
def test_a_call_that_is_not_there_is_not_found(console: Console, key: str, part: str) -> None:
    answer = console.client.get(f"{CALLS}/{key}{part}")
    assert answer.status_code == 404
    problem = answer.json()
    assert problem["title"] == "Not Found"
    assert problem["status"] == 404
    assert problem["detail"].endswith(".")


def test_a_transcript_is_written_in_every_format(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    name = call.final(0, 1000, "good mourning")
    call.final(1, 2500, "hello <there>")
    call.end()
    call.second_pass([(name, "Good morning.")])
    path = f"{CALLS}/{call.id}/transcript"
    stored = console.client.get(path).json()["utterances"]
    assert [utterance["text"] for utterance in stored] == ["Good morning.", "hello <there>"]
    assert stored[0]["final"]["text"] == "good mourning"
    types = {
        "txt": "text/plain",
        "srt": "application/x-subrip",
        "vtt": "text/vtt",
        "csv": "text/csv",
        "vcon": "application/vcon",
    }
    for style, kind in types.items():
        answer = console.client.get(path, params={"format": style})
        assert answer.headers["content-type"].startswith(kind)
        assert "Good morning." in answer.text
        assert str(call.id) in answer.headers["content-disposition"]
    assert "00:00:01,000 --> 00:00:01,715" in console.client.get(path, params={"format": "srt"}).text
    refused = console.client.get(path, params={"format": "docx"})
    assert refused.status_code == 422
    assert "'json', 'txt', 'srt', 'vtt', 'csv' or 'vcon'" in refused.json()["detail"]


def test_audio_is_answered_whole_and_by_byte_ranges(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.end(second_pass=False, recording=call.record(2))
    path = f"{CALLS}/{call.id}/audio"
    whole = console.client.get(path)
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["accept-ranges"] == "bytes"
    with wave.open(io.BytesIO(whole.content)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 16_000)
    part = console.client.get(path, headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert part.content == whole.content[100:200]
    assert console.client.get(path, headers={"range": "bytes=99999999-"}).status_code == 416
    told = console.client.get(f"{CALLS}/{call.id}").json()["recording"]
    assert told == {"rate_hz": 8000, "channels": 2, "duration_ms": 2000, "bytes": len(whole.content)}


def test_a_vcon_refers_to_the_recording_where_that_can_be_had(
    console: Console, settings: Settings, switchboard: Switchboard
) -> None:
    call = switchboard.start(trunk=f"trunk-{uuid4()}")
    call.final(0, 1000, "hello")
    paths = f"{CALLS}/{call.id}/transcript?format=vcon", f"/api/v1/export?format=vcon&trunk={call.call.trunk}"
    (going,) = console.client.get(paths[0]).json()["dialog"]
    assert not {"url", "content_hash"} & set(going)
    call.end(recording=call.record(2), second_pass=False)
    audio = console.client.get(f"{CALLS}/{call.id}/audio").content
    with serving(replace(settings, web=replace(settings.web, public_url="https://calls.example"))) as public:
        one = public.client.get(paths[0]).json()
        with zipfile.ZipFile(io.BytesIO(public.client.get(paths[1]).content)) as archive:
            (name,) = archive.namelist()
            assert json.loads(archive.read(name)) == one
    check_vcon(one)
    (dialog,) = one["dialog"]
    assert dialog["url"] == f"https://calls.example{CALLS}/{call.id}/audio"
    assert sha512_of(dialog["content_hash"]) == hashlib.sha512(audio).digest()
    # Without HTTPS a vCon may name no address.
    (nowhere,) = console.client.get(paths[0]).json()["dialog"]
    assert ("url" in nowhere, nowhere["content_hash"]) == (False, dialog["content_hash"])


def test_a_call_that_goes_on_has_no_audio_yet(console: Console, switchboard: Switchboard) -> None:
    answer = console.client.get(f"{CALLS}/{switchboard.start().id}/audio")
    assert answer.status_code == 404
    assert "still going on" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["outside", "link", "folder", "gone"])
def test_only_files_of_the_recordings_folder_are_served(
    console: Console, switchboard: Switchboard, tmp_path: Path, kind: str
) -> None:
    call = switchboard.start()
    recording = call.record(1)
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"secret")
    inside = switchboard.recordings / recording.path
    if kind == "outside":
        recording = replace(recording, path=Path("..") / ".." / ".." / ".." / ".." / "etc" / "hostname")
    else:
        inside.unlink()
    if kind == "link":
        inside.symlink_to(secret)
    if kind == "folder":
        inside.mkdir()
    call.end(second_pass=False, recording=RecordingFile(recording.path, 8000, 2, 8000, 32044))
    answer = console.client.get(f"{CALLS}/{call.id}/audio")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_failed_job_tells_why_and_is_tried_again(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.end()
    job = call.fail_second_pass("The model folder is empty; set second_pass.model.")
    told = console.client.get(f"{CALLS}/{call.id}").json()
    assert told["processing"] is False
    assert told["jobs"][0]["state"] == "failed"
    assert told["jobs"][0]["error"] == "The model folder is empty; set second_pass.model."
    assert console.client.post(f"/api/v1/jobs/{job}/retry").status_code == 202
    assert console.client.get(f"{CALLS}/{call.id}").json()["jobs"][0]["state"] == "queued"
    again = console.client.post(f"/api/v1/jobs/{job}/retry")
    assert again.status_code == 409
    assert "Only a job that has failed" in again.json()["detail"]
    assert console.client.post("/api/v1/jobs/nonsense/retry").status_code == 422


def test_hotword_lists_are_made_changed_and_removed(console: Console) -> None:
    path = f"/api/v1/hotwords/{uuid4()}"
    words = [{"text": "Callscribe", "weight": 2.5}, {"text": "SIPREC", "weight": 1.0}]
    made = console.client.put(path, json={"words": words})
    assert made.status_code == 200
    assert made.json()["words"] == words
    assert made.json()["agents"] == []
    whom = {"languages": ["en"], "agents": ["10??"]}
    told = console.client.put(path, json={"words": words, **whom}).json()
    assert {name: told[name] for name in whom} == whom
    changed = console.client.put(path, json={"words": [{"text": "Kamailio"}]})
    assert changed.json()["id"] == made.json()["id"]
    assert console.client.get(path).json()["words"] == [{"text": "Kamailio", "weight": 1.0}]
    assert made.json()["id"] in [found["id"] for found in console.client.get("/api/v1/hotwords").json()]
    assert console.client.delete(path).status_code == 204
    assert console.client.delete(path).status_code == 404
    assert console.client.get(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"words":[{"text":""}]}',
        b'{"words":[{"text":"a","weight":0}]}',
        b'{"words":[],"x":1}',
        b"\xff",
        TOO_MANY,
    ],
)
def test_bad_hotwords_are_refused(console: Console, body: bytes) -> None:
    answer = console.client.put("/api/v1/hotwords/names", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["%00", "%20", "a%00b", "%0A"])
def test_a_list_needs_a_name_that_can_be_read(console: Console, name: str) -> None:
    assert console.client.put(f"/api/v1/hotwords/{name}", json={"words": []}).status_code == 422


@pytest.mark.parametrize("condition", ["trunk", "outside_id"])
def test_a_condition_that_no_call_can_meet_gives_no_calls(console: Console, condition: str) -> None:
    answer = console.client.get(f"{CALLS}?{condition}=nobody%00")
    assert answer.status_code == 200
    assert answer.json() == {"calls": [], "cursor": None}


def test_an_absent_database_is_a_503_that_names_the_cure(lonely: Console) -> None:
    for path in (CALLS, f"{CALLS}/{uuid4()}", f"{CALLS}/{uuid4()}/events", "/api/v1/live", "/api/v1/hotwords"):
        answer = lonely.client.get(path)
        assert answer.status_code == 503, path
        assert answer.headers["retry-after"] == "2"
        assert "url" in answer.json()["detail"]
        assert "Traceback" not in answer.text


def test_readiness_says_what_is_missing(console: Console, lonely: Console) -> None:
    assert console.client.get("/readyz").json() == {
        "status": "ready",
        "database": "ready",
        "events": "ready",
        "load": "ok",
        "reasons": [],
        "settings": "ready",
    }
    assert lonely.client.get("/healthz").json() == {"status": "alive"}
    answer = lonely.client.get("/readyz")
    assert answer.status_code == 503
    assert "database.url" in answer.json()["database"]
    assert "events.url" in answer.json()["events"]
    assert answer.json()["load"] == "unknown"


def test_openapi_describes_every_route_and_its_problems(console: Console) -> None:
    document = console.client.get("/api/v1/openapi.json").json()
    paths = document["paths"]
    assert {
        "/api/v1/calls", "/api/v1/calls/{key}", "/api/v1/calls/{key}/transcript", "/api/v1/calls/{key}/audio",
        "/api/v1/calls/{key}/events", "/api/v1/live", "/api/v1/live/events", "/api/v1/hotwords",
        "/api/v1/hotwords/{name}", "/api/v1/jobs/{job_id}/retry", "/healthz", "/readyz", "/metrics",
    } <= set(paths)  # fmt: skip
    assert "application/problem+json" in json.dumps(paths["/api/v1/calls/{key}"]["get"]["responses"]["404"])
    assert "HTTPValidationError" not in json.dumps(document)
    events = paths["/api/v1/calls/{key}/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    assert events["schema"] == {"$ref": "#/components/schemas/Event"}
    schemas = document["components"]["schemas"]
    assert schemas["Event"]["discriminator"]["mapping"]["utterance.final"] == "#/components/schemas/UtteranceFinal"
    assert {"start_ms", "confidence", "words"} <= set(schemas["UtteranceFinal"]["required"])
    references = {part.split('"')[0] for part in json.dumps(document).split('"#/components/schemas/')[1:]}
    assert references <= set(schemas)
