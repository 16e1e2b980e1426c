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
    """All tables for which there are figures."""
    for table in tables(figures):
        print_table(table, console)


def print_table(table: Table, console: Console) -> None:
    printed = Printed(*table.columns, title=table.name)
    for row in table.rows:
        printed.add_row(*row)
    console.print(printed)


def write_document(figures: Figures) -> None:
    """Put all tables for which there are figures into the document of them."""
    put(DOCUMENT, tables(figures))


def put(document: Path, tables: Sequence[Table]) -> None:
    """Put tables between their marks in a document. What lies outside of marks stays as it is."""
    text = document.read_text(encoding="utf-8")
    for table in tables:
        begin, end = f"<!-- {table.name} -->\n", f"<!-- end of {table.name} -->"
        before, found, rest = text.partition(begin)
        if not found:
            raise SystemExit(f"{document} has no mark {begin.strip()}")
        text = before + begin + table.as_markdown() + end + rest.partition(end)[2]
    document.write_text(text, encoding="utf-8")


def with_others(figures: Figures) -> Figures:
    """The figures of asr.json, and those of the benchmarks beside it that were ever run."""
    parts = ("hotwords", "endpointing", "capacity", "sip", "bridge", "search", "search-5000000", "desk")
    files = {name: _FOLDER / f"{name}.json" for name in parts}
    return figures | {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def tables(figures: Figures) -> list[Table]:
    """The tables of the figures, those left out whose part was never run."""
    made = [_machine(figures)] if "measured" in figures else []
    makers = {
        "hotwords": _hotwords,
        "endpointing": _endpointing,
        "capacity": _capacity,
        "sip": _sip,
        "bridge": _bridge,
        "search": lambda found: _search(found["search"], "search"),
        "search-5000000": lambda found: _search(found["search-5000000"], "search of five million"),
        "desk": _desk,
        "live": _gates,
        "stability": _stability,
        "contenders": _contenders,
        "conditions": lambda found: _rates("acoustics", found["conditions"]),
        "voices": lambda found: _rates("voices", found["voices"]),
        "loss": lambda found: _rates("loss", found["loss"]),
        "precision": _precision,
        "confidence": _reliability,
    }
    if "endpointing" in figures:
        made.append(_detection(figures))
    return made + [make(figures) for part, make in makers.items() if part in figures]


def _machine(figures: Figures) -> Table:
    rows = [(name, value) for name, value in figures["machine"].items()]
    rows += [
        (
            f"part {part}",
            f"{run['at']}, commit {run['commit']}" + ("" if run["every"] == 1 else f", one clip of {run['every']}"),
        )
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
        ("second pass, CPU a second of audio", f"{figures['second_pass']['cpu_s_per_audio_s']:.3f} s", "", ""),
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
    if "hotwords" in figures:
        found = figures["hotwords"]
        rows += [
            ("hotwords: recall, points", _points(found["recall_gain"]), "+10", "+15"),
            ("hotwords: U-WER, points", _points(found["u_wer_delta"]), "+0.2", ""),
            ("100 and 1,000 never said: U-WER, points", _unsaid(found), "+0.3", ""),
            ("false hotwords a minute in noise at 5 dB", str(found["false_a_minute_noise"]), "1", ""),
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


def _bridge(figures: Figures) -> Table:
    rows = [
        (
            str(level["calls"]),
            f"{level['added_p50_ms']} ms",
            f"{level['added_p99_ms']} ms",
            f"{level['added_worst_ms']} ms",
            str(level["lost"]),
            f"{level['relay_ms_per_call_second']} ms",
        )
        for level in figures["bridge"]["levels"]
    ]
    columns = ("bridged calls", "added, p50", "added, p99", "slowest packet", "lost", "CPU of the relay a call-second")
    return Table("bridge", columns, tuple(rows))


def _desk(figures: Figures) -> Table:
    found = figures["desk"]
    places = {
        "call": f"{found['followers']} programs, a call each",
        "floor": f"{found['floors']} programs, all calls",
        "floor_page": "page of all calls",
        "call_page": "page of a call",
    }
    rows = [
        (
            f"publish to {name}, {share}",
            f"{found[kind][f'{share}_ms']} ms",
            f"{found['gate_ms']} ms" if share == "p95" else "",
        )
        for kind, name in places.items()
        if kind in found
        for share in ("p50", "p95")
    ]
    rows += [
        ("CPU of the web process a second", f"{found['web_cpu_s_per_s']:.2f} s", ""),
        ("CPU of the event store a second", f"{found['valkey_cpu_s_per_s']:.2f} s", ""),
        ("memory of the web process", f"{found['web_mb']:.0f} MB", ""),
        ("sent to programs a second", f"{(found['call']['kb_per_s'] + found['floor']['kb_per_s']) / 1000:.1f} MB", ""),
    ]
    pages = [name for name in ("floor_page", "call_page") if name in found]
    rows += [(f"heap of the {places[name]}", f"{found[name]['heap_mb']} MB", "") for name in pages]
    return Table("desk", ("figure", "measured", "gate"), tuple(rows))


def _search(figures: Figures, name: str) -> Table:
    times = ("p50", "p95", "p50 unhindered", "p95 unhindered", "CPU of the server", "CPU of the client")
    rows = [
        (
            kind,
            f"{found['p50_ms']:.0f} ms",
            f"{found['p95_ms']:.0f} ms",
            f"{found['unhindered_p50_ms']:.0f} ms",
            f"{found['unhindered_p95_ms']:.0f} ms",
            f"{found['server_cpu_ms']:.0f} ms",
            f"{found['client_cpu_ms']:.0f} ms",
            f"{found['hits']:.0f}",
        )
        for kind, found in figures["kinds"].items()
    ]
    return Table(name, ("search for", *times, "hits a page"), tuple(rows))


def _precision(figures: Figures) -> Table:
    rows = [
        (
            row["name"],
            f"{row['memory_mb']:.0f} MB",
            f"{row['cpu_s_per_audio_s']:.3f}",
            _percent(row["word_error_rate"]),
        )
        if row["supported"]
        else (row["name"], "", "no arithmetic for it on this CPU", "")
        for row in figures["precision"]
    ]
    return Table("precision", ("weights", "memory", "CPU s a second of audio", "WER"), tuple(rows))


def _reliability(figures: Figures) -> Table:
    rows = [
        (f"{row['confidence']:.2f}", f"{row['right']:.2f}", str(row["count"]), "█" * round(20 * row["right"]))
        for row in figures["confidence"]["words"]
    ]
    return Table("reliability", ("mean confidence", "share right", "words", ""), tuple(rows))


def _hotwords(figures: Figures) -> Table:
    found = figures["hotwords"]
    rows = [
        (
            f"{row['material']}, {row['condition']}",
            f"{_percent(row['recall'])} ({row['found']} of {row['said']})",
            str(row["false_a_minute"]),
            _percent(row["wer"]),
            f"{row['u_wer'] * 100:.2f} %",
        )
        for row in found["conditions"]
    ]
    return Table("hotwords", ("material and list", "recall", "false a minute", "WER", "U-WER"), tuple(rows))


def _endpointing(figures: Figures) -> Table:
    rows = [
        (
            f"{row['hang_ms']} / {row['open_hang_ms']} ms",
            *(_percent(share) for share in row["cut"].values()),
            f"{row['final_p50_ms']} / {row['final_p95_ms']} ms",
        )
        for row in figures["endpointing"]["curve"]
    ]
    kinds = tuple(f"cut {kind}" for kind in figures["endpointing"]["curve"][0]["cut"])
    return Table("endpointing", ("hang / open hang", *kinds, "final p50 / p95"), tuple(rows))


def _detection(figures: Figures) -> Table:
    rows = [
        (
            row["condition"],
            f"{row['onset_p50_ms']} / {row['onset_p95_ms']} ms",
            f"{row['clipped_p95_ms']} ms",
            _percent(row["missed_speech"]),
            f"{row['false_alarms_a_minute']:.1f}",
            _percent(row["not_decoded"]),
        )
        for row in figures["endpointing"]["detection"]
    ]
    columns = ("condition", "onset late p50 / p95", "clipped p95", "speech missed", "false a minute", "never decoded")
    return Table("detection", columns, tuple(rows))


def _capacity(figures: Figures) -> Table:
    rows = [
        (
            str(row["calls"]),
            f"{row['cores']:.2f}",
            f"{row['text_age_p50_ms']:.0f} / {row['text_age_p95_ms']:.0f} ms",
            f"{row['final_p50_ms']:.0f} / {row['final_p95_ms']:.0f} ms",
            str(row["audio_lost"]),
        )
        for row in figures["capacity"]["levels"]
    ]
    columns = ("calls at once", "cores of the service", "age of the text p50 / p95", "final p50 / p95", "audio lost")
    return Table("capacity", columns, tuple(rows))


def _sip(figures: Figures) -> Table:
    rows = [
        (
            f"{row['calls']} in {row['lines']}",
            f"{row['cpu_ms_per_call_second']:.1f} ms",
            f"{row['lines_cpu_ms_per_call_second']:.1f} ms",
            f"{row['node_cpu_ms_per_call_second']:.1f} ms",
            f"{row['idle_line_cpu_ms_per_second']:.1f} ms",
            f"{row['setup_p50_ms']:.0f} / {row['setup_p95_ms']:.0f} ms",
            str(row["lost"]),
        )
        for row in figures["sip"]["runs"]
    ]
    columns = (
        "calls at once, in lines", "CPU a call-second", "of it lines", "of it front and event loop",
        "CPU a second of an idle line", "INVITE to 200 p50 / p95", "audio lost",
    )  # fmt: skip
    return Table("sip", columns, tuple(rows))


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _points(share: float) -> str:
    return f"{share * 100:+.2f}"


def _ms(figures: Figures, name: str) -> str:
    return f"{figures[name]} ms"


def _unsaid(found: Mapping[str, Any]) -> str:
    return " / ".join(f"{found[f'u_wer_delta_{count}_unsaid'] * 100:+.2f}" for count in (100, 1000))


def _plain(value: float | None) -> str:
    return "not given" if value is None else f"{value:.3f}"


def main() -> None:
    """Renew the document from the last figures of all benchmarks."""
    write_document(with_others(json.loads((_FOLDER / "asr.json").read_text())))


if __name__ == "__main__":
    main()
