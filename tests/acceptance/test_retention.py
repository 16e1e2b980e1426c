"""What is kept and for how long, and what is gone for good, as a data protection officer would look for it."""

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from websockets.sync.client import connect

from callscribe.events.streams import FLOOR, connect_sync
from tests.acceptance.conftest import BRIEF_ADDRESS
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.sipp import Scenario, launch, plain_sdp, write_capture
from tests.acceptance.speech import excerpt, mu_law
from tests.acceptance.transcripts import spoken, wait_jobs
from tests.peers import require

# The jobs of the calls of all tests before may stand in the queue.
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1800)]

PARTY = "15550144"
"""Who calls, and shall be forgotten."""
WHY = {"by": "Ann Baker", "reason": "case 17"}


def ask(service: RunningService, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
    """Status and document of the API's answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{service.web}/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def command(service: RunningService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "--config", str(service.config), *arguments],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def setting(service: RunningService, name: str) -> str:
    """As the service gave it to its worker."""
    environ = Path(f"/proc/{service.pids('worker')[0]}/environ").read_text().split("\0")
    return next(line.partition("=")[2] for line in environ if line.startswith(f"CALLSCRIBE_{name}="))


def rows(service: RunningService) -> Iterator[str]:
    """Every row of every table, as text."""
    with psycopg.connect(setting(service, "DATABASE__URL")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            yield from (f"{table}: {row}" for (row,) in connection.execute(query))


def traces(service: RunningService, *marks: str) -> list[str]:
    """Where something of the marks is: rows, streams, and files of the data folder but Postgres' own."""
    found = [row for row in rows(service) if any(mark in row for mark in marks)]
    with closing(connect_sync(setting(service, "EVENTS__URL"))) as client:
        streams = [FLOOR, *(name for name in client.scan_iter("callscribe:call:*"))]
        found += [f"stream {name}" for name in streams if any(mark in str(client.xrange(name)) for mark in marks)]
        found += [f"stream {name}" for name in streams if any(mark in name for mark in marks)]
    data = service.folder / "data"
    for path in (path for path in data.rglob("*") if path.is_file() and "postgres" not in path.parts):
        content = b""
        # The journal and the event store write files anew while they are looked through.
        with suppress(FileNotFoundError):
            content = path.read_bytes()
        found += [f"file {path}" for mark in marks if mark.encode() in content or mark in path.name]
    return found


def places(service: RunningService, *marks: str) -> set[str]:
    """Which tables, streams and files have `traces`."""
    return {trace.partition(": ")[0] for trace in traces(service, *marks)}


def _without_files(found: set[str]) -> set[str]:
    """But for those of the event store, which has its streams in them."""
    return {place for place in found if "valkey" not in place}


def hold_one_of_three(service: RunningService, folder: Path) -> list[str]:
    """Calls of PARTY at once, each with the same words; their SIP Call-IDs, and the hold that the second was put on
    while it went on, for its audio goes soon after."""
    speech = excerpt(1)
    capture = write_capture(folder / "speech.pcap", mu_law(speech.channels[0]))
    during = f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
    during += f'<pause milliseconds="{int(speech.seconds * 1000)}"/>'
    scenario = Scenario(plain_sdp(), during=during).xml().replace("sip:2001@", f"sip:{PARTY}@")
    here = (f"127.0.0.1:{service.sip_port}", "-i", BRIEF_ADDRESS, "-mi", BRIEF_ADDRESS, "-m", "3", "-r", "10")
    caller = launch((require("sipp"), *here), scenario, folder)
    wait_for(lambda: len(caller.call_ids) == 3, "three calls")
    call = wait_for(lambda: service.find_call(caller.call_ids[1]), "the second call")
    status, hold = ask(service, "PUT", f"/calls/{call['id']}/hold", WHY)
    assert (status, hold["call_id"], hold["reason"]) == (200, call["id"], "case 17")
    assert caller.wait(60) == 0, caller.errors
    return caller.call_ids


def test_audio_goes_in_time_a_held_call_stays_and_an_erased_one_is_nowhere(
    service: RunningService, tmp_path: Path
) -> None:
    calls = [service.wait_call(sip_call_id) for sip_call_id in hold_one_of_three(service, tmp_path)]
    aging, held, erased = (call["id"] for call in calls)
    recordings = service.folder / "data" / "recordings"

    # Not before the second pass, which has what CPU is left.
    wait_jobs(service, aging, "the second pass")
    wait_for(lambda: service.get(f"/api/v1/calls/{aging}")["audio_expired_at"], "the end of the audio's time", 120)
    assert list(recordings.rglob(f"{aging}*")) == []
    assert ask(service, "GET", f"/calls/{aging}/audio")[0] == 404
    assert_spoken_once(service, aging)
    assert service.get(f"/api/v1/calls/{held}")["recording"] is not None
    assert len(list(recordings.rglob(f"{held}*"))) == 1
    wait_for(lambda: service.counter("callscribe_retention_audio_expired") >= 1, "the metric", 200)

    query = urllib.parse.urlencode(WHY)
    status, problem = ask(service, "DELETE", f"/calls/{held}?{query}")
    assert (status, "release it" in problem["detail"]) == (409, True)
    status, answer = ask(service, "DELETE", f"/calls/{erased}?{query}")
    assert (status, answer["calls"], answer["utterances"] > 0) == (200, [erased], True)
    assert ask(service, "GET", f"/calls/{erased}")[0] == 404
    sip_call_id = calls[2]["outside_ids"][0]["value"]
    # The journal and the event store write their files anew up to some ten seconds later.
    # What tells those who follow calls that it was erased has its id, and stays among the events.
    wait_for(lambda: not places(service, sip_call_id), "the end of its traces", 300, every_s=1)
    kept = {"audit", "erased_calls", f"stream {FLOOR}"}
    wait_for(lambda: _without_files(places(service, erased)) == kept, "the end of what tells its id", 300, every_s=1)

    tried = command(service, "erase", "--party", PARTY, "--by", "Ann Baker", "--reason", "letter", "--yes", "--json")
    done = json.loads(tried.stdout)
    assert (tried.returncode, done["held"], done["erased"], done["waiting"]) == (1, [held], 1, 0)
    assert ask(service, "GET", f"/calls/{aging}")[0] == 404
    followed = command(service, "erase", "--follow", done["id"], "--json")
    assert json.loads(followed.stdout) == done == service.get(f"/api/v1/erasures/{done['id']}")
    assert command(service, "hold", held, "--release", "--by", "Ann Baker", "--reason", "closed").returncode == 0
    assert command(service, "erase", held, "--by", "Ann Baker", "--reason", "letter", "--yes").returncode == 0
    wait_for(lambda: not places(service, PARTY), "the end of the last trace", 300, every_s=1)

    told = service.get(f"/api/v1/audit?subject={held}")["entries"]
    assert [entry["action"] for entry in told] == ["call.erased", "call.released", "call.held"]
    assert service.get("/api/v1/audit?action=audio.expired&subject=kept-briefly")["entries"][0]["by"] == "callscribe"
    assert PARTY not in json.dumps(service.get("/api/v1/audit?limit=500"))


def test_a_call_whose_node_never_comes_back_ends_and_is_erased(service: RunningService) -> None:
    call_id = uuid4()
    row = "(id, trunk, dialect, node, started_at, sample_rate) VALUES (%s, 'main', 'plain', 'burnt', now(), 8000)"
    with psycopg.connect(setting(service, "DATABASE__URL")) as connection:
        connection.execute(f"INSERT INTO calls {row}".encode(), (call_id,))
    query = urllib.parse.urlencode(WHY)
    status, problem = ask(service, "DELETE", f"/calls/{call_id}?{query}")
    assert (status, "once it has ended" in problem["detail"]) == (409, True)
    wait_for(lambda: service.get(f"/api/v1/calls/{call_id}")["end_reason"] == "node-lost", "the end of its call", 200)
    assert ask(service, "DELETE", f"/calls/{call_id}?{query}")[0] == 200
    told = service.get(f"/api/v1/audit?subject={call_id}")["entries"]
    assert [(entry["action"], entry["by"]) for entry in told] == [
        ("call.erased", "Ann Baker"), ("call.ended", "callscribe"),
    ]  # fmt: skip


def test_a_partys_calls_are_erased_by_workers_and_whoever_follows_is_told(service: RunningService) -> None:
    number, calls = "+15550177", [str(uuid4()) for _ in range(4)]
    call = "(id, trunk, dialect, node, state, started_at, ended_at, end_reason, samples, sample_rate)"
    then = "now() - interval '3 days'"
    told = f"(%s, 'main', 'plain', 'node', 'ended', {then}, {then}, 'bye', 0, 8000)"
    party = "(id, call_id, address, name, participant_id, is_caller, is_callee)"
    with psycopg.connect(setting(service, "DATABASE__URL")) as connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO calls {call} VALUES {told}".encode(), [(each,) for each in calls])
        rows_of = [(each, f"tel:{number}") for each in calls]
        insert = f"INSERT INTO parties {party} VALUES (gen_random_uuid(), %s, %s, '', '', true, false)"
        cursor.executemany(insert.encode(), rows_of)
    who = ("--party", number, "--by", "Ann Baker", "--reason", "letter")
    planned = json.loads(command(service, "erase", *who, "--dry-run", "--json").stdout)
    assert (sorted(planned["calls"]), planned["addresses"]) == (sorted(calls), [f"tel:{number}"])
    with connect(f"{service.web.replace('http', 'ws')}/api/v1/live/ws", proxy=None) as floor:
        erased = command(service, "erase", *who, "--yes", "--json")
        heard: set[str] = set()
        while not heard >= set(calls):
            event = json.loads(floor.recv(timeout=60))
            heard |= {event["call_id"]} if event["type"] == "call.erased" else set()
    done = json.loads(erased.stdout)
    assert (erased.returncode, done["found"], done["erased"], done["waiting"]) == (0, 4, 4, 0)
    followed = command(service, "erase", "--follow", done["id"], "--json")
    assert json.loads(followed.stdout) == done == service.get(f"/api/v1/erasures/{done['id']}")
    assert ask(service, "GET", f"/calls/{calls[0]}")[0] == 404
    entries = service.get(f"/api/v1/audit?subject={done['id']}")["entries"]
    assert [(entry["action"], entry["detail"]["calls"]) for entry in entries] == [("party.erased", 4)]
    assert not [row for row in rows(service) if number in row]


def assert_spoken_once(service: RunningService, call_id: str) -> None:
    """What was said on the plain call's one channel stands there still."""
    assert len(spoken(service, call_id).split()) >= len(excerpt(1).texts[0].split()) // 2
