"""How often the light diariser is wrong about who speaks: make bench-diarization

Calls of a minute at 8 kHz through mu-law, of real and of made-up voices, on which nothing was tuned. The diarization
error rate is pyannote.metrics', without a collar and with overlaps; it works in a virtual environment below build/.
"""

import json
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from asr.diarization.embedding import EmbeddingDiarizer
from asr.diarization.turns import SpeakerCount, Turn
from benchmarks.corpus import RATE
from benchmarks.dialogues import Dialogue, Half, Kind, Speaker, dialogues, made_speakers, real_speakers
from benchmarks.report import machine

_RESULT = Path("build/bench/diarization.json")
_METRICS = Path("build/bench/metrics")
_PACKAGE = "pyannote.metrics==4.2.0"
_SCORE = """
import json, sys
from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate
def annotation(turns):
    made = Annotation()
    for track, (start, end, speaker) in enumerate(turns):
        made[Segment(start, end), track] = speaker
    return made
metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
for reference, found, seconds in json.load(sys.stdin):
    metric(annotation(reference), annotation(found), uem=Segment(0, seconds))
names = {"miss": "missed detection", "false_alarm": "false alarm", "confusion": "confusion", "total": "total"}
print(json.dumps({"der": abs(metric)} | {name: metric[of] for name, of in names.items()}))
"""
_OVERLAPS = (0.12, 0.4)
"""Shares of the changes of speaker at which the next one begins too early: about 3 % and 12 % of the speech."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the calls of one kind."""

    voices: Kind
    speakers: int
    overlap: float
    """Share of the time in which somebody speaks that more than one does."""
    known: bool
    """Whether the diariser was told how many there are."""
    der: float
    """Diarization error rate, the sum of the next three."""
    missed: float
    false_alarm: float
    confusion: float
    counted: float
    """Share of the calls in which the number of speakers was found."""
    cpu_s_per_minute: float
    calls: int


def main(
    tuning: Annotated[bool, typer.Option(help="Use the half that was tuned on.")] = False,
    calls: Annotated[int, typer.Option(help="Of each kind.")] = 8,
) -> None:
    """Print the table and write build/bench/diarization.json."""
    _install_metrics()
    half: Half = "tuning" if tuning else "held out"
    casts: dict[Kind, list[Speaker]] = {"real": real_speakers(half), "made up": made_speakers(half)}
    diarizer = EmbeddingDiarizer()
    outcomes: list[Outcome] = []
    for speakers, overlap in ((2, _OVERLAPS[0]), (2, _OVERLAPS[1]), (3, _OVERLAPS[0])):
        for kind, cast in casts.items():
            made = list(dialogues(cast, speakers, overlap, calls))
            for known in (True, False):
                outcomes.append(_measured(diarizer, kind, made, known))
                print(*_row(outcomes[-1]), file=sys.stderr, flush=True)
    _print(outcomes)
    if not tuning:
        figures = {"machine": machine(), "outcomes": [asdict(outcome) for outcome in outcomes]}
        _RESULT.write_text(json.dumps(figures, indent=2))


def _install_metrics() -> None:
    if not (_METRICS / "installed").exists():
        venv.create(_METRICS, with_pip=True)
        subprocess.run([_METRICS / "bin/python", "-I", "-m", "pip", "install", "--quiet", _PACKAGE], check=True)
        (_METRICS / "installed").touch()


def _measured(diarizer: EmbeddingDiarizer, kind: Kind, calls: Sequence[Dialogue], known: bool) -> Outcome:
    began = time.process_time()
    found = [
        diarizer.diarize(call.pcm, RATE, SpeakerCount(exact=call.speakers) if known else SpeakerCount())
        for call in calls
    ]
    cpu_s = time.process_time() - began
    score = _scored(calls, found)
    counted = sum(
        len({turn.speaker for turn in turns}) == call.speakers for call, turns in zip(calls, found, strict=True)
    )
    return Outcome(
        voices=kind,
        speakers=calls[0].speakers,
        overlap=_overlap(calls),
        known=known,
        der=score["der"],
        missed=score["miss"] / score["total"],
        false_alarm=score["false_alarm"] / score["total"],
        confusion=score["confusion"] / score["total"],
        counted=counted / len(calls),
        cpu_s_per_minute=cpu_s / sum(call.seconds for call in calls) * 60,
        calls=len(calls),
    )


def _scored(calls: Sequence[Dialogue], found: Sequence[Sequence[Turn]]) -> dict[str, float]:
    pairs = [(_times(call.turns), _times(turns), call.seconds) for call, turns in zip(calls, found, strict=True)]
    run = subprocess.run(
        [_METRICS / "bin/python", "-c", _SCORE], input=json.dumps(pairs), text=True, check=True, capture_output=True
    )
    score: dict[str, float] = json.loads(run.stdout)
    return score


def _times(turns: Sequence[Turn]) -> list[tuple[float, float, int]]:
    """In seconds."""
    return [(turn.start / RATE, turn.end / RATE, turn.speaker) for turn in turns]


def _overlap(calls: Sequence[Dialogue]) -> float:
    """Share of the speech in which more than one speak."""
    counts = sum((call.speaking() for call in calls[1:]), calls[0].speaking())
    return float(counts[2:].sum() / counts[1:].sum())


def _row(outcome: Outcome) -> tuple[str, ...]:
    parts = (outcome.der, outcome.missed, outcome.false_alarm, outcome.confusion)
    return (
        outcome.voices,
        str(outcome.speakers),
        f"{outcome.overlap:.0%}",
        "told" if outcome.known else "found",
        *(f"{part:.1%}" for part in parts),
        f"{outcome.counted:.0%}",
        f"{outcome.cpu_s_per_minute:.2f} s",
    )


def _print(outcomes: Sequence[Outcome]) -> None:
    table = Table(
        *("voices", "speakers", "overlap", "count", "DER", "missed", "false", "confused", "count right", "CPU a minute")
    )
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
