"""CAM++ from a folder: a tiny real model that knows made-up voices, loaded as FunASR's own."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from asr.diarization.engine import Diarizer, load_diarizer
from asr.diarization.settings import DiarizationSettings
from asr.diarization.turns import SpeakerCount
from asr.engine import Waveform
from asr.resampling import doubled
from callscribe.domain.errors import EngineUnavailable
from tests.tiny_speech import RATE, Language, conversation, utterances

pytest.importorskip("funasr")

MODELS = Path(__file__).parents[2] / "models"
MODEL = MODELS / "campplus"


@pytest.fixture(scope="module")
def diarizer() -> Diarizer:
    return load_diarizer(settings(MODEL))


def settings(model: Path) -> DiarizationSettings:
    return DiarizationSettings(engine="cam++", model=str(model), device="cpu")


def sounds() -> list[Waveform]:
    """Lines of both parties, at 16 kHz: two of a second and a half, one shorter."""
    lines = [doubled(line.samples.astype(np.float64)) for line in utterances("en")[:3]]
    return [np.asarray(lines[0][:24_000]), np.asarray(lines[1][:24_000]), np.asarray(lines[2][:16_000])]


def test_an_embedding_is_that_of_funasr_s_own_code_whatever_it_is_heard_with() -> None:
    from asr.diarization.campplus import CamPlusPlusVoices

    found = CamPlusPlusVoices(str(MODEL), "cpu").embed(sounds())
    assert found.shape == (3, 64)
    with warnings.catch_warnings(action="ignore"):
        from funasr import AutoModel

        model = AutoModel(model=str(MODEL), disable_update=True, device="cpu", ncpu=1, disable_pbar=True)
        for sound, row in zip(sounds(), found, strict=True):
            told = np.asarray(model.generate(input=sound.astype(np.float32))[0]["spk_embedding"])[0]
            np.testing.assert_allclose(row, told / np.linalg.norm(told), atol=1e-4)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("speakers", [SpeakerCount(2), SpeakerCount()], ids=["told", "found out"])
def test_two_voices_in_turn_are_told_apart(diarizer: Diarizer, language: Language, speakers: SpeakerCount) -> None:
    assert diarizer.name == "cam++"
    talk = conversation(language)
    both = np.clip(talk.samples.astype(np.int32).sum(axis=1), -32768, 32767).astype(np.int16)
    found = diarizer.diarize(both, RATE, speakers)
    for turn in talk.turns:
        heard: dict[int, int] = {}
        for each in found:
            shared = min(turn.end, each.end) - max(turn.start, each.start)
            heard[each.speaker] = heard.get(each.speaker, 0) + max(0, shared)
        assert heard[turn.line.channel] > 0.9 * sum(heard.values()) > 0


def test_a_model_of_another_kind_is_refused_with_the_cure() -> None:
    with pytest.raises(EngineUnavailable, match="holds a FsmnVADStreaming, no CAM\\+\\+; name one of CAM\\+\\+"):
        load_diarizer(settings(MODELS / "fsmn-vad"))


def test_a_folder_that_is_not_whole_is_refused_with_the_cure(tmp_path: Path) -> None:
    shutil.copy(MODEL / "config.yaml", tmp_path)
    with pytest.raises(EngineUnavailable, match=r"model\.pt is missing\); give the folder of a whole FunASR model"):
        load_diarizer(settings(tmp_path))
