"""The engines that are installed, each with a model of its own and speech that it was made for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.files import read_audio
from asr.settings import FunasrSettings, RecognizerSettings, SensevoiceSettings, SherpaSettings
from tests import tiny_speech
from tests.tiny_speech import Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")
MODELS = Path(__file__).parents[1] / "models"
MEDIA = Path(__file__).parents[2] / "callscribe" / "cli" / "media"


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance and its text."""

    text: str
    pcm: NDArray[np.int16]
    """At 8 kHz, as a telephone carries it."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Words that a hotword spells otherwise, though they sound the same."""

    spoken: Spoken
    """Its text is what is heard without the hotword."""
    hotword: str
    biased: str
    """What is heard with it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine in one language."""

    name: str
    settings: RecognizerSettings
    language: str
    utterances: Callable[[], tuple[Spoken, ...]]
    limit: float
    """Errors per word, or character, that it may make."""
    broken: RecognizerSettings | None = None
    """The same with a model folder that is not there; None: its model comes with its package."""
    ambiguous: Callable[[], Ambiguous] | None = None


@cache
def demo_turns() -> tuple[Spoken, ...]:
    """What the customer of the demo call says."""
    call = read_audio(MEDIA / "demo-call.wav")
    turns = json.loads((MEDIA / "demo-call.json").read_text())["turns"]
    return tuple(
        Spoken(turn["text"], call.channels[1][turn["start_ms"] * 8 : turn["end_ms"] * 8])
        for turn in turns
        if turn["channel"] == 1
    )


def funasr(language: str) -> RecognizerSettings:
    """The tiny models of a language, with hotwords in English; in Chinese fsmn-vad tells speech from the rest, too."""
    ending = "" if language == "en" else f"-{language}"
    return RecognizerSettings(
        engine="funasr",
        device="cpu",
        activity="fsmn-vad" if language == "zh" else "silero",
        fsmn_vad=str(MODELS / "fsmn-vad"),
        funasr=FunasrSettings(
            streaming=str(MODELS / f"paraformer-streaming{ending}"),
            offline=str(MODELS / ("seaco" if language == "en" else f"paraformer-offline{ending}")),
            punctuation="",
            languages=(language,),
        ),
    )


def sensevoice(model: str) -> RecognizerSettings:
    """The tiny model of that name, which knows both languages."""
    return RecognizerSettings(
        engine="sensevoice", device="cpu", sensevoice=SensevoiceSettings(model=str(MODELS / model))
    )


def sherpa(language: Language, ending: str = "") -> RecognizerSettings:
    """A streaming transducer of English, an offline Paraformer of Chinese."""
    folders = (f"sherpa-transducer{ending}", "") if language == "en" else ("", f"sherpa-paraformer-zh{ending}")
    streaming, offline = (str(MODELS / folder) if folder else "" for folder in folders)
    settings = SherpaSettings(streaming=streaming, offline=offline, languages=(language,), feature_bins=40)
    return RecognizerSettings(engine="sherpa", device="cpu", sherpa=settings)


def tiny_lines(language: Language) -> Callable[[], tuple[Spoken, ...]]:
    return lambda: tuple(Spoken(line.text, line.samples) for line in tiny_speech.utterances(language))


def name() -> Ambiguous:
    """A caller's name, of which tests/models/seaco knows two spellings."""
    line = tiny_speech.utterances("names")[0]
    return Ambiguous(Spoken(line.text, line.samples), "Maier", line.text.replace("meyer", "maier"))


def contenders() -> list[Contender]:
    found = [Contender("moonshine", RecognizerSettings(device="cpu"), "en", demo_turns, limit=0.08)]
    if find_spec("funasr"):
        found += [
            Contender(
                f"funasr-{language}",
                funasr(language),
                language,
                tiny_lines(language),
                limit=0.2,
                broken=funasr("none"),
                ambiguous=name if language == "en" else None,
            )
            for language in LANGUAGES
        ]
        found += [
            Contender(
                f"sensevoice-{language}",
                sensevoice("sensevoice"),
                language,
                tiny_lines(language),
                limit=0.2,
                broken=sensevoice("sensevoice-none"),
            )
            for language in LANGUAGES
        ]
    if find_spec("sherpa_onnx"):
        found += [
            Contender(
                f"sherpa-{language}",
                sherpa(language),
                language,
                tiny_lines(language),
                limit=0.2,
                broken=sherpa(language, "-none"),
            )
            for language in LANGUAGES
        ]
    return found


CONTENDERS = contenders()
