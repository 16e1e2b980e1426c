"""Where utterances begin and end, against labels: `python -m benchmarks.endpointing --every 4 --prompts even`.

Labels are the energy of studio-clean prompts at known places in a little line noise. Delays count the audio that had to
be heard before an utterance was taken to have ended, in frames of 20 ms; computing comes on top of it (asr.json has the
whole). Prints tables and writes build/bench/endpointing.json.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.activity import WINDOW, Activity, ActivityModel
from asr.endpointing import Began, Ended, Endpointer
from asr.engine import ENGINE_RATE, Capabilities, Decoding, DecodingJob, Engine
from asr.engines import load_engine
from asr.hearing import Hearing
from asr.resampling import Upsampler
from asr.settings import EndpointSettings, RecognizerSettings
from asr.wire.messages import ChannelOptions
from benchmarks.acoustics import in_white_noise, lowered
from benchmarks.corpus import RATE, Channel, Clip, Pcm, channels
from benchmarks.pauses import Pause, Place, all_pauses
from callscribe.domain.transcript import Final
from tests.prompts import load_prompts

OUTPUT = Path("build/bench/endpointing.json")
HANGS = ((224, 224), (320, 320), (480, 480), (640, 640), (864, 864), (224, 864), (320, 864), (480, 864), (480, 704))
"""Both hangs of each setting of the curve: the same twice is a plain one."""
FRAME = RATE // 50
_FACTOR = ENGINE_RATE // RATE


@dataclass(frozen=True, slots=True)
class Setting:
    """One place on the curve between quick finals and whole sentences."""

    hang_ms: int
    open_hang_ms: int
    cut: dict[str, float]
    """Share of pauses of 300 to 800 ms that made two utterances of one, by where they lie."""
    final_p50_ms: float
    final_p95_ms: float
    """From the end of a prompt to the end of the audio that its final needed."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What voice activity finds under one condition."""

    condition: str
    onset_p50_ms: float
    onset_p95_ms: float
    """How late speech is noticed: negative where it is before its label. The pre-roll makes up for it."""
    clipped_p95_ms: float
    """What is lost of a prompt's beginning in spite of the pre-roll."""
    missed_prompts: float
    """Share of prompts without an utterance."""
    missed_speech: float
    """Share of the time between a prompt's beginning and its end that no utterance covers, inner pauses included."""
    false_alarms_a_minute: float
    """Utterances outside all prompts, for each minute outside."""
    not_decoded: float
    """Share of the audio that never reaches the engine."""


class Remembering:
    """An engine that does not do the same work twice: the settings of the curve hear the same pauses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, Decoding] = {}

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def capabilities(self) -> Capabilities:
        return self._engine.capabilities

    @property
    def max_batch(self) -> int:
        return self._engine.max_batch

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        for job in jobs:
            if (key := job.audio.tobytes()) not in self._known:
                self._known[key] = self._engine.decode([job])[0]
        return tuple(self._known[job.audio.tobytes()] for job in jobs)


@dataclass(frozen=True, slots=True)
class Listener:
    """Loaded models."""

    engine: Engine
    model: ActivityModel

    def finals(self, pcm: Pcm, endpoint: EndpointSettings) -> Iterator[tuple[int, Final]]:
        """Each final with the sample after the audio that it needed, on a machine that computes at once."""
        hearing = Hearing(ChannelOptions(channel=0, rate=RATE, endpoint=endpoint), 0, self.model, self.engine)
        for start in range(0, len(pcm), FRAME):
            hearing.hear(start, pcm[start : start + FRAME])
            while tasks := hearing.final_tasks(1):
                hearing.settle(tasks[0], self.engine.decode([tasks[0].job])[0])
            yield from ((hearing.position, event) for event in hearing.events if isinstance(event, Final))
            hearing.events.clear()

    def spans(self, pcm: Pcm, endpoint: EndpointSettings) -> list[tuple[int, int, int]]:
        """Of each utterance: where speech began, and the audio's two ends that would be decoded."""
        audio = Upsampler(RATE).push(pcm)
        endpointer, began = Endpointer(endpoint), 0
        found: list[tuple[int, int, int]] = []
        preroll = endpoint.preroll_ms * RATE // 1000
        for probability in Activity(self.model).push(audio[: len(audio) // WINDOW * WINDOW]).tolist():
            for event in endpointer.push(probability):
                if isinstance(event, Began):
                    began = event.start * WINDOW // _FACTOR
                elif isinstance(event, Ended):
                    first = max(began - preroll, found[-1][2] if found else 0)
                    found.append((began, first, event.heard * WINDOW // _FACTOR))
        return found


def main() -> None:
    """Run over every n-th even or odd prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th of them")
    parser.add_argument("--prompts", choices=("odd", "even"), default="odd", help="tuning was on the even ones")
    arguments = parser.parse_args()
    prompts = load_prompts()[arguments.prompts == "odd" :: 2][:: arguments.every]
    if not prompts:
        raise SystemExit("install the Debian packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav")
    clips = [Clip(prompt.name, prompt.text, prompt.pcm) for prompt in prompts]
    listener = Listener(Remembering(load_engine(RecognizerSettings())), ActivityModel())
    curve = trade(listener, clips)
    found = detections(listener, clips)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    report = {"prompts": arguments.prompts, "curve": list(map(asdict, curve)), "detection": list(map(asdict, found))}
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _print(curve, found)


def trade(listener: Listener, clips: Sequence[Clip]) -> list[Setting]:
    """How often each setting cuts at a pause, and how long it lets wait for finals."""
    pauses, calls = all_pauses(clips), channels(clips)
    return [_setting(listener, hangs, pauses, calls) for hangs in track(HANGS, description="hangs")]


def _setting(listener: Listener, hangs: tuple[int, int], pauses: Sequence[Pause], calls: Sequence[Channel]) -> Setting:
    endpoint = EndpointSettings(hang_ms=hangs[0], open_hang_ms=hangs[1])
    cut = {
        str(place): round(
            float(np.mean([_is_cut(listener, pause, endpoint) for pause in pauses if pause.place is place])), 3
        )
        for place in Place
    }
    delays = [delay for call in calls for delay in _delays(listener, call, endpoint)]
    p50, p95 = np.percentile(delays, [50, 95]).tolist()
    return Setting(*hangs, cut, round(p50), round(p95))


def _is_cut(listener: Listener, pause: Pause, endpoint: EndpointSettings) -> bool:
    """True when an utterance ended in the pause, or a little beside it, and another followed."""
    near = RATE // 8
    finals = [final for _, final in listener.finals(pause.pcm, endpoint)]
    return any(pause.start - near < final.end < pause.end for final in finals[:-1])


def _delays(listener: Listener, call: Channel, endpoint: EndpointSettings) -> list[float]:
    """Of each prompt whose end an utterance found."""
    delays = []
    for at, final in listener.finals(call.pcm, endpoint):
        delays += [(at - turn.end) * 1000 / RATE for turn in call.turns if abs(final.end - turn.end) < RATE // 4]
    return delays


def detections(listener: Listener, clips: Sequence[Clip]) -> list[Detection]:
    """Voice activity alone, with one hang."""
    calls = channels(clips)
    conditions = [("clean", [call.pcm for call in calls])]
    conditions += [(f"{db} dB lower", [lowered(call, db) for call in calls]) for db in (20, 40)]
    conditions += [(f"noise at {db} dB", [in_white_noise(call, db) for call in calls]) for db in (20, 10, 5)]
    return [_detection(listener, name, calls, pcms) for name, pcms in conditions]


def _detection(listener: Listener, name: str, calls: Sequence[Channel], pcms: Sequence[Pcm]) -> Detection:
    endpoint = EndpointSettings(open_hang_ms=EndpointSettings().hang_ms)
    late: list[float] = []
    clipped: list[float] = []
    speech = covered = false = decoded = 0
    for call, pcm in zip(calls, pcms, strict=True):
        spans = listener.spans(pcm, endpoint)
        decoded += sum(end - first for _, first, end in spans)
        false += sum(not any(_overlap(span[0], span[2], turn.start, turn.end) for turn in call.turns) for span in spans)
        for turn in call.turns:
            own = [span for span in spans if _overlap(span[1], span[2], turn.start, turn.end)]
            speech += turn.end - turn.start
            covered += sum(_overlap(first, end, turn.start, turn.end) for _, first, end in own)
            if own:
                late.append((own[0][0] - turn.start) * 1000 / RATE)
                clipped.append(max(0, own[0][1] - turn.start) * 1000 / RATE)
    total, turns = sum(map(len, pcms)), sum(len(call.turns) for call in calls)
    return Detection(
        condition=name,
        onset_p50_ms=round(float(np.percentile(late, 50))),
        onset_p95_ms=round(float(np.percentile(late, 95))),
        clipped_p95_ms=round(float(np.percentile(clipped, 95))),
        missed_prompts=round(1 - len(late) / turns, 4),
        missed_speech=round(1 - covered / speech, 4),
        false_alarms_a_minute=round(false / ((total - speech) / RATE / 60), 2),
        not_decoded=round(1 - decoded / total, 3),
    )


def _overlap(start: int, end: int, other_start: int, other_end: int) -> int:
    return max(0, min(end, other_end) - max(start, other_start))


def _print(curve: Sequence[Setting], found: Sequence[Detection]) -> None:
    console = Console()
    table = Table(
        "hang ms", "open hang ms", *(f"cut {place}" for place in Place), "final p50 ms", "p95 ms", title="Pauses"
    )
    for one in curve:
        shares = (f"{100 * one.cut[place]:.1f} %" for place in Place)
        table.add_row(str(one.hang_ms), str(one.open_hang_ms), *shares, str(one.final_p50_ms), str(one.final_p95_ms))
    console.print(table)
    columns = list(asdict(found[0]))
    table = Table(*(name.replace("_", " ") for name in columns), title=f"Detection, written to {OUTPUT}")
    for detection in found:
        table.add_row(*(str(value) for value in asdict(detection).values()))
    console.print(table)


if __name__ == "__main__":
    main()
