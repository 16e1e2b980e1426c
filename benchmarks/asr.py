"""Recognition, whole: `make bench-asr`, or `python -m benchmarks.asr [--quick] [--parts live loss …]`.

Odd-numbered telephone prompts (the even ones are for tuning) and voices that nothing was tuned on. Prints tables, and
writes build/bench/asr.json and, with --document, the tables of docs/performance.md. A part that is not run keeps its
figures. Latencies count CPU time and stand other work beside them; the contenders' spinning threads do not.
"""

import argparse
import json
import logging
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import structlog
from rich.console import Console
from rich.progress import Progress

from benchmarks import certainty, conditions, contenders, live, loss, precision
from benchmarks.corpus import channels, odd_prompts
from benchmarks.latency import Latencies
from benchmarks.report import Figures, machine, print_tables, with_others, write_document
from benchmarks.stability import Flicker
from benchmarks.voices import all_voices
from tests.prompts import load_prompts
from tests.wer import word_error_rate

OUTPUT = Path("build/bench/asr.json")
_QUICK = 6
_CONTEST_EVERY = 3
_WHISPER_EVERY = 3
_BABBLE_PROMPTS = 40
"""Even-numbered prompts that the babble is made of."""


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th clip only")
    parser.add_argument("--quick", dest="every", action="store_const", const=_QUICK, help=f"--every {_QUICK}")
    parser.add_argument("--parts", nargs="+", choices=list(_PARTS), default=list(_PARTS))
    parser.add_argument("--jobs", type=int, default=2, help="processes at once, where no CPU time is compared")
    parser.add_argument("--document", action="store_true", help="renew the tables of docs/performance.md")
    options = parser.parse_args()
    # The lines tell of each call.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    figures: Figures = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    figures["machine"] = machine()
    console = Console()
    for part in options.parts:
        console.print(f"{part} …")
        measured = _PARTS[part](options.every, options.jobs, console)
        figures |= measured
        figures.setdefault("measured", {})[part] = {"at": _now(), "commit": _commit(), "every": options.every}
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        OUTPUT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    everything = with_others(figures)
    if "hotwords" in everything:
        figures["hotwords"] = everything["hotwords"]
        OUTPUT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print_tables(figures, console)
    if options.document:
        write_document(everything)


def _live(every: int, jobs: int, console: Console) -> Figures:
    sent = channels(odd_prompts(every))
    with _progress(console, len(sent)) as step:
        calls = live.hear_all(sent, jobs, step)
    said = [call.said for call in calls]
    latencies = Latencies()
    for call in calls:
        latencies.add(call.latencies)
    shown = sum((call.shown for call in calls), Flicker())
    committed = sum((call.committed for call in calls), Flicker())
    words = [word for call in calls for word in call.words]
    finals = [final for call in calls for final in call.finals]
    audio_s = sum(call.audio_s for call in calls)
    return {
        "live": {
            "wer": round(word_error_rate(said, [call.live for call in calls]), 4),
            "cpu_s_per_audio_s": round(sum(call.cpu_s for call in calls) / audio_s, 4),
            "audio_s": round(audio_s, 1),
            "words": sum(len(text.split()) for text in said),
            "utterances": sum(call.utterances for call in calls),
        },
        "second_pass": {
            "wer": round(word_error_rate(said, [call.second for call in calls]), 4),
            "cpu_s_per_audio_s": round(sum(call.second_cpu_s for call in calls) / audio_s, 4),
        },
        "committed_changed": round(committed.changed_share, 4),
        "stability": {"shown": _stability(shown), "committed": _stability(committed)},
        **_percentiles("first_partial", latencies.first_partial),
        **_percentiles("word", latencies.shown),
        **_percentiles("word_settled", latencies.settled),
        **_percentiles("final", latencies.final),
        "confidence": {
            "word_auc": certainty.auc(words),
            "utterance_auc": certainty.auc(finals),
            "words": [asdict(one) for one in certainty.reliability(words)],
        },
    }


def _stability(counts: Flicker) -> dict[str, float]:
    return {
        "upwr": round(counts.unstable_word_ratio, 4),
        "normalised_erasure": round(counts.normalised_erasure, 4),
        "changed_share": round(counts.changed_share, 4),
    }


def _percentiles(name: str, values: Sequence[float]) -> dict[str, int]:
    p50, p95 = np.percentile(values, [50, 95])
    return {f"{name}_p50_ms": round(p50), f"{name}_p95_ms": round(p95)}


def _contest(every: int, jobs: int, console: Console) -> Figures:
    clips = odd_prompts(_CONTEST_EVERY * every)
    with _progress(console, len(clips)) as step:
        standings = contenders.compete(clips, _WHISPER_EVERY, step)
    cpu = {standing.name: standing.cpu_s_per_audio_s for standing in standings}
    ours = cpu[contenders.OURS]
    return {
        "cpu_ratio": {
            "moonshine_voice": round(ours / cpu[contenders.MOONSHINE_VOICE], 4),
            "moonshine_voice_one_thread": round(ours / cpu[contenders.ONE_THREAD], 4),
            "faster_whisper": round(ours / cpu[contenders.WHISPER], 4),
        },
        "contenders": [asdict(standing) for standing in standings],
    }


def _acoustics(every: int, jobs: int, console: Console) -> Figures:
    others = [prompt.pcm for prompt in load_prompts()[0::2][:_BABBLE_PROMPTS]]
    return {"conditions": _rates(conditions.acoustic_cases(every, others), jobs, console)}


def _voices(every: int, jobs: int, console: Console) -> Figures:
    return {"voices": _rates(conditions.voice_cases(all_voices(console.print), every), jobs, console)}


def _loss(every: int, jobs: int, console: Console) -> Figures:
    rates = _rates(loss.loss_cases(channels(odd_prompts(every)), console.print), jobs, console)
    live_rates = {str(row["condition"]): cast(float, row["live"]) for row in rates}
    none = live_rates[loss.Pattern(0.0).name]
    return {
        "loss": rates,
        "loss10_wer_delta": round(live_rates[loss.Pattern(0.1).name] - none, 4),
        "loss10_bursts_wer_delta": round(live_rates[loss.Pattern(0.1, 3.0).name] - none, 4),
    }


def _precision(every: int, jobs: int, console: Console) -> Figures:
    return {"precision": [asdict(row) for row in precision.compare(odd_prompts(2 * every))]}


_PARTS: dict[str, Callable[[int, int, Console], Figures]] = {
    "live": _live,
    "contest": _contest,
    "acoustics": _acoustics,
    "voices": _voices,
    "loss": _loss,
    "precision": _precision,
}


def _rates(cases: list[conditions.Case], jobs: int, console: Console) -> list[dict[str, str | float | None]]:
    with _progress(console, len(cases)) as step:
        heard = conditions.run(cases, jobs, step)
    return [asdict(row) for row in conditions.rates(heard)]


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """A bar that goes on by a step whenever what it gives is called."""
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="minutes")


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


if __name__ == "__main__":
    main()
