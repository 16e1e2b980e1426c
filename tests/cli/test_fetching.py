"""`callscribe fetch`: which models an installation needs, and that they are there before anything waits for them."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from asr.diarization.settings import DiarizationSettings
from asr.settings import FunasrSettings, RecognizerSettings, SecondPassSettings
from callscribe.cli.fetching import NamedModel, models_of, needed_models
from callscribe.config.settings import Settings
from telephony.settings import TrunkSettings
from tests.hubs import MODEL, hubs

TINY = Path(__file__).parents[1] / "models" / "fsmn-vad"
FUNASR = FunasrSettings(streaming="modelscope:iic/online", offline=str(TINY), punctuation="")
ONLINE = NamedModel("recognizer.funasr.streaming", "modelscope:iic/online")
OFFLINE = NamedModel("recognizer.funasr.offline", str(TINY))


def fetch(cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "fetch"],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


def test_engines_that_come_with_their_models_need_none() -> None:
    assert needed_models(Settings()) == ()
    assert models_of(Settings(), "sphinx") == ()


def test_an_engine_needs_the_models_that_its_settings_name() -> None:
    settings = Settings(recognizer=RecognizerSettings(engine="funasr", funasr=FUNASR))
    assert needed_models(settings) == (ONLINE, OFFLINE)
    listening = replace(
        settings, recognizer=replace(settings.recognizer, activity="fsmn-vad", fsmn_vad="huggingface:a/b")
    )
    assert needed_models(listening) == (ONLINE, OFFLINE, NamedModel("recognizer.fsmn_vad", "huggingface:a/b"))
    telling = replace(settings, recognizer=replace(settings.recognizer, language_identification="huggingface:a/b"))
    expected = NamedModel("recognizer.language_identification", "huggingface:a/b")
    assert needed_models(telling) == (ONLINE, OFFLINE, expected)


def test_the_engines_of_trunks_are_needed_too() -> None:
    trunks = (TrunkSettings("pbx", engines=("moonshine", "funasr")), TrunkSettings("sbc", engines=("funasr",)))
    assert needed_models(Settings(trunks=trunks, recognizer=RecognizerSettings(funasr=FUNASR))) == (ONLINE, OFFLINE)


def test_recognisers_elsewhere_have_their_models_there() -> None:
    elsewhere = RecognizerSettings(urls=("ws://192.0.2.1:10190",), engine="funasr", funasr=FUNASR)
    assert needed_models(Settings(recognizer=elsewhere)) == ()


def test_what_tells_speakers_apart_needs_its_own_unless_it_is_off() -> None:
    voices = DiarizationSettings(engine="cam++", model="modelscope:iic/voices")
    assert needed_models(Settings(diarization=voices)) == (NamedModel("diarization.model", voices.model),)
    assert needed_models(Settings(diarization=replace(voices, enabled=False))) == ()


def test_the_second_pass_needs_its_own_unless_it_is_off_and_no_model_twice() -> None:
    whisper = SecondPassSettings(model="huggingface:Systran/faster-whisper-small")
    expected = NamedModel("second_pass.model", whisper.model)
    assert needed_models(Settings(second_pass=whisper)) == (expected,)
    assert needed_models(Settings(second_pass=replace(whisper, enabled=False))) == ()
    both = Settings(
        recognizer=RecognizerSettings(engine="funasr", funasr=FUNASR), second_pass=SecondPassSettings(engine="funasr")
    )
    assert needed_models(both) == (ONLINE, OFFLINE)


def test_a_language_model_is_needed_where_it_counts() -> None:
    choosing = SecondPassSettings(language_model="huggingface:openai-community/gpt2")
    expected = NamedModel("second_pass.language_model", choosing.language_model)
    assert needed_models(Settings(second_pass=choosing)) == (expected,)
    assert needed_models(Settings(second_pass=replace(choosing, language_model_weight=0.0))) == ()


def test_what_the_settings_name_is_downloaded_with_a_note_of_how_much_it_is(tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in TINY.iterdir()}
    settings = {"CALLSCRIBE_SECOND_PASS__MODEL": f"huggingface:{MODEL}"}
    with hubs({"v1": files}) as served:
        environment = {"HF_ENDPOINT": served.url, "HF_HUB_CACHE": str(tmp_path / "cache"), **settings}
        outcome = fetch(tmp_path, **environment)
        assert outcome.returncode == 0, outcome.stderr
        setting, _, folder = outcome.stdout.strip().partition(": ")
        assert setting == "second_pass.model"
        assert {path.name: path.read_bytes() for path in Path(folder).iterdir()} == files
        assert f"total_bytes={sum(map(len, files.values()))}" in outcome.stderr
    again = fetch(tmp_path, **environment)
    assert (again.returncode, again.stdout) == (0, outcome.stdout)


@pytest.mark.parametrize("model", ["callscribe/nothing", f"{MODEL}@v9"])
def test_a_model_that_there_is_not_ends_it_with_one_sentence(model: str, tmp_path: Path) -> None:
    with hubs({"v1": {}}) as served:
        environment = {"HF_ENDPOINT": served.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
        outcome = fetch(tmp_path, CALLSCRIBE_SECOND_PASS__MODEL=f"huggingface:{model}", **environment)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("callscribe: Hugging Face has no ")
    assert len(outcome.stderr.splitlines()) == 1
