"""The `callscribe` command as a user types it."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from callscribe.cli.ports import free_port
from tests.acceptance.service import Json, RunningService
from tests.acceptance.speech import excerpt, write_wav
from tests.acceptance.transcripts import assert_spoken, spoken
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance
SPEECH = excerpt(3)


def callscribe(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", *map(str, arguments)],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


WAYS = {"PCMA": ("--codec", "PCMA"), "TCP": ("--tcp",), "TLS and SRTP": ("--tls", "--srtp")}
PLAIN = "plain"


@pytest.fixture(scope="module")
def placed(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """The ended calls of `callscribe call`: a recording session in each way, and a plain call. All go on at once."""
    folder = tmp_path_factory.mktemp("calls")
    agent, customer = (write_wav(folder / f"{index}.wav", pcm) for index, pcm in enumerate(SPEECH.channels))
    parties = ("--party", "Daniel <sip:1001@pbx.example.com>", "--party", "Laura <sip:+15550100@example.com>")
    recorded = ("--siprec", "--play", str(agent), "--play", str(customer), *parties)
    calls = {name: (*recorded, *options) for name, options in WAYS.items()} | {PLAIN: ("--play", str(agent))}

    def place(options: tuple[str, ...]) -> Json:
        port = service.tls_port if "--tls" in options else service.sip_port
        outcome = callscribe("call", f"sip:scribe@127.0.0.1:{port}", "--json", *options, cwd=folder)
        assert outcome.returncode == 0, outcome.stderr
        return service.wait_call(json.loads(outcome.stdout)["sip_call_id"])

    with ThreadPoolExecutor(len(calls)) as threads:
        return dict(zip(calls, threads.map(place, calls.values()), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_call_places_a_recording_session(service: RunningService, placed: dict[str, Json], way: str) -> None:
    call = placed[way]
    assert call["dialect"] == "siprec"
    assert [channel["party"]["name"] for channel in call["channels"]] == ["Daniel", "Laura"]
    assert [channel["role"] for channel in call["channels"]] == ["agent", "customer"]
    assert {channel["codec"] for channel in call["channels"]} == {"PCMA" if way == "PCMA" else "PCMU"}
    assert_spoken(service, call["id"], SPEECH)


def test_call_says_why_a_call_was_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    outcome = callscribe("call", f"sip:scribe@127.0.0.1:{port}", "--tcp", cwd=tmp_path)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("callscribe: ") or "callscribe: " in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_export_writes_the_stored_transcript(service: RunningService, placed: dict[str, Json], tmp_path: Path) -> None:
    call = placed[PLAIN]
    [sip_call_id] = [pair["value"] for pair in call["outside_ids"] if pair["kind"] == "sip-call-id"]
    for style, beginning in (("txt", "["), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT"), ("json", "{"), ("vcon", "{")):
        outcome = callscribe("--config", service.config, "export", "--format", style, "--", sip_call_id, cwd=tmp_path)
        assert outcome.returncode == 0, outcome.stderr
        assert outcome.stdout.startswith(beginning)
        assert "Summit" in outcome.stdout
    assert word_error_rate([SPEECH.texts[0]], [spoken(service, call["id"])]) <= 0.15


def test_transcribe_gives_each_channel_of_a_file_its_words(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "call.wav", *SPEECH.channels)
    outcome = callscribe("transcribe", sound, "--json", "--second-pass", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)["utterances"]
    for channel, text in enumerate(SPEECH.texts):
        heard = " ".join(item["text"] for item in found if item["channel"] == channel)
        assert word_error_rate([text], [heard]) <= 0.15


def test_transcribe_tells_who_speaks_on_the_only_channel_of_a_file(tmp_path: Path) -> None:
    agent, customer = SPEECH.channels
    sound = write_wav(tmp_path / "call.wav", np.where(np.abs(agent) > np.abs(customer), agent, customer))
    outcome = callscribe("transcribe", sound, "--speakers", "2", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    for number, text in enumerate(SPEECH.texts, start=1):
        lines = [line.partition(f" Speaker {number}: ")[2] for line in outcome.stdout.splitlines()]
        assert word_error_rate([text], [" ".join(filter(None, lines))]) <= 0.15


def test_transcribe_refuses_a_number_of_speakers_that_is_none(tmp_path: Path) -> None:
    outcome = callscribe("transcribe", tmp_path / "call.wav", "--speakers", "some", cwd=tmp_path)
    assert (outcome.returncode, outcome.stderr) == (2, "callscribe: --speakers must be auto or a number from 1 to 20\n")


def test_transcribe_names_a_file_that_is_no_audio(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("these are no samples")
    outcome = callscribe("transcribe", tmp_path / "notes.wav", cwd=tmp_path)
    assert outcome.returncode == 1
    assert "notes.wav" in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_transcribe_refuses_a_language_that_the_engine_does_not_know(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "call.wav", *SPEECH.channels)
    outcome = callscribe("transcribe", sound, "--language", "zh", cwd=tmp_path)
    assert outcome.returncode == 1
    assert "does not know the language zh" in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_an_unknown_setting_names_the_nearest_known_one(tmp_path: Path) -> None:
    (tmp_path / "callscribe.toml").write_text("[sip]\nprot = 5070\n")
    outcome = callscribe("doctor", cwd=tmp_path)
    assert outcome.returncode == 2
    assert "sip.prot" in outcome.stderr
    assert "did you mean port" in outcome.stderr
    assert callscribe("doctor", cwd=tmp_path / "..", CALLSCRIBE_SIP__LINSE="2").returncode == 2


def test_serve_names_a_busy_port_and_the_cure(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = callscribe(
            "serve", cwd=tmp_path, CALLSCRIBE_WEB__PORT=str(port), CALLSCRIBE_SIP__PORT=str(free_port())
        )
    assert outcome.returncode == 1
    assert f"web.port {port}" in outcome.stderr
    assert "set web.port" in outcome.stderr


def test_a_role_without_its_database_says_so(tmp_path: Path) -> None:
    alone = callscribe("web", cwd=tmp_path)
    assert alone.returncode == 2
    assert "database.url" in alone.stderr
    nowhere = {"CALLSCRIBE_DATABASE__URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    migrate = callscribe("migrate", cwd=tmp_path, **nowhere)
    assert migrate.returncode == 1
    assert "database" in migrate.stderr
    assert "Traceback" not in migrate.stderr


def test_doctor_finds_a_running_installation_whole(service: RunningService, tmp_path: Path) -> None:
    outcome = callscribe("--config", service.config, "doctor", "--json", cwd=tmp_path)
    findings = {finding["check"]: finding for finding in json.loads(outcome.stdout)}
    # One of its trunks registers with a wrong password.
    mistaken = {"registration mistaken"} & findings.keys()
    assert {check for check, finding in findings.items() if not finding["good"]} == mistaken, outcome.stdout
    assert "answers" in findings["service"]["detail"]
    assert outcome.returncode == len(mistaken)


def test_help_shows_every_command(tmp_path: Path) -> None:
    shown = callscribe("--help", cwd=tmp_path).stdout
    for command in ("serve", "sip", "recognizer", "web", "worker", "migrate", "demo", "fetch", "call", "transcribe",
                    "export", "training", "doctor"):  # fmt: skip
        assert command in shown
