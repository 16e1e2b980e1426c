"""What the second pass gains and costs beside the live pass: `python -m benchmarks.second_pass --every 5`.

Telephone prompts, with the pauses of a conversation between them, make one party's channel of a call. The live pass
hears it in steps of 100 ms, partials included; the second pass decodes the utterances that the live pass found, packed
into windows and, for comparison, one by one. Prints a table and writes build/bench/second_pass.json.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.activity import ActivityModel
from asr.engines import load_engine, warm_up
from asr.scheduler import Scheduler
from asr.second_pass import SecondPass, SecondPassText
from asr.settings import SecondPassSettings
from asr.wire.messages import Audio, ChannelOptions, Close, FinalReport, Open
from callscribe.domain.transcript import Final
from tests.prompts import Prompt, load_prompts
from tests.wer import word_error_rate

RATE = 8000
STEP = RATE // 10
PAUSES_S = (1.0, 5.0)
"""Shortest and longest pause: about half of the call is the other party's."""
LONGEST_S = 60.0
"""Prompts beyond are read-out instructions, not turns of a call."""
OUTPUT = Path("build/bench/second_pass.json")


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to decode the call."""

    name: str
    word_error_rate: float
    cpu_s_per_call_minute: float
    cpu_s_per_speech_minute: float
    kept_first_texts: int


def main() -> None:
    """Run over every n-th prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th prompt")
    parser.add_argument("--beam", type=int, default=SecondPassSettings().beam)
    parser.add_argument("--noise-db", type=float, help="add white noise at this ratio of speech to noise")
    arguments = parser.parse_args()
    prompts = [one for one in load_prompts()[:: arguments.every] if len(one.pcm) < LONGEST_S * one.rate]
    if not prompts:
        raise SystemExit("install the Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav")
    passes = measure(prompts, arguments.beam, arguments.noise_db)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(one) for one in passes], indent=2) + "\n", encoding="utf-8")
    table = Table("pass", "WER", "CPU s / call min", "CPU s / speech min", "first text kept", title=f"See {OUTPUT}")
    for one in passes:
        cpu = (f"{one.cpu_s_per_call_minute:.2f}", f"{one.cpu_s_per_speech_minute:.2f}")
        table.add_row(one.name, f"{one.word_error_rate:.1%}", *cpu, str(one.kept_first_texts))
    Console().print(table)


def measure(prompts: list[Prompt], beam: int, noise_db: float | None) -> tuple[Pass, ...]:
    """The live pass, the second pass, and the second pass without packing."""
    pcm = _channel(prompts, noise_db)
    reference = " ".join(prompt.text for prompt in prompts)
    finals, live_s = _live(pcm)
    second = SecondPass(SecondPassSettings(beam=beam))
    spans = [(final.start, final.end) for final in finals]
    second.revise(pcm, RATE, spans[:1])
    began = time.process_time()
    packed = second.revise(pcm, RATE, spans)
    packed_s = time.process_time() - began
    single = [second.revise(pcm, RATE, [span])[0] for span in track(spans, description="one by one")]
    single_s = time.process_time() - began - packed_s

    call_minutes = len(pcm) / RATE / 60
    speech_minutes = sum(end - start for start, end in spans) / RATE / 60

    def result(name: str, texts: tuple[SecondPassText | None, ...], cpu_s: float) -> Pass:
        said = [second.text if second else final.text for second, final in zip(texts, finals, strict=True)]
        rate = word_error_rate([reference], [" ".join(said)])
        kept = sum(text is None for text in texts)
        return Pass(name, round(rate, 4), round(cpu_s / call_minutes, 3), round(cpu_s / speech_minutes, 3), kept)

    return (
        result("live", (None,) * len(finals), live_s),
        result("second, packed", packed, packed_s),
        result("second, one by one", tuple(single), single_s),
    )


def _channel(prompts: list[Prompt], noise_db: float | None) -> NDArray[np.int16]:
    random = np.random.default_rng(0)
    parts = [part for one in prompts for part in (np.zeros(int(random.uniform(*PAUSES_S) * RATE)), one.pcm)]
    sound = np.concatenate([*parts, np.zeros(RATE)])
    speech = np.concatenate([one.pcm for one in prompts]).astype(np.float64)
    level = 8.0 if noise_db is None else float(np.sqrt(np.mean(speech**2))) * 10 ** (-noise_db / 20)
    return np.clip(sound + random.normal(0, level, len(sound)), -32768, 32767).astype(np.int16)


def _live(pcm: NDArray[np.int16]) -> tuple[list[Final], float]:
    """Finals as a call in real time would have had them, and the CPU time of hearing it."""
    engine = load_engine("moonshine")
    warm_up(engine)
    scheduler = Scheduler(engine, ActivityModel())
    finals: list[Final] = []
    began = time.process_time()
    scheduler.accept(0, Open(0, 0, ChannelOptions(channel=0, rate=RATE)))
    for start in track(range(0, len(pcm), STEP), description="live"):
        scheduler.accept(0, Audio(0, start, pcm[start : start + STEP].tobytes()))
        if start + STEP >= len(pcm):
            scheduler.accept(0, Close(0))
        while (turn := scheduler.work()) is not None:
            finals += [message.final for _, message in turn.deliveries if isinstance(message, FinalReport)]
    return finals, time.process_time() - began


if __name__ == "__main__":
    main()
