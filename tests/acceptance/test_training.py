"""From a call that somebody corrected to what fine-tuning reads, read by FunASR's own data set."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.files import read_audio
from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt
from tests.acceptance.test_command_line import callscribe

pytestmark = pytest.mark.acceptance

READ = """
import json, sys
from funasr.datasets.audio_datasets.index_ds import IndexDSJsonlRankFull
data = IndexDSJsonlRankFull(sys.argv[1])
print(json.dumps([data[place] for place in range(len(data))]))
"""
"""In a process of its own: it takes seconds and half a gigabyte to import."""


def test_a_corrected_call_is_what_training_reads(service: RunningService, tmp_path: Path) -> None:
    speech = excerpt(3)
    session = start_session(service, tmp_path, speech)
    session.finish()
    call = service.wait_call(session.sip_call_id)
    exported = callscribe("--config", service.config, "export", call["id"], "-o", tmp_path / "call.json", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    document = json.loads((tmp_path / "call.json").read_text())
    document["utterances"][0]["text"] = "Thank you for calling Summit Telecom."
    document["utterances"][1]["text"] = ""
    (tmp_path / "call.json").write_text(json.dumps(document))

    for style in ("funasr", "whisper"):
        outcome = callscribe(
            "--config", service.config, "training", tmp_path / "call.json", "-f", style, "-o", tmp_path / style,
            cwd=tmp_path,
        )  # fmt: skip
        assert outcome.returncode == 0, outcome.stderr
    entries = [json.loads(line) for line in (tmp_path / "funasr" / "train.jsonl").read_text().splitlines()]
    assert len(entries) == len(document["utterances"]) - 1
    assert entries[0]["target"] == "thank you for calling summit telecom"
    first = document["utterances"][0]
    sound = read_audio(Path(entries[0]["source"]))
    assert sound.rate == 16_000
    assert abs(sound.seconds - (first["end_ms"] - first["start_ms"]) / 1000 - 0.3) < 0.05
    said = speech.channels[first["channel"]].astype(float)
    assert np.abs(sound.channels[0]).max() == pytest.approx(np.abs(said).max(), rel=0.3)
    written = [json.loads(line) for line in (tmp_path / "whisper" / "metadata.jsonl").read_text().splitlines()]
    assert written[0]["transcription"] == "Thank you for calling Summit Telecom."
    assert (tmp_path / "whisper" / written[0]["file_name"]).is_file()

    pytest.importorskip("funasr")
    read = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "funasr" / "train.jsonl")],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert read.returncode == 0, read.stderr[-2000:]
    theirs = json.loads(read.stdout.strip().splitlines()[-1])
    assert [(one["source"], one["target"]) for one in theirs] == [(one["source"], one["target"]) for one in entries]
