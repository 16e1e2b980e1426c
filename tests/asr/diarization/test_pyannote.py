"""pyannote.audio's pipeline from a folder, with a tiny segmentation model that knows made-up voices."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from asr.diarization.engine import Diarizer, load_diarizer
from asr.diarization.settings import DiarizationSettings
from asr.diarization.turns import SpeakerCount, Turn
from asr.resampling import Samples
from asr.torch_runtime import import_torchaudio
from callscribe.domain.errors import EngineUnavailable
from tests.tiny_speech import RATE, conversation

MODEL = Path(__file__).parents[2] / "models" / "pyannet"
# Other packages lie under the same name.
INSTALLED = find_spec("pyannote") is not None and find_spec("pyannote.audio") is not None
pytestmark = pytest.mark.skipif(not INSTALLED, reason="the extra pyannote is not installed")


def settings(model: Path | str) -> DiarizationSettings:
    return DiarizationSettings(engine="pyannote", model=str(model), device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline's folder: what is committed, and a model of voices that is made here."""
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copytree(MODEL, folder, dirs_exist_ok=True)
    import_torchaudio()
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    with warnings.catch_warnings(action="ignore"):
        from tests.voice_embedding import write_checkpoint, write_plda

        write_checkpoint(folder / "embedding" / "pytorch_model.bin")
        write_plda(folder / "plda")
    return folder


@pytest.fixture(scope="module")
def diarizer(folder: Path) -> Iterator[Diarizer]:
    with pytest.MonkeyPatch.context() as patched:
        # Whatever would be asked of the hub is told at once that it is not there.
        patched.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        yield load_diarizer(settings(folder))


def mixed() -> Samples:
    """Agent and caller in turn, on one channel."""
    both: Samples = np.clip(conversation("en").samples.astype(np.int32).sum(1), -32768, 32767).astype(np.int16)
    return both


@pytest.mark.parametrize(
    "speakers", [SpeakerCount(2), SpeakerCount(), SpeakerCount(least=2, most=4)], ids=["told", "found out", "bounded"]
)
def test_two_voices_in_turn_are_told_apart_with_their_times(diarizer: Diarizer, speakers: SpeakerCount) -> None:
    found = diarizer.diarize(mixed(), RATE, speakers)
    spoken = conversation("en").turns
    assert [turn.speaker for turn in found] == [turn.line.channel for turn in spoken]
    for turn, said in zip(found, spoken, strict=True):
        # Recordings have some silence at both ends.
        assert said.start - 800 < turn.start < turn.end < said.end + 800
        assert turn.end - turn.start > 0.5 * (said.end - said.start)


def test_it_finds_the_same_twice(diarizer: Diarizer) -> None:
    assert diarizer.diarize(mixed(), RATE, SpeakerCount(2)) == diarizer.diarize(mixed(), RATE, SpeakerCount(2))


@pytest.mark.parametrize("speakers", [SpeakerCount(1), SpeakerCount(most=1)], ids=["told", "bounded"])
def test_no_more_speakers_are_found_than_there_may_be(diarizer: Diarizer, speakers: SpeakerCount) -> None:
    assert {turn.speaker for turn in diarizer.diarize(mixed(), RATE, speakers)} == {0}


def test_whether_two_voices_are_one_is_said_by_the_pipelines_own_threshold(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text().replace("threshold: 0.05", "threshold: 0.3"))
    found = load_diarizer(settings(tmp_path)).diarize(mixed(), RATE, SpeakerCount())
    assert {turn.speaker for turn in found} == {0}


@pytest.mark.parametrize("samples", [0, 100, 8000], ids=["nothing", "a moment", "silence"])
def test_where_nobody_speaks_there_are_no_turns(diarizer: Diarizer, samples: int) -> None:
    assert diarizer.diarize(np.zeros(samples, np.int16), RATE, SpeakerCount()) == ()


def test_its_makers_are_told_nothing(diarizer: Diarizer) -> None:
    from pyannote.audio.telemetry.metrics import is_metrics_enabled

    assert is_metrics_enabled() is False


def without_plda(folder: Path) -> None:
    file = folder / "config.yaml"
    file.write_text(file.read_text().replace("    plda: $model/plda\n", ""))


def without_segmentation(folder: Path) -> None:
    shutil.rmtree(folder / "segmentation")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (without_plda, 'put plda into it and name it in config.yaml as "$model/plda"'),
        (without_segmentation, "cannot be loaded"),
        (lambda folder: (folder / "config.yaml").unlink(), "has no config.yaml"),
    ],
    ids=["a part of the hub", "a part that is gone", "no pipeline"],
)
def test_a_folder_that_is_not_whole_is_refused_with_the_cure(
    folder: Path, tmp_path: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    harm(tmp_path)
    with pytest.raises(EngineUnavailable, match=sentence.replace("$", r"\$")):
        load_diarizer(settings(tmp_path))


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="there is no folder /nowhere"):
        load_diarizer(settings("/nowhere"))


def test_turns_are_in_samples_of_the_given_rate(diarizer: Diarizer) -> None:
    narrow = diarizer.diarize(mixed(), RATE, SpeakerCount(2))
    wide = diarizer.diarize(np.repeat(mixed(), 2), 2 * RATE, SpeakerCount(2))
    assert len(wide) == len(narrow)
    assert all(abs(two.start - 2 * one.start) < 3200 for one, two in zip(narrow, wide, strict=True))
    assert all(isinstance(turn, Turn) and isinstance(turn.start, int) for turn in wide)
