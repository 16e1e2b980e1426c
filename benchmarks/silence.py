"""What text comes of what is no speech: `python -m benchmarks.silence`, written to build/bench/silence.json.

Tones, fax and modems, noise, instrumental music made by code and Debian's hold music (asterisk-moh-opsound-wav), each
at several levels; also what is speech in a way: many people at once, and words sung over music where flite is
installed. `--second-pass` also gives the sounds to the second pass as if they had been utterances.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.files import read_audio
from asr.second_pass import SecondPass
from asr.settings import SecondPassSettings
from asr.wire.messages import ChannelOptions
from benchmarks.corpus import odd_prompts
from benchmarks.streaming import Heard, Listener
from callscribe.domain.transcript import Partial
from tests.music import instrumental
from tests.sounds import RATE, Samples, Sound, at_level, noises, signals, telephone_tones

OUTPUT = Path("build/bench/silence.json")
HOLD_MUSIC = Path("/usr/share/asterisk/moh")
LEVELS = (-10, -20, -35)
"""Decibels below full scale."""
_PIECE_S = 60
"""Of each piece of hold music."""
_TURN_S = 3
"""Of each sound that the second pass hears."""
_FRAMING_MS = 200
_SUNG = "the people who called you today are waiting in line"
_NOTES_HZ = (196, 220, 247, 262, 294, 330, 294, 247, 220, 196)


@dataclass(frozen=True, slots=True)
class Group:
    """Sounds of a kind."""

    name: str
    sounds: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a group at all levels."""

    group: str
    minutes: float
    shown: int
    """Utterances of which a partial was shown."""
    finals: int
    words: int
    """Of the finals."""

    @property
    def false_alarms_a_minute(self) -> float:
        return round(self.finals / self.minutes, 3)


def main() -> None:
    """Hear all groups."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--second-pass", action="store_true", help="also hear the sounds with the second pass")
    arguments = parser.parse_args()
    groups, listener = list(_groups()), Listener()
    results = [_measured(group, listener) for group in track(groups, description="silence")]
    figures = [{**asdict(one), "false_alarms_a_minute": one.false_alarms_a_minute} for one in results]
    written: dict[str, object] = {"groups": figures}
    if arguments.second_pass:
        written["second_pass_texts"] = second_pass_texts(groups)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    table = Table("sounds", "minutes", "shown", "finals", "words", "finals a minute", title=f"Written to {OUTPUT}")
    for one in results:
        counts = (str(one.shown), str(one.finals), str(one.words), f"{one.false_alarms_a_minute:g}")
        table.add_row(one.group, f"{one.minutes:.1f}", *counts)
    console = Console()
    console.print(table)
    if "second_pass_texts" in written:
        console.print(f"texts of the second pass: {written['second_pass_texts']}")


def _groups() -> Iterator[Group]:
    yield Group("silence", (np.random.default_rng(0).normal(0, 1, 60 * RATE) * 1e-4,))
    yield Group("telephone tones", tuple(telephone_tones().values()))
    yield Group("fax, modems, digits", tuple(signals().values()))
    yield Group("hum, clicks, noise", tuple(noises().values()))
    yield Group("instruments", tuple(instrumental().values()))
    if HOLD_MUSIC.is_dir():
        pieces = (read_audio(path).channels[0][: _PIECE_S * RATE] for path in sorted(HOLD_MUSIC.glob("*.wav")))
        yield Group("hold music", tuple(piece.astype(np.float64) for piece in pieces))
    voices = np.concatenate([clip.pcm for clip in odd_prompts(2)]).astype(np.float64)
    for talkers in (3, 6, 12):
        yield Group(f"babble of {talkers}", (_babble(voices, talkers),))
    if shutil.which("flite"):
        sung = _sung()
        yield Group("singing alone", (sung,))
        band = np.resize(instrumental()["band"], len(sung))
        yield Group("singing with a band", (_balanced(sung) + _balanced(band),))


def _babble(voices: Sound, talkers: int) -> Sound:
    random = np.random.default_rng(talkers)
    return sum((np.roll(voices, int(random.integers(len(voices))))[: 60 * RATE] for _ in range(talkers)), np.zeros(1))


def _balanced(sound: Sound) -> Sound:
    balanced: Sound = sound / np.sqrt(np.mean(sound**2))
    return balanced


def _sung() -> Sound:
    """Words of a synthesiser, each on a note of its own."""
    words = []
    with tempfile.TemporaryDirectory() as folder:
        for word, note in zip(_SUNG.split() * 3, _NOTES_HZ * 3, strict=True):
            file = Path(folder) / "word.wav"
            pitch = ("--setf", f"int_f0_target_mean={note}", "--setf", "int_f0_target_stddev=1")
            slow = ("--setf", "duration_stretch=1.6")
            subprocess.run(["flite", "-voice", "slt", *pitch, *slow, "-t", word, "-o", str(file)], check=True)
            audio = read_audio(file)
            words.append(soxr.resample(audio.channels[0].astype(np.float64), audio.rate, RATE))
    return np.concatenate(words)


def _measured(group: Group, listener: Listener) -> Result:
    seconds, shown, finals, words = 0.0, 0, 0, 0
    # Silence is what it is: no level makes it louder.
    for level in LEVELS if group.name != "silence" else (-72,):
        for sound in group.sounds:
            heard = listener.hear(at_level(sound, level), ChannelOptions(channel=0, rate=RATE), _FRAMING_MS)
            seconds += len(sound) / RATE
            shown += _shown(heard)
            finals += len(heard.finals)
            words += len(heard.text.split())
    return Result(group.name, round(seconds / 60, 2), shown, finals, words)


def _shown(heard: Heard) -> int:
    partials = (told.what for told in heard.told if isinstance(told.what, Partial))
    return len({partial.start for partial in partials if partial.committed + partial.tentative})


def second_pass_texts(groups: Sequence[Group]) -> list[str]:
    """What the second pass makes of the sounds that are no speech at all."""
    silent = [group for group in groups if not group.name.startswith(("babble", "singing"))]
    turns: list[Samples] = [at_level(sound[: _TURN_S * RATE], -20) for group in silent for sound in group.sounds]
    edges = np.cumsum([0, *(len(turn) + RATE for turn in turns)]).tolist()
    pcm = np.concatenate([part for turn in turns for part in (turn, np.zeros(RATE, np.int16))])
    spans = [(edge, edge + len(turn)) for edge, turn in zip(edges[:-1], turns, strict=True)]
    return [text.text for text in SecondPass(SecondPassSettings()).revise(pcm, RATE, spans) if text]


if __name__ == "__main__":
    main()
