"""The figures of the benchmarks as tables: on the screen, and in docs/performance.md between its marks."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Printed

DOCUMENT = Path("docs/performance.md")
_FOLDER = Path("build/bench")

Figures = dict[str, Any]
"""What a benchmark's JSON file holds; each table below knows what it reads."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading."""

    name: str
    """That of its marks in the document."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_markdown(self) -> str:
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1] if model else platform.processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def print_tables(figures: Figures, console: Console) -> None:
    """All tables of asr.json for which there are figures."""
    for table in tables(figures):
        printed = Printed(*table.columns, title=table.name)
        for row in table.rows:
            printed.add_row(*row)
        console.print(printed)


def write_document(figures: Figures) -> None:
    """Put the tables between the marks of the document. What lies outside of marks stays as it is."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for table in tables(figures):
        begin, end = f"<!-- {table.name} -->\n", f"<!-- end of {table.name} -->"
        before, found, rest = text.partition(begin)
        if not found:
            raise SystemExit(f"{DOCUMENT} has no mark {begin.strip()}")
        text = before + begin + table.as_markdown() + end + rest.partition(end)[2]
    DOCUMENT.write_text(text, encoding="utf-8")


def tables(figures: Figures) -> list[Table]:
    """The tables of asr.json, those left out whose part was never run."""
    made = [_machine(figures)]
    makers = {
        "live": _gates,
        "stability": _stability,
        "contenders": _contenders,
        "conditions": lambda found: _rates("acoustics", found["conditions"]),
        "voices": lambda found: _rates("voices", found["voices"]),
        "loss": lambda found: _rates("loss", found["loss"]),
        "precision": _precision,
        "confidence": _reliability,
    }
    return made + [make(figures) for part, make in makers.items() if part in figures]


def _machine(figures: Figures) -> Table:
    rows = [(name, value) for name, value in figures["machine"].items()]
    rows += [
        (f"part {part}", f"{run['at']}, commit {run['commit']}" + ("" if run["every"] == 1 else ", quick"))
        for part, run in figures["measured"].items()
    ]
    return Table("machine", ("what", "value"), tuple(rows))


def _gates(figures: Figures) -> Table:
    rows: list[tuple[str, str, str, str]] = [
        ("WER, live finals", _percent(figures["live"]["wer"]), "5.8 %", "5.0 %"),
        ("WER, second pass", _percent(figures["second_pass"]["wer"]), "3.8 %", "3.3 %"),
        ("committed words that later change", _percent(figures["committed_changed"]), "2 %", "0.5 %"),
        ("first partial after onset, p50", _ms(figures, "first_partial_p50_ms"), "350 ms", "250 ms"),
        ("first partial after onset, p95", _ms(figures, "first_partial_p95_ms"), "", ""),
        ("a word shown after it was said, p50", _ms(figures, "word_p50_ms"), "400 ms", ""),
        ("a word shown after it was said, p95", _ms(figures, "word_p95_ms"), "700 ms", ""),
        ("a word shown for good, p50", _ms(figures, "word_settled_p50_ms"), "", ""),
        ("a word shown for good, p95", _ms(figures, "word_settled_p95_ms"), "", ""),
        ("final after the end of speech, p50", _ms(figures, "final_p50_ms"), "", ""),
        ("final after the end of speech, p95", _ms(figures, "final_p95_ms"), "550 ms", "450 ms"),
        ("live CPU a second of audio", f"{figures['live']['cpu_s_per_audio_s']:.3f} s", "", ""),
        ("AUC of a word's confidence", _plain(figures["confidence"]["word_auc"]), "0.80", "0.87"),
        ("AUC of an utterance's confidence", _plain(figures["confidence"]["utterance_auc"]), "", ""),
    ]
    if "cpu_ratio" in figures:
        ratio = figures["cpu_ratio"]
        rows += [
            ("CPU, ratio to moonshine-voice's streaming API", _plain(ratio["moonshine_voice"]), "0.25", "0.125"),
            ("the same, it kept to one thread", _plain(ratio["moonshine_voice_one_thread"]), "", ""),
            ("CPU, ratio to faster-whisper decoded again", _plain(ratio["faster_whisper"]), "", ""),
        ]
    if "loss10_wer_delta" in figures:
        rows += [
            ("WER points at 10 % loss, alone", _points(figures["loss10_wer_delta"]), "1.5", "1.0"),
            ("WER points at 10 % loss, in bursts of 3", _points(figures["loss10_bursts_wer_delta"]), "1.5", "1.0"),
        ]
    return Table("gates", ("figure", "measured", "gate", "stretch"), tuple(rows))


def _stability(figures: Figures) -> Table:
    names = ("upwr", "normalised_erasure", "changed_share")
    rows = [(kind, *(_plain(figures["stability"][kind][name]) for name in names)) for kind in ("shown", "committed")]
    return Table("stability", ("text", "UPWR", "normalised erasure", "changed of what appeared"), tuple(rows))


def _contenders(figures: Figures) -> Table:
    rows = [
        (row["name"], f"{row['cpu_s_per_audio_s']:.3f}", _percent(row["word_error_rate"]), f"{row['audio_s']:.0f}")
        for row in figures["contenders"]
    ]
    return Table("contest", ("recogniser", "CPU s a second of audio", "WER", "seconds heard"), tuple(rows))


def _rates(name: str, found: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            row["condition"],
            _percent(row["live"]),
            _percent(row["second_pass"]) if row["second_pass"] is not None else "",
        )
        for row in found
    ]
    return Table(name, ("condition", "WER live", "WER second pass"), tuple(rows))


def _precision(figures: Figures) -> Table:
    rows = [
        (
            row["name"],
            f"{row['memory_mb']:.0f} MB",
            f"{row['cpu_s_per_audio_s']:.3f}",
            _percent(row["word_error_rate"]),
        )
        if row["supported"]
        else (row["name"], "", "this CPU has no arithmetic for it", "")
        for row in figures["precision"]
    ]
    return Table("precision", ("weights", "memory", "CPU s a second of audio", "WER"), tuple(rows))


def _reliability(figures: Figures) -> Table:
    rows = [
        (f"{row['confidence']:.2f}", f"{row['right']:.2f}", str(row["count"]), "█" * round(20 * row["right"]))
        for row in figures["confidence"]["words"]
    ]
    return Table("reliability", ("mean confidence", "share right", "words", ""), tuple(rows))


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _points(share: float) -> str:
    return f"{share * 100:+.1f}"


def _ms(figures: Figures, name: str) -> str:
    return f"{figures[name]} ms"


def _plain(value: float | None) -> str:
    return "not given" if value is None else f"{value:.3f}"


def main() -> None:
    """Renew the document from the last figures."""
    write_document(json.loads((_FOLDER / "asr.json").read_text()))


if __name__ == "__main__":
    main()
