"""What whoever runs the service does and sees while calls go on: traces, metrics, logs, new trunks, a restart."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_nothing_twice, assert_spoken, utterances, wait_jobs
from tests.otlp import CollectedSpan, Collector, collecting
from tests.webhooks import SECRET, receiving

pytestmark = pytest.mark.acceptance

OLD_ADDRESS, NEW_ADDRESS = "127.0.0.1", "127.0.0.51"
OLD = f'[[trunks]]\nname = "old"\nallow = ["{OLD_ADDRESS}/32"]\n'
NEW = f'[[trunks]]\nname = "new"\nallow = ["{NEW_ADDRESS}/32"]\n'
BROKEN = '[[trunks]]\nname = "new"\nallow = ["no network"]\n'
SPEECH = excerpt(4)
MID_CALL_S = 5.0
TOKEN, PASSWORD = "token-of-nobody-else", "password-of-nobody-else"
PARTS = {"answer", "media", "recognize", "utterance", "store", "job evaluate", "webhook"}
"""Spans of a call, beside itself."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture(scope="module")
def operated(open_folder: Path, collector: Collector) -> Iterator[RunningService]:
    """A service that its tests reload and restart; calls may go on for a minute after a signal."""
    settings = {
        "sip": "lines = 1\n",
        "recognizer": "processes = 1\n",
        # What follows a call is to come soon, also where the machine has no time to spare.
        "second_pass": "enabled = false\n",
        "log": 'level = "debug"\nformat = "json"\n',
        "tracing": f'endpoint = "{collector.url}"\n',
        "ingest": f'token = "{TOKEN}"\n',
    }
    with receiving() as receiver:
        hook = f'[[webhooks]]\nname = "crm"\nurl = "{receiver.url}"\nsecret = "{SECRET}"\n'
        asking = '[[trunks]]\nname = "asking"\nallow = ["127.0.0.52/32"]\ndigest_username = "pbx"\n'
        asking += f'digest_password = "{PASSWORD}"\n'
        service = RunningService(open_folder / "operated", settings, trunks=hook + asking + OLD, drain_s=60.0)
        with running(service) as started:
            yield started


@pytest.fixture(scope="module")
def told(operated: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A call that is over, with its jobs done."""
    session = start_session(operated, tmp_path_factory.mktemp("told"), SPEECH)
    wait_for(lambda: operated.counter("callscribe_channels_speaking"), "a channel on which somebody speaks")
    session.finish()
    call = operated.wait_call(session.sip_call_id)
    wait_jobs(operated, call["id"], "the jobs of a call")
    return call


def test_a_calls_trace_has_what_every_process_did_for_it_and_no_word(
    operated: RunningService, collector: Collector, told: Json
) -> None:
    trace = told["id"].replace("-", "")
    spans = wait_for(lambda: _whole(collector.spans(trace)), "the call's whole trace")
    services = {span.name: span.service for span in spans}
    assert {services[name] for name in ("call", "answer", "media", "utterance", "store")} == {"callscribe-sip"}
    assert services["recognize"] == "callscribe-recognizer"
    assert {services[name] for name in ("job evaluate", "webhook")} == {"callscribe-worker"}
    [call] = [span for span in spans if span.name == "call"]
    assert (call.parent, call.attributes["trunk"], call.attributes["reason"]) == ("", "old", "bye")
    assert {span.parent for span in spans if span is not call} == {call.id}
    assert all(span.attributes["call.id"] == told["id"] for span in spans)
    assert all(0 < span.began_ns <= span.ended_ns <= time.time_ns() for span in spans)
    heard = utterances(operated, told["id"])
    for name in ("recognize", "utterance"):
        assert len([span for span in spans if span.name == name]) == len(heard)
    values = " ".join(str(value) for span in spans for value in span.attributes.values()).lower()
    assert not _phrases(operated, told) & _threes(values)
    assert "2001" not in values


def _whole(spans: list[CollectedSpan]) -> list[CollectedSpan] | None:
    return spans if {span.name for span in spans} >= {"call", *PARTS} else None


def test_logs_are_json_with_call_ids_and_neither_words_nor_secrets(operated: RunningService, told: Json) -> None:
    lines = [line for line in operated.log.splitlines() if not line.startswith("callscribe: ")]
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(entries) > len(lines) * 0.9
    of_call = {entry["event"] for entry in entries if entry.get("call_id") == told["id"]}
    assert of_call >= {"call_started", "call_ended", "job_done"}
    assert not _phrases(operated, told) & _threes(operated.log.lower())
    for secret in (TOKEN, PASSWORD, SECRET, "sip:2001@"):
        assert secret not in operated.log
    commands = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in operated.all_pids())
    assert not any(secret.encode() in commands for secret in (TOKEN, PASSWORD, SECRET))


def _phrases(service: RunningService, call: Json) -> set[str]:
    """Three words one after the other, of all that was said."""
    return {three for item in utterances(service, call["id"]) for three in _threes(str(item["text"]).lower())}


def _threes(text: str) -> set[str]:
    words = re.findall(r"[a-z']+", text)
    return {" ".join(words[at : at + 3]) for at in range(len(words) - 2)}


def test_metrics_of_every_stage_stand(operated: RunningService, told: Json) -> None:
    for name in (
        "first_partial_delay_seconds_count",
        "text_age_seconds_count",
        "final_delay_seconds_count",
        "rtp_packets",
        "journal_written",
    ):
        assert operated.counter(f"callscribe_{name}") > 0, name
    metrics = operated.text("/metrics")
    for name in (
        "journal_lag_seconds",
        "oldest_job_seconds",
        "events_waiting",
        "samples_lost",
        "channels_speaking",
        "events_dropped",
    ):
        assert f"callscribe_{name}" in metrics, name
    wait_for(lambda: operated.counter("callscribe_channels_speaking") == 0, "nobody who speaks")


def command(service: RunningService, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "callscribe.cli.main", "--config", str(service.config), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def configure(service: RunningService, trunks: str) -> None:
    service.trunks = trunks
    service.write_config()


def take(service: RunningService, trunks: str) -> None:
    """Configure these, and wait until every process has taken them."""
    configure(service, trunks)
    taken, begun = service.log.count("settings_taken"), service.log.count("worker_ready")
    reloaded = command(service, "reload")
    assert reloaded.returncode == 0, reloaded.stderr
    wait_for(lambda: service.log.count("settings_taken") >= taken + 3, "three processes that take the settings")
    wait_for(lambda: service.log.count("worker_ready") > begun, "the worker, which begins anew")
    wait_for(lambda: settings_in_force(service) == "ready", "settings that nobody refuses", seconds=90)


def answer_to(service: RunningService, address: str) -> tuple[int, str]:
    """The status of the answer to a call from there, which is hung up; and the call's SIP Call-ID."""
    asked = Asked(body=AUDIO_OFFER.format(port=40000))
    with RawPeer("UDP", service.sip_port, address) as peer:
        reply = peer.establish(asked)
        if reply.status == 200:
            assert peer.hang_up(asked, reply).status == 200
        return reply.status, asked.call


def processes(service: RunningService) -> dict[str, int]:
    """The first of each role; the worker's others are its pool's, which begin anew with new trunks."""
    return {role: min(service.pids(role)) for role in ("sip", "web", "worker", "recognizer")}


def trunks_of(service: RunningService) -> list[str]:
    return [str(trunk["name"]) for trunk in service.get("/api/v1/trunks")["trunks"]]


def settings_in_force(service: RunningService) -> str:
    return str(service.get("/readyz")["settings"])


def test_new_trunks_are_for_calls_that_begin_and_those_that_go_on_keep_theirs(
    operated: RunningService, tmp_path: Path
) -> None:
    assert answer_to(operated, NEW_ADDRESS)[0] == 403
    before = processes(operated)
    going = start_session(operated, tmp_path, SPEECH)
    time.sleep(MID_CALL_S)

    take(operated, NEW)
    assert trunks_of(operated) == ["new"]
    status, taken = answer_to(operated, NEW_ADDRESS)
    assert status == 200
    assert answer_to(operated, OLD_ADDRESS)[0] == 403

    going.finish()
    call = operated.wait_call(going.sip_call_id)
    assert (call["trunk"], call["end_reason"]) == ("old", "bye")
    assert_spoken(operated, call["id"], SPEECH)
    assert_nothing_twice(operated, call["id"])
    assert operated.wait_call(taken)["trunk"] == "new"
    wait_jobs(operated, call["id"], "the jobs of a trunk that is gone")
    assert processes(operated) == before


def test_broken_settings_are_refused_and_told_and_the_old_ones_stay(operated: RunningService) -> None:
    take(operated, NEW)
    configure(operated, BROKEN)
    refused = command(operated, "reload")
    assert refused.returncode == 2
    assert "no network" in refused.stderr
    assert settings_in_force(operated) == "ready"

    assert operated.process is not None
    operated.process.send_signal(signal.SIGHUP)
    told = wait_for(lambda: _all_refused(operated), "three processes that refuse the settings")
    assert "does not appear to be an IPv4 or IPv6 network" in told
    reasons = [line for line in operated.log.splitlines() if "settings_refused" in line]
    assert len(reasons) == 3
    assert answer_to(operated, NEW_ADDRESS)[0] == 200

    configure(operated, NEW)
    finding = _doctor(operated)
    assert (finding["verdict"], finding["good"]) == ("bad", False)
    take(operated, NEW)
    assert _doctor(operated)["verdict"] == "ok"


def _all_refused(service: RunningService) -> str | None:
    told = settings_in_force(service)
    return told if all(f"{role}-node-1 refused" in told for role in ("sip", "web", "worker")) else None


def _doctor(service: RunningService) -> Json:
    findings = json.loads(command(service, "doctor", "--json", "--trunk", "new").stdout)
    return next(finding for finding in findings if finding["check"] == "settings in force")


def test_what_needs_other_processes_than_run_is_refused_until_a_restart(operated: RunningService) -> None:
    take(operated, NEW)
    configure(operated, NEW + 'codecs = ["G722", "PCMA"]\n')
    assert command(operated, "reload").returncode == 0
    told = wait_for(lambda: _told(operated, "wide band"), "the node's refusal")
    assert "sip-node-1 refused" in told
    assert answer_to(operated, NEW_ADDRESS)[0] == 200
    take(operated, NEW)


def _told(service: RunningService, words: str) -> str | None:
    told = settings_in_force(service)
    return told if words in told else None


def test_a_restart_costs_calls_that_go_on_no_word_and_new_ones_a_503(operated: RunningService, tmp_path: Path) -> None:
    take(operated, OLD)
    going = [start_session(operated, tmp_path, SPEECH) for _ in range(2)]
    time.sleep(MID_CALL_S)
    assert operated.process is not None
    operated.process.send_signal(signal.SIGTERM)
    with RawPeer("UDP", operated.sip_port) as peer:
        asked = Asked("OPTIONS")
        reply = wait_for(lambda: _draining(peer, asked), "the node's word that it drains")
        assert int(reply) > 0
        assert peer.establish(Asked(body=AUDIO_OFFER.format(port=40000))).status == 503
    assert operated.get("/api/v1/live")["calls"]

    for session in going:
        session.finish()
    assert operated.process.wait(60) == 0
    operated.start()
    for session in going:
        call = operated.wait_call(session.sip_call_id)
        assert (call["state"], call["end_reason"]) == ("ended", "bye")
        assert -1.0 < call["duration_ms"] / 1000 - SPEECH.seconds < 20.0
        assert_spoken(operated, call["id"], SPEECH)
        assert_nothing_twice(operated, call["id"])
        wait_jobs(operated, call["id"], "the jobs of a call that went on over the restart")
    assert answer_to(operated, OLD_ADDRESS)[0] == 200


def _draining(peer: RawPeer, asked: Asked) -> str | None:
    """Retry-After of a 503."""
    reply = peer.ask(asked)
    return reply.header("Retry-After") if reply.status == 503 else None
