"""Recordings that are encrypted at rest: on disk nothing sounds, for who may hear them everything is as without."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections import Counter
from collections.abc import Iterator
from math import log2
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from callscribe.cli.ports import free_port
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.test_command_line import callscribe
from tests.acceptance.test_redaction import likeness
from tests.acceptance.transcripts import assert_spoken, jobs_done, utterances, wait_jobs
from tests.vcon import sha512_of

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

SPEECH = excerpt(2)
TOKEN, PASSWORD, HOOK = "a-token-that-nobody-guesses", "a-password-of-a-trunk", "a-secret-of-a-webhook-0123456789"
TRUNKS = f"""
[[trunks]]
name = "asking"
allow = ["127.0.0.31/32"]
digest_username = "pbx"
digest_password = "{PASSWORD}"

[[trunks]]
name = "default"

[[webhooks]]
name = "crm"
url = "http://127.0.0.1:9/"
secret = "{HOOK}"
trunks = ["asking"]
"""


@pytest.fixture(scope="module")
def locked(open_folder: Path) -> Iterator[RunningService]:
    folder = open_folder / "locked"
    port = free_port()
    recordings = f'keys_file = "{folder / "recording.keys"}"\n'
    web = f'token = "{TOKEN}"\nport = {port}\n'
    admission = "hold_jobs_s = 0\n"
    settings = {"recordings": recordings, "web": web, "admission": admission}
    service = RunningService(folder, settings, web_port=port)
    service.trunks = TRUNKS
    folder.mkdir()
    before = folder / "before.toml"
    before.write_text(f"[recordings]\n{recordings}")
    made = callscribe("--config", before, "keys", "new", cwd=folder)
    assert made.returncode == 0, made.stderr
    with running(service) as started:
        yield started


@pytest.fixture(scope="module")
def call(locked: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A call that ended; while it went on, its recording grew."""
    session = start_session(locked, tmp_path_factory.mktemp("call"), SPEECH)
    active = wait_for(lambda: locked.find_call(session.sip_call_id), "the call")
    address = f"/api/v1/calls/{active['id']}/waveform"
    wait_for(lambda: int(str(locked.get(address)["duration_ms"])) > 2000, "audio on disk in mid-call")
    session.finish()
    return locked.wait_call(session.sip_call_id)


def on_disk(service: RunningService, call: Json) -> Path:
    (path,) = (service.folder / "data" / "recordings").rglob(f"{call['id']}.wav")
    return path


def audio(service: RunningService, call: Json, wanted: str = "") -> bytes:
    asked = urllib.request.Request(f"{service.web}/api/v1/calls/{call['id']}/audio")
    if wanted:
        asked.add_header("Range", wanted)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == (206 if wanted else 200)
        return bytes(answer.read())


def channel(wav: bytes, index: int) -> NDArray[np.int16]:
    with wave.open(io.BytesIO(wav)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())[:, index]


def loudest(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """Half a second: over longer ones a busy machine may shift what was said."""
    energy = np.convolve(np.abs(pcm.astype(float)), np.ones(4000), "valid")
    return pcm[int(energy.argmax()) :][:4000]


def keys(service: RunningService, *arguments: str) -> Json:
    told = callscribe("--config", service.config, "keys", *arguments, "--json", cwd=service.folder)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)  # type: ignore[no-any-return]


def test_on_disk_nothing_sounds_and_who_may_hears_all(locked: RunningService, call: Json) -> None:
    held = on_disk(locked, call).read_bytes()
    wav = audio(locked, call)
    for index, said in enumerate(SPEECH.channels):
        assert likeness(channel(wav, index), loudest(said)) > 0.9
    slots = held[8192:]
    shares = [count / len(slots) for count in Counter(slots).values()]
    assert -sum(share * log2(share) for share in shares) > 7.99
    assert b"RIFF" not in held
    loud = [place for place in range(44, len(wav) - 16, 16) if len(set(wav[place : place + 16])) > 8]
    assert len(loud) > 1000
    assert not any(wav[place : place + 16] in held for place in loud[::7])
    assert on_disk(locked, call).stat().st_mode & 0o007 == 0


def test_byte_ranges_are_those_of_the_wav(locked: RunningService, call: Json) -> None:
    wav = audio(locked, call)
    for first, last in ((0, 43), (40, 60), (4000, 4200), (44, 44 + 3 * 4096), (len(wav) - 10, len(wav) - 1)):
        assert audio(locked, call, f"bytes={first}-{last}") == wav[first : last + 1]
    assert audio(locked, call, "bytes=-5") == wav[-5:]
    both = audio(locked, call, "bytes=0-9,5000-5009")
    assert wav[:10] in both
    assert wav[5000:5010] in both


def test_what_reads_recordings_reads_them(locked: RunningService, call: Json) -> None:
    """The second pass, the waveform, and a vCon's hash."""
    wait_jobs(locked, str(call["id"]), "the second pass")
    assert_spoken(locked, str(call["id"]), SPEECH)
    assert any(said["revisions"] for said in utterances(locked, str(call["id"])))
    shape = locked.get(f"/api/v1/calls/{call['id']}/waveform")
    assert len(shape["channels"]) == 2
    told = callscribe("--config", locked.config, "export", str(call["id"]), "--format", "vcon", cwd=locked.folder)
    named = json.loads(told.stdout)["dialog"][0]["content_hash"]
    assert sha512_of(named) == hashlib.sha512(audio(locked, call)).digest()


def test_no_secret_is_in_the_list_of_processes(locked: RunningService, call: Json) -> None:
    """Of any process of this machine: the database's and others that left the service's tree are among them."""
    secrets = [TOKEN, PASSWORD, HOOK, *(locked.folder / "recording.keys").read_text().split()]
    listed = subprocess.run(["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    assert {int(line.split(maxsplit=1)[0]) for line in listed.splitlines()} >= set(locked.all_pids())
    assert not [line for line in listed.splitlines() if any(secret in line for secret in secrets)]
    assert not [secret for secret in secrets if secret in locked.log]


def test_after_a_killed_supervisor_what_was_recorded_is_read(locked: RunningService, tmp_path: Path) -> None:
    session = start_session(locked, tmp_path, SPEECH)
    active = wait_for(lambda: locked.find_call(session.sip_call_id), "the call")
    address = f"/api/v1/calls/{active['id']}/waveform"
    wait_for(lambda: int(str(locked.get(address)["duration_ms"])) > 4000, "audio on disk in mid-call")
    (supervisor,) = locked.pids("sip")
    os.kill(supervisor, signal.SIGKILL)
    session.abandon()
    ended = locked.wait_call(session.sip_call_id, state="interrupted")
    wait_for(lambda: jobs_done(locked, str(ended["id"])), "the recovery", seconds=120)
    assert utterances(locked, str(ended["id"]))
    wav = audio(locked, ended)
    assert len(channel(wav, 0)) > 4 * 8000
    assert likeness(channel(wav, 0), loudest(SPEECH.channels[0][:24_000])) > 0.9


def test_keys_are_rotated_while_calls_go_on_and_no_audio_is_written_anew(
    locked: RunningService, call: Json, tmp_path: Path
) -> None:
    file = locked.folder / "recording.keys"
    (old,) = file.read_text().split()
    wav, held = audio(locked, call), on_disk(locked, call).read_bytes()
    callscribe("--config", locked.config, "keys", "new", cwd=tmp_path)
    session = start_session(locked, tmp_path, excerpt(1))
    before = keys(locked, "list")
    (new_id, old_id) = (told["key"] for told in before["keys"])
    assert [told["use"] for told in before["keys"]] == ["encrypts", "decrypts"]
    assert keys(locked, "rotate") == {"key": new_id, "rotated": before["keys"][1]["recordings"], "failed": []}
    session.finish()
    later = locked.wait_call(session.sip_call_id)
    assert [told["recordings"] > 0 for told in keys(locked, "list")["keys"]] == [True, False]
    assert keys(locked, "rotate")["rotated"] == 0
    file.write_text(file.read_text().replace(old, ""))
    assert audio(locked, call) == wav
    assert channel(audio(locked, later), 0).any()
    assert on_disk(locked, call).read_bytes()[128:] == held[128:]
    entries = locked.get("/api/v1/audit?action=keys.rotated")["entries"]
    noted = [(entry["subject"], entry["detail"]["recordings"] > 0) for entry in entries]
    assert noted == [(new_id, False), (new_id, True)]
    assert old_id not in json.dumps(keys(locked, "list"))


def test_a_lost_key_is_named_with_the_cure(locked: RunningService, call: Json, tmp_path: Path) -> None:
    file = locked.folder / "recording.keys"
    kept = file.read_text()
    lost = keys(locked, "list")["keys"][0]["key"]
    file.write_text(kept.split()[0][::-1].replace("=", "") + "=\n")
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            audio(locked, call)
        assert refused.value.code == 503
        told = json.load(refused.value)["detail"]
        refused.value.close()
        assert lost in told
        assert "put it back into recordings.keys_file" in told
        found = callscribe("--config", locked.config, "doctor", "--json", cwd=tmp_path)
        (finding,) = (one for one in json.loads(found.stdout) if one["check"] == "recording keys")
        assert not finding["good"]
        assert lost in finding["detail"]
    finally:
        file.write_text(kept)
    assert audio(locked, call)


def test_a_keys_file_that_others_may_read_starts_nothing(tmp_path: Path) -> None:
    config = tmp_path / "callscribe.toml"
    config.write_text(f'[node]\ndata_folder = "{tmp_path / "data"}"\n[recordings]\nkeys_file = "{tmp_path / "keys"}"\n')
    callscribe("--config", config, "keys", "new", cwd=tmp_path)
    (tmp_path / "keys").chmod(0o644)
    began = time.monotonic()
    refused = subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "--config", str(config), "serve"],
        cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert (refused.returncode, time.monotonic() - began < 100) == (2, True)
    assert "chmod 600" in refused.stderr.replace("\n", " ")
    assert (tmp_path / "keys").read_text().strip() not in refused.stderr
