"""What a language model gains and costs in the second pass: python -m benchmarks.language_model

Even-numbered telephone prompts, each as an utterance of a channel, through the telephone: with Whisper alone, and with
a trigram model of what the odd-numbered prompts say, at several weights. The model has seen no text of the test, but
texts like it, as a house's own would be. Prints a table and writes build/bench/language_model.json.
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from asr.second_pass import SecondPass
from asr.settings import MOST_CPU_SHARE, SecondPassSettings
from benchmarks.acoustics import by_telephone
from benchmarks.corpus import RATE, Channel, Clip, channels, odd_prompts
from callscribe.text.word_errors import normalise, word_error_rate
from tests.prompts import load_prompts

OUTPUT = Path("build/bench/language_model.json")
RUNS = ((5, 0.0), (5, 0.1), (5, 0.2), (5, 0.4))
"""Beam, of which all texts are asked about, and weight."""
_ORDER = 3


def main() -> None:
    """Run all weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every n-th even prompt")
    every = parser.parse_args().every
    texts = [clip.text for clip in odd_prompts()]
    sent = channels([Clip(prompt.name, prompt.text, prompt.pcm) for prompt in load_prompts()[0::2][::every]])
    figures: list[dict[str, float]] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "odd-prompts.arpa"
        path.write_text(trained([normalise(text).split() for text in texts]), encoding="utf-8")
        for beam, weight in RUNS:
            settings = SecondPassSettings(
                language_model=str(path),
                language_model_weight=weight,
                beam=beam,
                hypotheses=beam,
                cpu_share=MOST_CPU_SHARE,
            )
            figures.append({"beam": beam, "weight": weight} | _measured(settings, sent))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    Console().print(_table(figures))


def _measured(settings: SecondPassSettings, sent: Sequence[Channel]) -> dict[str, float]:
    """Share of wrong words, and CPU seconds a second of audio."""
    second_pass = SecondPass(settings)
    second_pass.knows("en")
    said, heard = [], []
    began = time.process_time()
    for channel in sent:
        texts = second_pass.revise(by_telephone(channel.pcm), RATE, [(turn.start, turn.end) for turn in channel.turns])
        said += [turn.clip.text for turn in channel.turns]
        heard += [text.text if text else "" for text in texts]
    seconds = sum(channel.seconds for channel in sent)
    return {
        "utterances": len(said),
        "wer": round(word_error_rate(said, heard), 4),
        "cpu": round((time.process_time() - began) / seconds, 3),
    }


def trained(sentences: Sequence[Sequence[str]]) -> str:
    """A model of word n-grams in ARPA's format, with Witten and Bell's discounting.

    Interpolated, as Chen and Goodman tell it in "An empirical study of smoothing techniques for language modeling",
    Computer Speech and Language 13, 1999: each n-gram's probability is what back-off from it would need.
    """
    counts = [
        Counter(
            padded[place : place + order]
            for padded in (("<s>", *sentence, "</s>") for sentence in sentences)
            for place in range(len(padded) - order + 1)
        )
        for order in range(1, _ORDER + 1)
    ]
    del counts[0][("<s>",)]
    kinds = len(counts[0]) + 1
    chances: dict[tuple[str, ...], float] = {}
    left: dict[tuple[str, ...], float] = {}
    for table in counts:
        contexts: Counter[tuple[str, ...]] = Counter()
        followers: Counter[tuple[str, ...]] = Counter()
        for ngram, count in table.items():
            contexts[ngram[:-1]] += count
            followers[ngram[:-1]] += 1
        left |= {context: followers[context] / (total + followers[context]) for context, total in contexts.items()}
        for ngram, count in table.items():
            context = ngram[:-1]
            shorter = chances[ngram[1:]] if context else 1 / kinds
            chances[ngram] = count / (contexts[context] + followers[context]) + left[context] * shorter
    chances |= {("<unk>",): left[()] / kinds, ("<s>",): 1e-99}
    return _written(chances, left)


def _written(chances: dict[tuple[str, ...], float], left: dict[tuple[str, ...], float]) -> str:
    tables = [[ngram for ngram in chances if len(ngram) == order] for order in range(1, _ORDER + 1)]
    lines = ["\\data\\", *(f"ngram {order}={len(table)}" for order, table in enumerate(tables, 1))]
    for order, table in enumerate(tables, 1):
        lines += ["", f"\\{order}-grams:"]
        for ngram in table:
            backoff = f"\t{math.log10(left[ngram]):.6f}" if ngram in left else ""
            lines.append(f"{math.log10(chances[ngram]):.6f}\t{' '.join(ngram)}{backoff}")
    return "\n".join([*lines, "", "\\end\\", ""])


def _table(figures: Sequence[dict[str, float]]) -> Table:
    table = Table("beam = hypotheses", "weight", "WER", "CPU s a second of audio")
    for row in figures:
        table.add_row(f"{row['beam']:g}", f"{row['weight']:g}", f"{row['wer']:.1%}", f"{row['cpu']:.3f}")
    return table


if __name__ == "__main__":
    main()
