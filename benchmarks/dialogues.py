"""Calls of two and three speakers on one channel, made of single voices, with who speaks when.

Real voices are those of telephone prompts in four languages, which Debian has in packages, and of two readers; made-up
ones are of synthesisers. The two halves, one to tune on and one held out, have no speaker in common.
"""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from asr.diarization.turns import Turn
from asr.files import read_audio
from asr.runtime import package_folder
from benchmarks.acoustics import by_telephone
from benchmarks.corpus import RATE, Clip, Pcm, Sound, to_pcm
from benchmarks.voices import PIPER, Synthesiser, espeak, flite, prompt_texts, said

Half = Literal["tuning", "held out"]
Kind = Literal["real", "made up"]

_PROMPTS = Path("build/bench/prompts")
_SOUNDS = _PROMPTS / "usr/share/asterisk/sounds"
_PACKAGES = (
    "asterisk-core-sounds-fr-wav",
    "asterisk-core-sounds-it-wav",
    "asterisk-core-sounds-ru-wav",
    "asterisk-prompt-es-co",
    "asterisk-prompt-fr-armelle",
    "asterisk-prompt-it-menardi-wav",
)
_LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
_SHORTEST_S, _LONGEST_S = 1.2, 7.0
"""Of what is said at once."""
_MOST_CLIPS = 60
_SMALLEST = 1_000
"""Bytes of a prompt's file that has sound in it."""
_FRAME = RATE // 100
_AUDIBLE = (0.02, 0.05)
"""Shares of a clip's highest level, in frames of 10 ms, between which speech begins, 6 dB above the clip's noise."""
_CLOSED_S = 0.3
"""Pauses up to this long are part of a turn."""
_LEVELS = (0.35, 1.0)
_LOUDEST = 12_000.0
_LINE_NOISE = 8.0
_CHANGES = 0.8
"""Share of the turns after which another speaker goes on."""
_PAUSES_S = (0.05, 1.0)
_OVERLAPS_S = (0.5, 1.3)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody, and what he or she says."""

    name: str
    clips: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A call on one channel."""

    name: str
    pcm: Pcm
    speakers: int
    turns: tuple[Turn, ...]
    """Who speaks when, as it was made; speakers are numbered in no order."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / RATE

    def speaking(self) -> NDArray[np.intp]:
        """Samples in which nobody speaks, one does, two do, and so on to all of them."""
        active = np.zeros((self.speakers, len(self.pcm)), bool)
        for turn in self.turns:
            active[turn.speaker, turn.start : turn.end] = True
        return np.bincount(active.sum(axis=0), minlength=self.speakers + 1)


def dialogues(cast: Sequence[Speaker], speakers: int, overlap: float, count: int = 12) -> Iterator[Dialogue]:
    """Calls of a minute, each of so many of the cast; at the share `overlap` of changes the next begins too early."""
    random = np.random.default_rng(speakers)
    for _ in range(count):
        chosen = [cast[index] for index in random.choice(len(cast), speakers, replace=False)]
        yield _dialogue(chosen, 60.0, overlap, random)


def _dialogue(chosen: Sequence[Speaker], seconds: float, overlap: float, random: np.random.Generator) -> Dialogue:
    length = int(seconds * RATE)
    sound = random.normal(0.0, _LINE_NOISE, length)
    levels = random.uniform(*_LEVELS, len(chosen)) * _LOUDEST
    ends = [0] * len(chosen)
    turns: list[Turn] = []
    at, speaker = int(random.uniform(0.0, 0.8) * RATE), int(random.integers(len(chosen)))
    while at < length - RATE // 2:
        clips = chosen[speaker].clips
        clip = clips[int(random.integers(len(clips)))][: length - at]
        sound[at : at + len(clip)] += clip * levels[speaker]
        turns += [Turn(at + start, at + end, speaker) for start, end in _stretches(clip)]
        ends[speaker] = at + len(clip)
        at = max(ends) + int(random.uniform(*_PAUSES_S) * RATE)
        if random.random() < _CHANGES:
            speaker = (speaker + int(random.integers(1, len(chosen)))) % len(chosen)
            if random.random() < overlap:
                at = max(ends) - int(random.uniform(*_OVERLAPS_S) * RATE)
        at = max(at, ends[speaker])
    return Dialogue(" + ".join(one.name for one in chosen), by_telephone(to_pcm(sound)), len(chosen), tuple(turns))


def _stretches(clip: Sound) -> Iterator[tuple[int, int]]:
    """First sample of each stretch of speech, and the first after it."""
    frames = clip[: len(clip) // _FRAME * _FRAME].reshape(-1, _FRAME)
    levels = np.sqrt(np.mean(frames**2, axis=1))
    noise = np.percentile(levels, 5) / levels.max()
    loud = np.flatnonzero(levels > np.clip(2.0 * noise, *_AUDIBLE) * levels.max())
    for stretch in np.split(loud, np.flatnonzero(np.diff(loud) > _CLOSED_S * RATE / _FRAME) + 1):
        yield int(stretch[0]) * _FRAME, (int(stretch[-1]) + 1) * _FRAME


def real_speakers(half: Half) -> list[Speaker]:
    """Recorded voices. Raises SystemExit where their packages cannot be had."""
    _fetch_prompts()
    if half == "tuning":
        return [
            _prompts("Allison", Path("/usr/share/asterisk/sounds/en_US_f_Allison"), "wav"),
            _prompts("June", _SOUNDS / "fr_CA_f_June", "wav"),
            _prompts("Armelle", _SOUNDS / "fr", "gsm"),
            _reader("Austen's reader", sorted(_LIBRIVOX.glob("*.wav"))),
        ]
    dickens = package_folder("moonshine_voice") / "assets" / "two_cities.wav"
    return [
        _prompts("Carlo", _SOUNDS / "it_IT_m_Carlo", "wav"),
        _prompts("Menardi", _SOUNDS / "it_IT_f_Menardi", "wav"),
        _prompts("Ivrvoice", _SOUNDS / "ru_RU_f_IvrvoiceRU", "wav"),
        _prompts("Colombian", _SOUNDS / "es", "gsm"),
        _reader("Dickens's reader", [dickens]),
    ]


def made_speakers(half: Half) -> list[Speaker]:
    """Voices of synthesisers. Raises SystemExit where one is not installed."""
    try:
        return [_made(synthesiser) for synthesiser in _SYNTHESISERS[half]]
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{error}; install flite and espeak-ng") from error


_SYNTHESISERS: dict[Half, tuple[Synthesiser, ...]] = {
    "tuning": (flite("kal16"), flite("slt"), *map(espeak, ("en-us+m3", "en-gb+f2", "en-029+m7", "en-gb-scotland+f4"))),
    "held out": (
        flite("rms"),
        flite("awb"),
        PIPER,
        *map(espeak, ("en-gb+m1", "en-us+f3", "en-gb-scotland+m5", "en-029+f5")),
    ),
}


def _made(synthesiser: Synthesiser) -> Speaker:
    return Speaker(synthesiser.name, tuple(_whole(clip) for clip in said(synthesiser, prompt_texts()).clips))


def _whole(clip: Clip) -> Sound:
    sound = clip.pcm[slice(*clip.speech)][: int(_LONGEST_S * RATE)].astype(np.float64)
    whole: Sound = sound / np.abs(sound).max()
    return whole


def _fetch_prompts() -> None:
    """Take the packages' files apart below build/, once; nothing is installed."""
    if (_PROMPTS / "complete").exists():
        return
    _PROMPTS.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "-q", *_PACKAGES], cwd=_PROMPTS, check=True, stdout=subprocess.DEVNULL)
        for package in sorted(_PROMPTS.glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(_PROMPTS)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"the prompts are in packages of Debian: {error}") from error
    (_PROMPTS / "complete").touch()


def _prompts(name: str, folder: Path, suffix: str) -> Speaker:
    # Of some words the packages have empty files.
    files = [file for file in sorted(folder.glob(f"*.{suffix}")) if file.stat().st_size > _SMALLEST]
    clips = [clip for clip in map(_sound, files) if _SHORTEST_S * RATE <= len(clip) <= _LONGEST_S * RATE]
    if not clips:
        raise SystemExit(f"{folder} holds no prompts; install the Debian package asterisk-core-sounds-en-wav")
    return Speaker(name, tuple(clips[:: max(1, len(clips) // _MOST_CLIPS)]))


def _reader(name: str, files: Sequence[Path]) -> Speaker:
    """Long recordings, cut at their pauses."""
    if not files:
        raise SystemExit("install the Debian package pocketsphinx-testdata")
    clips: list[Sound] = []
    for sound in map(_sound, files):
        for start, end in _stretches(sound):
            clips += [sound[at : min(end, at + 4 * RATE)] for at in range(start, end - RATE // 2, 4 * RATE)]
    return Speaker(name, tuple(clip / np.abs(clip).max() for clip in clips))


def _sound(file: Path) -> Sound:
    """The recording at RATE, its peak at 1, without the silence around it."""
    if file.suffix == ".gsm":
        sound = _gsm(file)
    else:
        audio = read_audio(file)
        sound = soxr.resample(audio.channels[0].astype(np.float64), audio.rate, RATE)
    stretches = list(_stretches(sound))
    trimmed = sound[stretches[0][0] : stretches[-1][1]] if stretches else sound[:0]
    return trimmed / np.abs(trimmed).max() if len(trimmed) else trimmed


def _gsm(file: Path) -> Sound:
    """A bare file of GSM 06.10 at RATE."""
    with av.open(str(file), format="gsm") as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]).astype(np.float64)
