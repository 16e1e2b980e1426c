"""`callscribe doctor --engine NAME`: the engine as the settings have it, loaded and given something to decode."""

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer
from rich.console import Console

from asr.engine import Capabilities
from asr.files import AudioFile, read_audio
from asr.models import model_folder
from asr.passes import Pass, second_pass_of
from asr.settings import MOST_CPU_SHARE
from asr.spans import spoken_spans
from callscribe.cli import demo_call
from callscribe.cli.fetching import WHISPER, models_of
from callscribe.config.settings import Settings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.text.word_errors import word_error_rate


@dataclass(frozen=True, slots=True)
class TriedModel:
    """A model that the engine has loaded."""

    setting: str
    folder: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying an engine."""

    engine: str
    """As revisions and finals name it."""
    models: tuple[TriedModel, ...]
    """Empty where it comes with its own."""
    capabilities: Capabilities
    load_s: float
    memory_mb: int
    """Most memory that this process had."""
    audio_s: float
    """Length of all channels."""
    decoding_s: float
    texts: tuple[str, ...]
    """Of the utterances, channel by channel."""
    word_error_rate: float | None
    """0 for all right; None where nobody knows what was said."""

    @property
    def real_time_factor(self) -> float:
        """Decoding time a second of audio: below 1 it keeps up with one channel."""
        return self.decoding_s / self.audio_s


@dataclass(frozen=True, slots=True)
class Sample:
    """What is decoded."""

    name: str
    audio: AudioFile
    language: str
    """BCP 47 tag; "": the engine's first."""
    said: dict[int, str] | None
    """The words of each channel, where they are known."""


def run_trial(settings: Settings, engine: str, audio: Path | None, language: str, as_json: bool) -> int:
    """Print what came of it; returns 0.

    `audio` None takes the demo call. Raises EngineUnavailable and RecognitionError with the engine's own sentence,
    UnreadableAudio for a file that is none.
    """
    with Console(stderr=True).status(f"trying {engine}"):
        trial = try_out(settings, engine, _sample(audio, language))
    if as_json:
        document = asdict(trial) | {"real_time_factor": trial.real_time_factor}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _show(trial)
    return 0


def _sample(path: Path | None, language: str) -> Sample:
    if path is None:
        return Sample("the demo call", demo_call.sound(), language or demo_call.LANGUAGE, demo_call.said_by_channel())
    return Sample(str(path), read_audio(path), language, None)


def try_out(settings: Settings, engine: str, sample: Sample) -> Trial:
    """Load the engine of that name and decode the sample. Raises EngineUnavailable and RecognitionError."""
    choosing = settings.second_pass.language_model if engine == WHISPER else ""
    unhurried = replace(settings.second_pass, engine=engine, language_model=choosing, cpu_share=MOST_CPU_SHARE)
    decoder = second_pass_of(unhurried, settings.recognizer)
    began = time.perf_counter()
    capabilities = decoder.capabilities
    load_s = time.perf_counter() - began
    language = sample.language or capabilities.languages[0]
    if not decoder.knows(language):
        raise RecognitionError(
            f"the engine {decoder.engine} does not know the language {language}; give a recording in one that it knows "
            f"({', '.join(capabilities.languages)}) with --audio and --language"
        )
    spans = [spoken_spans(pcm, sample.audio.rate) for pcm in sample.audio.channels]
    began = time.perf_counter()
    texts = [_texts(decoder, sample.audio, channel, found, language) for channel, found in enumerate(spans)]
    decoding_s = time.perf_counter() - began
    if not any(map(any, texts)):
        raise EngineUnavailable(f"the engine {decoder.engine} loads, but hears nothing in {sample.name}")
    heard = [" ".join(found) for found in texts]
    return Trial(
        engine=decoder.engine,
        models=tuple(
            TriedModel(model.setting, str(model_folder(model.reference))) for model in models_of(settings, engine)
        ),
        capabilities=capabilities,
        load_s=round(load_s, 2),
        memory_mb=_memory_mb(),
        audio_s=round(sample.audio.seconds * len(texts), 2),
        decoding_s=round(decoding_s, 2),
        texts=tuple(text for found in texts for text in found if text),
        word_error_rate=word_error_rate(list(sample.said.values()), heard) if sample.said else None,
    )


def _texts(
    decoder: Pass, audio: AudioFile, channel: int, spans: tuple[tuple[int, int], ...], language: str
) -> list[str]:
    found = decoder.revise(audio.channels[channel], audio.rate, spans, language)
    return [text.text if text else "" for text in found]


def _memory_mb() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux tells kilobytes, macOS bytes.
    return most >> 20 if sys.platform == "darwin" else most >> 10


def _show(trial: Trial) -> None:
    can = [name.replace("_", " ") for name, able in asdict(trial.capabilities).items() if able is True]
    rows = [
        ("engine", trial.engine),
        *((model.setting, model.folder) for model in trial.models),
        ("languages", ", ".join(trial.capabilities.languages)),
        ("can", ", ".join(can) or "finals only"),
        ("loaded in", f"{trial.load_s:.2f} s"),
        ("memory", f"{trial.memory_mb} MB, the process's most"),
        ("decoded", f"{trial.audio_s:.2f} s in {trial.decoding_s:.2f} s (factor {trial.real_time_factor:.3f})"),
    ]
    if trial.word_error_rate is not None:
        rows.append(("wrong words", f"{trial.word_error_rate:.1%}"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:<{width}}  {value}")
    typer.echo("heard")
    for text in trial.texts:
        typer.echo(f"  {text}")
