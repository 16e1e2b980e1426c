"""`callscribe fetch`: the models that the settings name, downloaded before anything waits for them."""

from dataclasses import dataclass, fields, is_dataclass

import typer

from asr.models import is_reference, model_folder
from callscribe.config.settings import Settings

WHISPER = "whisper"
"""The engine whose settings are the second pass's."""


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that a setting names."""

    setting: str
    reference: str


def models_of(settings: Settings, engine: str) -> tuple[NamedModel, ...]:
    """The models of an engine's own settings that are used; empty where it comes with its own."""
    table = "second_pass" if engine == WHISPER else f"recognizer.{engine}"
    own = settings.second_pass if engine == WHISPER else getattr(settings.recognizer, engine, None)
    named = [(field.name, getattr(own, field.name)) for field in fields(own)] if is_dataclass(own) else []
    if engine == WHISPER and not settings.second_pass.rescores:
        named = [(name, value) for name, value in named if name != "language_model"]
    return tuple(
        NamedModel(f"{table}.{name}", value) for name, value in named if isinstance(value, str) and is_reference(value)
    )


def needed_models(settings: Settings) -> tuple[NamedModel, ...]:
    """The models that `callscribe serve` loads on this machine, each once."""
    needed: list[NamedModel] = []
    recognizer = settings.recognizer
    if not recognizer.urls:
        needed += [model for engine in settings.engines for model in models_of(settings, engine)]
        if recognizer.activity == "fsmn-vad":
            needed.append(NamedModel("recognizer.fsmn_vad", recognizer.fsmn_vad))
        if recognizer.language_identification:
            needed.append(NamedModel("recognizer.language_identification", recognizer.language_identification))
    if settings.second_pass.enabled:
        needed += models_of(settings, settings.second_pass.engine)
    if settings.diarization.enabled and is_reference(settings.diarization.model):
        needed.append(NamedModel("diarization.model", settings.diarization.model))
    return tuple(dict.fromkeys(needed))


def fetch_command(context: typer.Context) -> None:
    """Download the models that the settings name, unless they are on this machine."""
    for model in needed_models(context.obj.settings):
        typer.echo(f"{model.setting}: {model_folder(model.reference)}")
