"""Sentences of calls with names in them that no engine knows, and names that nobody says."""

import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from asr.files import read_audio
from asr.lexicon import vocabulary
from benchmarks.corpus import RATE, Clip, to_pcm

NAMES = (
    "Kamailio", "Orvella", "Hargreaves", "Bluefinch", "Castellano", "Summit Telecom", "Wexford", "Droxil",
    "atorvastatin", "Albuquerque", "Novak", "Thistlewood", "Meridia", "Gallagher", "Corvane gateway", "Poughkeepsie",
    "amoxicillin", "Fitzwilliam", "Lumetra", "Sandoval",
)  # fmt: skip
"""People, firms, products, medicines and places. Nothing was tuned on them: tuning had others."""
_SENTENCES = (
    "Good morning, I am calling about {}, can you help me with that?",
    "Yes, my order for {} has not arrived yet.",
    "Could you spell that, was it {} you said?",
    "I spoke to somebody last week and they told me to ask for {}.",
    "Thank you, I will note {} on your account.",
    "The problem with {} started on Monday evening.",
)
_VOICES = ("slt", "rms", "awb", "kal16")
_TIMES = 3
"""Each name is said so often, in other sentences and by other voices."""
_FOLDER = Path("build/bench/voices/names")
_LEVEL = 2000.0
"""Root mean square of a clip: -24 dBFS."""
_RARE = 10_000
"""Words that come so late in the vocabulary, or not at all, are rare."""


def conversation() -> list[Clip]:
    """Every name in sentences of calls, by Debian's flite; nothing where it is not installed."""
    if shutil.which("flite") is None:
        return []
    return [
        _said(_SENTENCES[(number + 2 * turn) % len(_SENTENCES)].format(name), _VOICES[(number + turn) % len(_VOICES)])
        for number, name in enumerate(NAMES)
        for turn in range(_TIMES)
    ]


def rare_words(texts: Sequence[str]) -> list[str]:
    """Words of the texts that somebody may put on a list: of at least four letters, and not frequent in English."""
    words = {word.lower() for text in texts for word in re.findall(r"(?<![\w'’])[A-Za-z]{4,}(?![\w'’])", text)}
    places = vocabulary()
    return sorted(word for word in words if min(map(places.get, (word, word.capitalize()), (_RARE, _RARE))) >= _RARE)


def unsaid_names(texts: Sequence[str], count: int) -> list[str]:
    """Names of people and places that are in none of the texts, always the same ones."""
    said = {word.lower() for text in texts for word in re.findall(r"\w+", text)}
    places = vocabulary()
    names = sorted(
        word
        for word in places
        if len(word) >= 5 and word.istitle() and word.lower() not in said and word.lower() not in places
    )
    return random.Random(1).sample(names, count)


def _said(text: str, voice: str) -> Clip:
    path = _FOLDER / f"{voice}-{re.sub('[^a-z]+', '-', text.lower())}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
    audio = read_audio(path)
    sound = soxr.resample(audio.channels[0].astype(np.float64), audio.rate, RATE)
    return Clip(path.stem, text, to_pcm(sound * (_LEVEL / np.sqrt(np.mean(sound**2)))))
