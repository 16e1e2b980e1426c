"""How well and how cheaply the live recogniser hears telephone prompts: `python -m benchmarks.recognition --every 5`.

Prompts are fed through the scheduler in steps of 100 ms of audio; a latency is audio time plus the time that computing
took. Prints a table and writes build/bench/recognition.json.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.activity import ActivityModel
from asr.engine import Engine
from asr.engines import load_engine, warm_up
from asr.scheduler import Scheduler
from asr.settings import EndpointSettings
from asr.wire.messages import Audio, ChannelOptions, Close, Closed, FinalReport, Open, PartialReport, ServerMessage
from callscribe.domain.transcript import Final
from tests.prompts import Prompt, load_prompts
from tests.wer import normalise, word_error_rate

STEP_MS = 100
OUTPUT = Path("build/bench/recognition.json")


@dataclass(slots=True)
class Measured:
    """What was seen over all prompts."""

    references: list[str] = field(default_factory=list)
    hypotheses: list[str] = field(default_factory=list)
    first_partials_ms: list[float] = field(default_factory=list)
    final_delays_ms: list[float] = field(default_factory=list)
    audio_s: float = 0.0
    cpu_s: float = 0.0
    utterances: int = 0
    shown_words: int = 0
    shown_changed: int = 0
    committed_words: int = 0
    committed_changed: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of the table."""

    prompts: int
    utterances: int
    audio_s: float
    word_error_rate: float
    cpu_s_per_audio_s: float
    first_partial_ms_p50: float
    first_partial_ms_p95: float
    final_delay_ms_p50: float
    final_delay_ms_p95: float
    unstable_shown: float
    """Share of the words shown in partials that the final does not have, or not in that order."""
    unstable_committed: float
    """The same of committed words."""


def main() -> None:
    """Run over every n-th prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th prompt")
    parser.add_argument("--update-ms", type=int, default=500)
    parser.add_argument("--hang-ms", type=int, default=EndpointSettings().hang_ms)
    arguments = parser.parse_args()
    prompts = load_prompts()[:: arguments.every]
    if not prompts:
        raise SystemExit("install the Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav")
    options = ChannelOptions(
        channel=0, rate=8000, update_ms=arguments.update_ms, endpoint=EndpointSettings(hang_ms=arguments.hang_ms)
    )
    result = measure(prompts, options)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    table = Table("figure", "value", title=f"Recognition, written to {OUTPUT}")
    for name, value in asdict(result).items():
        table.add_row(name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)


def measure(prompts: list[Prompt], options: ChannelOptions) -> Result:
    """All prompts, one after the other."""
    engine, model = load_engine("moonshine"), ActivityModel()
    warm_up(engine)
    measured = Measured()
    noise = np.random.default_rng(0)
    for prompt in track(prompts, description="prompts"):
        silence = noise.normal(0.0, 8.0, prompt.rate).astype(np.int16)
        _hear(np.concatenate([silence, prompt.pcm, silence, silence]), prompt, options, (engine, model), measured)
    return _result(measured, len(prompts))


def _hear(
    pcm: NDArray[np.int16],
    prompt: Prompt,
    options: ChannelOptions,
    loaded: tuple[Engine, ActivityModel],
    seen: Measured,
) -> None:
    finals: list[Final] = []
    partials: list[PartialReport] = []
    for at_ms, message in _stream(pcm, options, loaded, seen):
        if isinstance(message, PartialReport):
            if message.partial.revision == 1:
                seen.first_partials_ms.append(at_ms - message.partial.start * 1000 / options.rate)
            partials.append(message)
        elif isinstance(message, FinalReport):
            finals.append(message.final)
            seen.final_delays_ms.append(at_ms - message.final.end * 1000 / options.rate)
            _compare(partials, message.final, seen)
            partials.clear()
    seen.references.append(prompt.text)
    seen.hypotheses.append(" ".join(final.text for final in finals))
    seen.utterances += len(finals)


def _stream(
    pcm: NDArray[np.int16], options: ChannelOptions, loaded: tuple[Engine, ActivityModel], seen: Measured
) -> Iterator[tuple[float, ServerMessage]]:
    """Every message with the time in ms, from the first sample, at which a caller in real time would have had it."""
    scheduler = Scheduler(*loaded)
    scheduler.accept(0, Open(0, 0, options))
    step = options.rate * STEP_MS // 1000
    seen.audio_s += len(pcm) / options.rate
    for start in range(0, len(pcm), step):
        chunk = pcm[start : start + step]
        scheduler.accept(0, Audio(0, start, chunk.tobytes()))
        if start + step >= len(pcm):
            scheduler.accept(0, Close(0))
        began, cpu = time.perf_counter(), time.process_time()
        while (turn := scheduler.work()) is not None:
            at_ms = (start + len(chunk)) * 1000 / options.rate + (time.perf_counter() - began) * 1000
            yield from ((at_ms, message) for _, message in turn.deliveries if not isinstance(message, Closed))
        seen.cpu_s += time.process_time() - cpu


def _compare(partials: list[PartialReport], final: Final, seen: Measured) -> None:
    words = normalise(final.text).split()
    for report in partials:
        committed = normalise(report.partial.committed).split()
        shown = committed + normalise(report.partial.tentative).split()
        seen.shown_words += len(shown)
        seen.shown_changed += len(shown) - _shared(shown, words)
        seen.committed_words += len(committed)
        seen.committed_changed += len(committed) - _shared(committed, words)


def _shared(words: list[str], final: list[str]) -> int:
    """Words that both have, in the same order."""
    return sum(block.size for block in SequenceMatcher(None, words, final, autojunk=False).get_matching_blocks())


def _result(seen: Measured, prompts: int) -> Result:
    first, delay = np.array(seen.first_partials_ms), np.array(seen.final_delays_ms)
    return Result(
        prompts=prompts,
        utterances=seen.utterances,
        audio_s=round(seen.audio_s, 1),
        word_error_rate=round(word_error_rate(seen.references, seen.hypotheses), 4),
        cpu_s_per_audio_s=round(seen.cpu_s / seen.audio_s, 4),
        first_partial_ms_p50=round(float(np.percentile(first, 50))),
        first_partial_ms_p95=round(float(np.percentile(first, 95))),
        final_delay_ms_p50=round(float(np.percentile(delay, 50))),
        final_delay_ms_p95=round(float(np.percentile(delay, 95))),
        unstable_shown=round(seen.shown_changed / max(seen.shown_words, 1), 4),
        unstable_committed=round(seen.committed_changed / max(seen.committed_words, 1), 4),
    )


if __name__ == "__main__":
    main()
