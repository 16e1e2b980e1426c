"""How well the confidence of words tells wrong ones from right ones: `python -m benchmarks.confidence --every 1`.

The odd-numbered telephone prompts, clean, lower and in noise, and voices that nothing was tuned on, through the live
recogniser. Prints a table, writes build/bench/confidence.json and draws the reliability plot, docs/confidence.svg.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from asr.wire.messages import ChannelOptions
from benchmarks.acoustics import by_telephone, in_white_noise, lowered
from benchmarks.certainty import Bin, Judged, auc, reliability
from benchmarks.corpus import RATE, Channel, Pcm, channels, odd_prompts
from benchmarks.latency import right_words
from benchmarks.streaming import Listener
from benchmarks.voices import all_voices
from callscribe.domain.transcript import Final
from tests.wer import normalise

OUTPUT = Path("build/bench/confidence.json")
PLOT = Path("docs/confidence.svg")
_SIDE, _EDGE = 360, 50
"""Of the plot, in pixels."""


@dataclass(frozen=True, slots=True)
class Case:
    """A channel under a condition."""

    condition: str
    pcm: Pcm
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured under a condition."""

    condition: str
    words: int
    wrong: float
    """Share of the words."""
    word_auc: float | None
    calibration_error: float
    """Mean distance of confidence and share right over tenths of confidence, weighted by their words."""
    finals: int
    final_auc: float | None
    """A final is right when all its words are."""


def main() -> None:
    """Run over every n-th odd prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th odd prompt")
    every = parser.parse_args().every
    console = Console()
    listener = Listener()
    judged: dict[str, tuple[list[Judged], list[Judged]]] = {}
    for case in track(list(_cases(every, console.print)), description="confidence"):
        words, finals = judged.setdefault(case.condition, ([], []))
        heard = listener.hear(by_telephone(case.pcm), ChannelOptions(channel=0, rate=RATE))
        more_words, more_finals = judge(heard.finals, case.text)
        words += more_words
        finals += more_finals
    prompts = [one for name, (words, _) in judged.items() if not name.startswith("voice") for one in words]
    results = [_result(name, words, finals) for name, (words, finals) in judged.items()]
    plot = reliability(prompts)
    PLOT.write_text(drawn(plot), encoding="utf-8")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    figures = {"conditions": [asdict(result) for result in results], "reliability": [asdict(one) for one in plot]}
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    console.print(_table(results))


def _cases(every: int, warn: Callable[[str], None]) -> Iterator[Case]:
    conditions: dict[str, Callable[[Channel], Pcm]] = {
        "clean": lambda channel: channel.pcm,
        "20 dB lower": lambda channel: lowered(channel, 20),
        "white noise 20 dB": lambda channel: in_white_noise(channel, 20),
        "white noise 10 dB": lambda channel: in_white_noise(channel, 10),
        "white noise 5 dB": lambda channel: in_white_noise(channel, 5),
    }
    for name, change in conditions.items():
        yield from (Case(name, change(channel), channel.text) for channel in channels(odd_prompts(every)))
    for voice in all_voices(warn):
        yield from (Case(f"voice {voice.name}", one.pcm, one.text) for one in channels(voice.clips[::every]))


def judge(finals: Sequence[Final], text: str) -> tuple[list[Judged], list[Judged]]:
    """The words of a channel's finals and the finals themselves, right or not by the least errors.

    A word that is written apart from how it is compared ("10" for "one zero") is right when all its parts are.
    """
    parts = [(number, part) for number, word in enumerate(_words(finals)) for part in normalise(word).split()]
    right = right_words(normalise(text).split(), [part for _, part in parts])
    wrong = {number for place, (number, _) in enumerate(parts) if place not in right}
    words: list[Judged] = []
    whole: list[Judged] = []
    for final in finals:
        first = len(words)
        words += [Judged(word.confidence, first + place not in wrong) for place, word in enumerate(final.words)]
        whole.append(Judged(final.confidence, all(word.right for word in words[first:])))
    return words, whole


def _words(finals: Sequence[Final]) -> list[str]:
    return [word.text for final in finals for word in final.words]


def _result(condition: str, words: Sequence[Judged], finals: Sequence[Judged]) -> Result:
    error = sum(abs(one.confidence - one.right) * one.count for one in reliability(words)) / max(len(words), 1)
    wrong = sum(not word.right for word in words) / max(len(words), 1)
    return Result(condition, len(words), round(wrong, 4), auc(words), round(error, 4), len(finals), auc(finals))


def _table(results: Sequence[Result]) -> Table:
    columns = ("condition", "words", "wrong", "AUC of words", "calibration error", "AUC of finals")
    table = Table(*columns, title=f"Confidence, written to {OUTPUT}; plot in {PLOT}")
    for one in results:
        word_auc, final_auc = ("" if value is None else f"{value:.3f}" for value in (one.word_auc, one.final_auc))
        table.add_row(
            one.condition, str(one.words), f"{one.wrong:.1%}", word_auc, f"{one.calibration_error:.3f}", final_auc
        )
    return table


def drawn(bins: Sequence[Bin]) -> str:
    """The reliability plot as SVG: a circle for each tenth of confidence, its area by the share of words."""
    whole = _SIDE + 2 * _EDGE
    most = max((one.count for one in bins), default=1)
    circles = [
        f'<circle cx="{_across(one.confidence)}" cy="{_up(one.right)}" r="{3 + 9 * (one.count / most) ** 0.5:.1f}">'
        f"<title>{one.count} words: confidence {one.confidence:.2f}, right {one.right:.2f}</title></circle>"
        for one in bins
    ]
    marks = [
        f'<text x="{_across(share)}" y="{_up(0) + 20}" text-anchor="middle">{share:g}</text>'
        f'<text x="{_EDGE - 8}" y="{_up(share) + 4}" text-anchor="end">{share:g}</text>'
        for share in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" font-family="sans-serif" '
            'font-size="12">',
            f'<rect width="{whole}" height="{whole}" fill="white"/>',
            f'<path d="M{_across(0)} {_up(1)} V{_up(0)} H{_across(1)} M{_across(0)} {_up(0)} L{_across(1)} {_up(1)}" '
            'fill="none" stroke="#888"/>',
            *marks,
            f'<text x="{whole // 2}" y="{whole - 8}" text-anchor="middle">confidence of a word</text>',
            f'<text transform="translate(14 {whole // 2}) rotate(-90)" text-anchor="middle">share right</text>',
            '<g fill="#2563eb" fill-opacity="0.7">',
            *circles,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _across(share: float) -> int:
    return round(_EDGE + share * _SIDE)


def _up(share: float) -> int:
    return round(_EDGE + (1 - share) * _SIDE)


if __name__ == "__main__":
    main()
