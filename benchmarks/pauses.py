"""Speech with a pause put in at a known place: inside a sentence, between its recorded parts, between sentences."""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from benchmarks.alignment import Aligner
from benchmarks.corpus import RATE, Channel, Clip, Pcm, Sound, Turn, to_pcm
from tests.prompts import SOUNDS

PAUSE_MS = (300, 800)
_LINE_NOISE = 8.0
_LEAD = np.zeros(RATE // 2)
_MOST_S = 8
"""Speech on either side of a pause: beyond, utterances are cut for their length."""
_MARKS = (".", ",", "!", "?", ":", ";")
_LOOK = RATE // 10
_STEP = RATE // 100
_SHARE_QUIET = 10 ** (-12 / 10)
"""Power of the quietest place at a border against the clip's: where words flow into each other none can pause."""

FRAGMENTS = (
    ("vm-youhave digits/4 vm-messages", 1),
    ("queue-thereare digits/5 queue-callswaiting", 1),
    ("confbridge-there-are digits/7 confbridge-participants", 1),
    ("confbridge-leave-in vm-press digits/3", 1),
    ("confbridge-menu-exit-in vm-press digits/8", 1),
    ("conf-thereare digits/6 conf-otherinparty", 1),
    ("vm-theperson digits/2 digits/0 digits/5 vm-isunavail", 1),
    ("vm-theperson digits/2 digits/0 digits/5 vm-isunavail", 2),
    ("vm-theperson digits/2 digits/0 digits/5 vm-isunavail", 4),
    ("vm-extension digits/7 digits/1 is-in-use", 2),
    ("vm-extension digits/7 digits/1 vm-isonphone", 3),
    ("you-entered digits/4 digits/9 digits/2", 1),
    ("you-entered digits/4 digits/9 digits/2", 3),
    ("vm-num-i-have digits/5 digits/5 digits/1", 1),
    ("vm-num-i-have digits/5 digits/5 digits/1", 2),
    ("if-correct-press digits/1", 1),
    ("vm-from-phonenumber digits/3 digits/8", 1),
    ("vm-from-extension digits/6 digits/0", 1),
    ("vm-duration digits/2 vm-minutes", 1),
    ("vm-savedto vm-Cust3", 1),
    ("call-waiting is-set-to enabled", 2),
    ("queue-holdtime is digits/9 queue-minutes", 2),
    ("privacy-to-blacklist-last-caller vm-press digits/1", 1),
    ("to-call-this-number vm-press digits/5", 1),
    ("queue-less-than digits/2 queue-minutes", 1),
    ("vm-onefor vm-Old vm-messages", 1),
    ("your call-forwarding is disabled", 2),
    ("dir-multi1 digits/1 dir-multi2 dir-multi3 digits/4", 3),
)
"""Recordings that announcements are put together from, and before which of them somebody pauses."""


class Place(StrEnum):
    """Where a pause lies."""

    INSIDE = "inside a sentence"
    PARTS = "between recorded parts"
    BETWEEN = "between sentences"


@dataclass(frozen=True, slots=True)
class Pause:
    """Audio with one pause put in."""

    place: Place
    pcm: Pcm
    start: int
    """First sample of the pause."""
    end: int
    """First sample after it."""


def all_pauses(clips: Sequence[Clip], in_each: int = 2) -> list[Pause]:
    """Pauses of evenly spread lengths: `in_each` in each clip, between its parts of announcements, between clips."""
    aligner = Aligner()
    halves = [(Place.INSIDE, *half) for clip in clips for half in _inside(clip, aligner, in_each)]
    halves += [(Place.PARTS, *_parted(names, at)) for names, at in FRAGMENTS]
    pairs = zip(clips[0::2], clips[1::2], strict=False)
    halves += [(Place.BETWEEN, _speech(first)[-_MOST_S * RATE :], _speech(second)) for first, second in pairs]
    pauses = []
    for place in Place:
        of_place = [(before, after) for where, before, after in halves if where is place]
        lengths = np.random.default_rng(len(place)).permutation(np.linspace(*PAUSE_MS, max(len(of_place), 1)))
        pauses += [_joined(place, *both, ms) for both, ms in zip(of_place, lengths.tolist(), strict=False)]
    return pauses


def _inside(clip: Clip, aligner: Aligner, count: int) -> list[tuple[Sound, Sound]]:
    """The clip cut at up to `count` of its borders, evenly spread."""
    borders = _borders(clip, aligner)
    chosen = borders[:: max(1, len(borders) // count)][:count]
    return [(clip.pcm[:at].astype(np.float64), clip.pcm[at:].astype(np.float64)) for at in chosen]


def _borders(clip: Clip, aligner: Aligner) -> list[int]:
    """Quiet places between two words that no mark parts."""
    texts = clip.text.split()
    spans = [word.span for word in aligner.words(Channel(clip.name, clip.pcm, (Turn(clip, 0),)))]
    power = clip.pcm.astype(np.float64) ** 2
    borders = []
    for text, before, after in zip(texts, spans, spans[1:], strict=False):
        if before is None or after is None or len(spans) != len(texts) or text.endswith(_MARKS):
            continue
        places = range(max(before[1] - _LOOK, _STEP), min(after[0] + _LOOK, _MOST_S * RATE, len(power) - _STEP), _STEP)
        levels = [float(power[at - _STEP : at + _STEP].mean()) for at in places]
        if levels and min(levels) < power.mean() * _SHARE_QUIET:
            borders.append(places[int(np.argmin(levels))])
    return borders


def _parted(names: str, at: int) -> tuple[Sound, Sound]:
    parts = [_speech(_recording(name)) for name in names.split()]
    return np.concatenate(parts[:at]), np.concatenate(parts[at:])


def _recording(name: str) -> Clip:
    with wave.open(str(SOUNDS / f"{name}.wav")) as recording:
        return Clip(name, "", np.frombuffer(recording.readframes(recording.getnframes()), "<i2"))


def _speech(clip: Clip) -> Sound:
    return clip.pcm[slice(*clip.speech)].astype(np.float64)


def _joined(place: Place, before: Sound, after: Sound, pause_ms: float) -> Pause:
    pause = np.zeros(int(pause_ms * RATE / 1000))
    after = after[: _MOST_S * RATE]
    sound = np.concatenate([_LEAD, before, pause, after, np.zeros(RATE)])
    noise = np.random.default_rng(len(sound)).normal(0.0, _LINE_NOISE, len(sound))
    start = len(_LEAD) + len(before)
    return Pause(place, to_pcm(sound + noise), start, start + len(pause))
