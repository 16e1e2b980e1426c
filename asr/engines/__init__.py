"""Recognition engines, one adapter file each."""

import numpy as np

from asr.activity import ActivityModel, Ears
from asr.engine import ENGINE_RATE, DecodingJob, Engine
from asr.identification import LanguageIdentifier
from asr.models import model_folder
from asr.settings import RecognizerSettings, SecondPassSettings, SensevoiceSettings
from asr.vocabulary import TELEPHONE_WORDS
from callscribe.domain.errors import EngineUnavailable

ENGINES = ("moonshine", "funasr", "funasr-server", "sensevoice", "sherpa", "qwen", "google", "azure")
"""What `recognizer.engine` may be."""


def load_engine(settings: RecognizerSettings) -> Engine:
    """Load the engine that the settings name.

    Raises EngineUnavailable when there is none, or its packages, its model or the device is missing.
    """
    # An engine's libraries are loaded only where it is used.
    match settings.engine:
        case "moonshine":
            from asr.engines.moonshine import MoonshineEngine

            return MoonshineEngine(
                device=settings.device, preferred=TELEPHONE_WORDS if settings.telephone_words else ()
            )
        case "funasr":
            from asr.engines.funasr import FunasrEngine

            return FunasrEngine(settings.funasr, settings.device)
        case "funasr-server":
            from asr.engines.funasr_server import FunasrServerEngine

            return FunasrServerEngine(settings.funasr_server)
        case "sensevoice":
            from asr.engines.sensevoice import SenseVoiceEngine

            return SenseVoiceEngine(settings.sensevoice, settings.device)
        case "sherpa":
            from asr.engines.sherpa import SherpaEngine

            return SherpaEngine(settings.sherpa, settings.device)
        case "qwen":
            from asr.engines.qwen import QwenEngine

            return QwenEngine(settings.qwen, settings.device)
        case "google":
            from asr.engines.google import GoogleEngine

            return GoogleEngine(settings.google)
        case "azure":
            from asr.engines.azure import AzureEngine

            return AzureEngine(settings.azure)
        case unknown:
            raise EngineUnavailable(f"there is no engine {unknown}; recognizer.engine is one of {', '.join(ENGINES)}")


def load_ears(settings: RecognizerSettings) -> Ears:
    """Load what tells speech from the rest. Raises EngineUnavailable when its packages or its model are missing."""
    if settings.activity == "silero":
        return ActivityModel()
    from asr.engines.funasr.loading import load_model

    loaded = load_model(model_folder(settings.fsmn_vad), "cpu")
    from asr.engines.funasr.activity import FsmnActivityModel

    return FsmnActivityModel(loaded)


def load_identifier(settings: RecognizerSettings, engine: Engine | None = None) -> LanguageIdentifier | None:
    """Load what tells languages apart, unless it is the engine itself; None where the settings name nothing.

    Raises EngineUnavailable when its packages or its model are missing, or the model knows one language only.
    """
    reference = settings.language_identification
    if not reference:
        return None
    if not (model_folder(reference) / "model.bin").is_file():
        from asr.engines.sensevoice import SenseVoiceEngine

        if isinstance(engine, SenseVoiceEngine) and reference == settings.sensevoice.model:
            return engine
        return SenseVoiceEngine(SensevoiceSettings(model=reference), settings.device)
    from asr.engines.whisper import WhisperEngine

    whisper = WhisperEngine(SecondPassSettings(model=reference, device="cpu" if settings.device == "cpu" else "auto"))
    if len(whisper.languages) < 2:
        raise EngineUnavailable(
            "the Whisper model of recognizer.language_identification knows English only; name one of many languages, "
            "for example huggingface:Systran/faster-whisper-base"
        )
    return whisper


def warm_up(engine: Engine, identifier: LanguageIdentifier | None = None) -> None:
    """Decode something, so that the first caller does not pay for memory and caches. A remote engine has none here."""
    noise = np.random.default_rng(0).normal(0.0, 0.01, 4 * ENGINE_RATE).astype(np.float32)
    if identifier is not None:
        identifier.identify(noise)
    if engine.capabilities.remote:
        return
    for length in (ENGINE_RATE, 4 * ENGINE_RATE):
        engine.decode([DecodingJob(noise[:length])] * 2)
